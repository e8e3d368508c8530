package awscache

import (
	"errors"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

func TestReadTokenErrors(t *testing.T) {
	tests := []struct{ name, content string }{
		{"null", `null`},
		{"array", `[]`},
		{"string", `"AT"`},
		{"empty object", `{}`},
		{"registration, which has no access token", `{"clientId": "x", "clientSecret": "y", "expiresAt": "2026-11-23T08:28:21Z"}`},
		{"empty access token", `{"accessToken": "", "expiresAt": "2026-11-23T08:28:21Z"}`},
		{"null access token", `{"accessToken": null, "expiresAt": "2026-11-23T08:28:21Z"}`},
		{"access token that is a number", `{"accessToken": 1, "expiresAt": "2026-11-23T08:28:21Z"}`},
		{"access token that is an object", `{"accessToken": {"a": "b"}, "expiresAt": "2026-11-23T08:28:21Z"}`},
		{"no expiry", `{"accessToken": "AT"}`},
		{"expiry that is true", `{"accessToken": "AT", "expiresAt": true}`},
		{"expiry that is not a date", `{"accessToken": "AT", "expiresAt": "tomorrow"}`},
		{"deep nesting", `{"a":` + strings.Repeat(`{"a":`, 100_000) + "1" + strings.Repeat("}", 100_001)},
		{"text after the object", cliFile + `}`},
		{"UTF-16", "\xff\xfe{\x00}\x00"},
		{"more than 1 MiB", cliFile + strings.Repeat(" ", 1<<20)},
		{"binary", "\x00\x01\xff"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				tok, err := ReadToken(file(t, tt.content))
				if !errors.Is(err, ErrDamaged) {
					t.Errorf("got %v, %v", tok, err)
				}
				if waited := time.Since(start); waited > 0 {
					t.Errorf("waited %v for a complete file", waited)
				}
			})
		})
	}
}

// A token in another tool's file is used if its two main fields can be parsed. It is
// refreshed only if all other fields can be parsed too.
func TestReadTokenFromOtherTools(t *testing.T) {
	const token = `"accessToken": "AT", "expiresAt": "2026-11-23T08:28:21Z"`
	const client = `, "clientId": "CID", "clientSecret": "CS", "refreshToken": "RT"`
	for name, tc := range map[string]struct {
		content     string
		refreshable bool
	}{
		"aws-sso-util":                     {`{"startUrl": "https://x", "region": "us-east-1", "accessToken": "AT", "expiresAt": "2026-11-23T08:28:21UTC", "receivedAt": "2026-11-23T00:28:21UTC"}`, false},
		"an IDE, fractions, own keys":      {`{"accessToken":"AT","refreshToken":"RT","expiresAt":"2026-11-23T08:28:21.000Z","clientIdHash":"0123","authMethod":"IdC","provider":"Enterprise"}`, false},
		"JavaScript's milliseconds":        {`{"accessToken": "AT", "expiresAt": 1795422501000, "registrationExpiresAt": 1803198501000` + client + `}`, true},
		"JavaScript's Date as a text":      {`{"accessToken": "AT", "expiresAt": "Mon Nov 23 2026 08:28:21 GMT+0000 (UTC)"}`, false},
		"registration in seconds":          {`{` + token + `, "registrationExpiresAt": 1803198501` + client + `}`, true},
		"Go's zero time":                   {`{` + token + `, "registrationExpiresAt": "0001-01-01T00:00:00Z"` + client + `}`, true},
		"registration's end is not a date": {`{` + token + `, "registrationExpiresAt": "never"` + client + `}`, false},
		"registration's end is true":       {`{` + token + `, "registrationExpiresAt": true` + client + `}`, false},
		"client id that is a number":       {`{` + token + `, "clientSecret": "CS", "refreshToken": "RT", "clientId": 123}`, false},
		"client that is an object":         {`{` + token + `, "clientSecret": {"value": "CS"}, "refreshToken": "RT", "clientId": "CID"}`, false},
		"refresh token that is false":      {`{` + token + `, "clientId": "CID", "clientSecret": "CS", "refreshToken": false}`, false},
		"region that is a list":            {`{` + token + `, "region": ["us-east-1"]` + client + `}`, false},
		"start URL that is an object":      {`{` + token + `, "startUrl": {"url": "https://x"}` + client + `}`, false},
		"nulls":                            {`{` + token + `, "startUrl": null, "region": null, "registrationExpiresAt": null` + client + `}`, true},
		"pretty, with a line end":          {"{\r\n  " + token + client + "\r\n}\r\n", true},
		"byte order mark":                  {"\ufeff{" + token + client + "}", true},
		"keys in two cases":                {`{"AccessToken": "other", "ExpiresAt": 1, ` + token + `}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ReadToken(file(t, tc.content))
			if err != nil {
				t.Fatal(err)
			}
			now := expiry.Add(-time.Minute)
			if got.AccessToken.Reveal() != "AT" || !got.ExpiresAt.Equal(expiry) || !got.Live(now) {
				t.Errorf("%v until %s", got.AccessToken.Reveal(), got.ExpiresAt)
			}
			if got.Refreshable(now) != tc.refreshable {
				t.Errorf("refreshable: %v", !tc.refreshable)
			}
		})
	}
}

func TestReadTokenFileErrors(t *testing.T) {
	path := file(t, "")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadToken(path); !errors.Is(err, ErrMissing) {
		t.Errorf("no file: %v", err)
	}
	if _, err := ReadToken(must(TokenPath(t.TempDir(), "x"))); !errors.Is(err, ErrMissing) {
		t.Errorf("no directory: %v", err)
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadToken(path); !errors.Is(err, ErrDamaged) {
		t.Errorf("a directory: %v", err)
	}
}

func TestReadTokenWaitsForWriter(t *testing.T) {
	for _, cut := range []int{0, 1, 60, len(cliFile) - 1} {
		synctest.Test(t, func(t *testing.T) {
			path := file(t, cliFile[:cut])
			start := time.Now()
			go func() {
				time.Sleep(300 * time.Millisecond)
				if err := os.WriteFile(path, []byte(cliFile), 0o600); err != nil {
					t.Error(err)
				}
			}()
			if _, err := ReadToken(path); err != nil {
				t.Errorf("cut at %d: %v", cut, err)
			}
			if waited := time.Since(start); waited < 300*time.Millisecond || waited > 400*time.Millisecond {
				t.Errorf("cut at %d: waited %v", cut, waited)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		if _, err := ReadToken(file(t, cliFile[:50])); !errors.Is(err, ErrDamaged) {
			t.Errorf("always incomplete: %v", err)
		}
		if waited := time.Since(start); waited != time.Second {
			t.Errorf("always incomplete: waited %v", waited)
		}
	})
}

func TestErrorsContainNoSecrets(t *testing.T) {
	for _, content := range []string{
		`{"accessToken": "CANARY", "expiresAt": "CANARY"}`,
		`{"accessToken": "CANARY", "refreshToken": ["CANARY"]}`,
		`{"accessToken": CANARY}`,
		`{"accessToken": "CANARY" "CANARY"}`,
	} {
		_, err := ReadToken(file(t, content))
		if err == nil || strings.Contains(err.Error(), "CANARY") {
			t.Errorf("%s: error %v", content, err)
		}
	}
}

func TestWriteAndRemove(t *testing.T) {
	path := file(t, cliFile)
	if err := WriteToken(path, Token{AccessToken: secret.New("x")}); err == nil {
		t.Error("token without an expiry was written")
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	tok := cliToken()
	tok.AccessToken = secret.New("AT2")
	if err := WriteToken(path, tok); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o640 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	for range 2 {
		if err := RemoveToken(path); err != nil {
			t.Error(err)
		}
	}
	if _, err := ReadToken(path); !errors.Is(err, ErrMissing) {
		t.Errorf("after Remove: %v", err)
	}
}
