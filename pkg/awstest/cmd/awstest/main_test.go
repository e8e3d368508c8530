package main

import (
	"bufio"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// up starts the program. It returns the exported variables, a function that calls the
// control server, and a function that stops the program.
func up(t *testing.T, args ...string) (env map[string]string, control func(method, path string) (int, string), end func()) {
	t.Helper()
	in, closeIn := io.Pipe()
	out, outW := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- run(t.Context(), args, in, outW, io.Discard) }()
	env = map[string]string{}
	for s := bufio.NewScanner(out); s.Scan() && s.Text() != "# ready"; {
		if names, ok := strings.CutPrefix(s.Text(), "unset "); ok {
			env["unset"] = names
			continue
		}
		name, value, _ := strings.Cut(strings.TrimPrefix(s.Text(), "export "), "=")
		env[name] = strings.Trim(value, "'")
	}
	control = func(method, path string) (int, string) {
		t.Helper()
		r, err := http.NewRequest(method, env["AWSTEST_CONTROL"]+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, strings.TrimSpace(string(b))
	}
	return env, control, func() {
		closeIn.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestControlRequests(t *testing.T) {
	home := t.TempDir()
	env, control, end := up(t, "-home", home, "-account", "111122223333", "-region", "cn-north-1", "-endpoints")
	if env["HOME"] != home || env["AWSTEST_REGISTRY"] != "111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn" || env["PATH"] != "" {
		t.Errorf("exports %v", env)
	}
	tokens, _ := filepath.Glob(filepath.Join(home, ".aws/sso/cache/*.json"))
	if len(tokens) != 1 {
		t.Fatalf("token files %v", tokens)
	}
	before, _ := os.ReadFile(tokens[0])
	for _, c := range []struct {
		method, path string
		status       int
	}{
		{"POST", "/signin", 200}, {"POST", "/fault?op=ListAccounts&kind=status&status=503&times=1", 200},
		{"POST", "/fault?op=ListAccounts&kind=nonsense", 400}, {"POST", "/fault?op=nonsense&kind=hang", 400}, {"POST", "/expire?what=session", 200},
		{"POST", "/expire?what=nonsense", 400}, {"POST", "/approve-device", 400}, {"POST", "/advance?by=13h", 200}, {"GET", "/secrets", 200},
	} {
		if status, body := control(c.method, c.path); status != c.status {
			t.Errorf("%s %s: %d %s", c.method, c.path, status, body)
		}
	}
	if after, _ := os.ReadFile(tokens[0]); string(after) == string(before) {
		t.Error("POST /signin saved no token")
	}
	for _, want := range []int{503, 401} {
		if resp, err := http.Get(env["AWS_ENDPOINT_URL_SSO"] + "/assignment/accounts"); err != nil || resp.StatusCode != want {
			t.Errorf("%v, %v, want %d", resp, err, want)
		}
	}
	if _, n := control("GET", "/calls?op=ListAccounts"); n != "2" {
		t.Errorf("%s calls", n)
	}
	if status, _ := control("POST", "/clear-faults"); status != 200 {
		t.Error("clear-faults")
	}
	end()
}

// The user's own variables must not make the shell bypass the fake.
func TestUnsetsConflictingVariables(t *testing.T) {
	env, _, end := up(t, "-home", t.TempDir())
	end()
	away := strings.Fields(env["unset"])
	for name, want := range map[string]bool{
		"AWS_CA_BUNDLE": true, "AWS_PROFILE": true, "AWS_ACCESS_KEY_ID": true, "https_proxy": true, "NO_PROXY": true, "ECR_SSO_CACHE_DIR": true,
		"HTTPS_PROXY": false, "HOME": false, "DOCKER_CONFIG": false, "PATH": false, "AWS_EC2_METADATA_DISABLED": false, "SSL_CERT_FILE": false,
	} {
		if slices.Contains(away, name) != want {
			t.Errorf("%s unset: %v, want %v", name, !want, want)
		}
	}
}

func TestSecondStartReusesHome(t *testing.T) {
	home := t.TempDir()
	for range 2 {
		_, _, end := up(t, "-home", home)
		end()
	}
	b, _ := os.ReadFile(filepath.Join(home, ".aws/config"))
	if strings.Count(string(b), "[profile dev]") != 1 {
		t.Errorf("%s", b)
	}
}
