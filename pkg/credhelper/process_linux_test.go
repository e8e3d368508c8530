package credhelper_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/credhelper"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/warmfile"
)

// processLoginCases are the test cases of TestCredentialProcessLogin.
var processLoginCases = []struct {
	name    string
	expires time.Duration // as printed; 0: none
	lasts   time.Duration
}{
	{"no expiry", 0, time.Hour},
	{"expiry before the login's", 40 * time.Minute, 40 * time.Minute},
	{"expiry after the login's", 20 * time.Hour, 12*time.Hour - 10*time.Minute},
}

// TestCredentialProcessLogin checks how long a login from a credential_process is used:
// until the printed expiry, or for an hour if none was printed. The same applies to warm
// entries. After that, the login remains valid only with the same access key ID.
func TestCredentialProcessLogin(t *testing.T) {
	for _, tc := range processLoginCases {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t)
			printed := filepath.Join(w.home.Dir, "printed.json")
			keys := w.aws.AddKeys("123456789012")
			prints := func(keys awstest.Keys) {
				expiry := ""
				if tc.expires > 0 {
					expiry = fmt.Sprintf(`, "Expiration": %q`, w.now().Add(tc.expires).UTC().Format(time.RFC3339))
				}
				text := fmt.Sprintf(`{"Version": 1, "AccessKeyId": %q, "SecretAccessKey": %q%s}`, keys.AccessKeyID, keys.SecretAccessKey, expiry)
				if err := os.WriteFile(printed, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			w.home.WriteConfig("[profile p]\nregion = us-east-1\ncredential_process = cat \"" + printed + "\"\n")
			past := time.Now().Add(-time.Hour)
			if err := os.Chtimes(w.home.ConfigPath(), past, past); err != nil {
				t.Fatal(err)
			}
			set := append(w.home.Env(), "AWS_PROFILE=p")
			get := func() string {
				t.Helper()
				_, password, err := credhelper.New(credhelper.WithEnv(set), credhelper.WithClock(w.now),
					credhelper.WithTransport(w.aws.Transport())).Get(host)
				if err != nil {
					t.Fatal(err)
				}
				return password
			}
			prints(keys)
			asked := w.now()
			first := get()
			if left := time.Unix(warmUntil(t, set), 0).Sub(asked); left < tc.lasts-2*time.Second || left > tc.lasts+time.Minute {
				t.Errorf("the warm entry is valid for %v, want %v", left, tc.lasts)
			}
			if tc.expires > time.Hour {
				return
			}
			_ = os.Remove(printed) // the process must not run before it is due
			w.pass(tc.lasts - 2*time.Minute)
			if get() != first {
				t.Error("new login before it was due")
			}
			w.pass(4 * time.Minute)
			prints(keys)
			if get() != first || w.calls()[2] != 1 {
				t.Error("new login for the same key")
			}
			w.pass(tc.lasts + time.Minute)
			prints(w.aws.AddKeys("123456789012"))
			if get() == first || w.calls()[2] != 1 {
				t.Error("old login for a new key")
			}
		})
	}
}

// A credential_process is found in the PATH of WithEnv and gets that environment, as a
// program that embeds a Helper expects. The environment of this process does not reach it.
func TestCredentialProcessGetsEnvironment(t *testing.T) {
	const found = "printf '{\"Version\": 1, \"AccessKeyId\": \"%s\", \"SecretAccessKey\": \"%s\"}' \"$TOOL_ID\" \"$TOOL_KEY\"\n"
	w := newWorld(t)
	right, wrong := w.aws.AddKeys("123456789012"), t.TempDir()
	bin := t.TempDir()
	for file, text := range map[string]string{
		filepath.Join(bin, "tool"):   "#!/bin/sh\n[ -z \"$TOOL_OF_PROCESS\" ] || exit 3\n" + found,
		filepath.Join(wrong, "tool"): "#!/bin/sh\nexit 4\n",
	} {
		if err := os.WriteFile(file, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"TOOL_ID", "TOOL_KEY", "TOOL_OF_PROCESS"} {
		t.Setenv(name, "of-the-process")
	}
	t.Setenv("PATH", wrong)
	w.home.WriteConfig("[profile p]\ncredential_process = tool\n")
	get := func(more ...string) error {
		_, _, err := credhelper.New(credhelper.WithEnv(append(w.home.Env(), append(more, "AWS_PROFILE=p")...)),
			credhelper.WithTransport(w.aws.Transport())).Get(host)
		return err
	}
	if err := get("PATH="); err == nil || !strings.Contains(err.Error(), `"tool" is not on PATH`) {
		t.Errorf("without PATH: %v", err)
	}
	if err := get("PATH="+bin, "TOOL_ID="+right.AccessKeyID, "TOOL_KEY="+right.SecretAccessKey); err != nil {
		t.Error(err)
	}
}

// warmUntil returns when the warm entry for host expires, in seconds since 1970.
func warmUntil(t *testing.T, set []string) int64 {
	t.Helper()
	environment, dir, _ := warmfile.Environment(env.FromList(set).Named)
	key := warmfile.Key(host, environment)
	text, err := os.ReadFile(filepath.Join(dir, warmfile.Name(host, key)))
	if err != nil {
		t.Fatal(err)
	}
	var entry warmfile.Entry
	ok := entry.Parse(string(text), key)
	if !ok {
		t.Fatalf("not a warm entry: %s", text)
	}
	return entry.Until
}
