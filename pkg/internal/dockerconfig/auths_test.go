package dockerconfig

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLoginsInPlainText(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.json")
	text := `{"credsStore": "ecr-sso", "auths": {
		"https://index.docker.io/v1/": {"auth": "bWU6cGE6c3M="},
		"quay.io": {"username": "you", "password": "secret"},
		"http://old.example/v1/": {"auth": "bzpwAA=="},
		"azurecr.example": {"auth": "MDAwMDA6", "identitytoken": "it"},
		"empty.example": {},
		"email.example": {"email": "a@b"},
		"bad.example": {"auth": "%"},
		"bad2.example": {"auth": "bm9jb2xvbg=="},
		"registry.example:5000": {"auth": "YTpi"},
		"https://many.example/v2/": {"auth": "Mjpi"},
		"https://many.example/v1/": {"auth": "MTph"},
		"http://many.example": {}
	}}`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	for server, want := range map[string]string{
		"https://index.docker.io/v1/": "me pa:ss", "index.docker.io": "me pa:ss", "https://index.docker.io": "me pa:ss",
		"quay.io": "you secret", "https://quay.io": "you secret", "https://quay.io/": "you secret", "http://old.example/v1/": "o p",
		"old.example": "o p", "azurecr.example": "<token> it", "registry.example:5000": "a b",
		"many.example": "1 a", "https://many.example": "1 a",

		"quay.io/org/app": "", "registry.example": "", "empty.example": "", "email.example": "", "docker.io": "", "io": "", "": "",
		"https://index.docker.io/v1/access-token": "", "evil.example/quay.io": "", "bad.example": "error", "bad2.example": "error",
	} {
		var err error
		for range 20 { // the result must not depend on map order
			var login Login
			var ok bool
			login, ok, err = c.Login(server)
			got := ""
			if ok {
				got = login.Username + " " + login.Password.Reveal()
			}
			if err != nil {
				got = "error"
			}
			if got != want {
				t.Errorf("%s: %q, want %q (%v)", server, got, want, err)
			}
		}
		if err != nil && strings.Contains(err.Error(), "bm9jb2") {
			t.Errorf("a secret in %v", err)
		}
	}
	users, err := c.Logins()
	if err != nil || len(users) != 7 || users["quay.io"] != "you" || users["azurecr.example"] != "<token>" {
		t.Errorf("got %v, error %v", users, err)
	}
}
