package awsclient

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

func TestRoleCredentials(t *testing.T) {
	tests := []struct {
		name string
		file func(string) (string, bool) // the token file's text; false: no file
	}{
		{"the file as AWS CLI writes it", func(s string) (string, bool) { return s, true }},
		{"a date in UTC, as older tools wrote it", func(s string) (string, bool) {
			return regexp.MustCompile(`("expiresAt": "[^"]*)Z"`).ReplaceAllString(s, `${1}UTC"`), true
		}},
		{"the file is just being rewritten", func(string) (string, bool) { return "", true }},
		{"a file with an older token", func(s string) (string, bool) {
			return regexp.MustCompile(`"accessToken": "[^"]*"`).ReplaceAllString(s, `"accessToken": "older"`), true
		}},
		{"a file that says expired", func(s string) (string, bool) {
			return regexp.MustCompile(`"expiresAt": "[^"]*"`).ReplaceAllString(s, `"expiresAt": "2020-01-01T00:00:00Z"`), true
		}},
		{"no file any more", func(string) (string, bool) { return "", false }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, awstest.Options{})
			old, err := os.ReadFile(w.path)
			if err != nil {
				t.Fatal(err)
			}
			text, ok := tt.file(string(old))
			if ok {
				err = os.WriteFile(w.path, []byte(text), 0o600)
			} else {
				err = os.Remove(w.path)
			}
			if err != nil {
				t.Fatal(err)
			}
			c := w.client(t)
			keys, err := c.RoleCredentials(t.Context(), w.sso, w.path, w.token)
			if err != nil {
				t.Fatal(err)
			}
			if keys.Account != account || keys.SessionToken.Empty() || time.Until(keys.Expiration).Round(time.Minute) != time.Hour {
				t.Errorf("got %+v", keys)
			}
			if n := w.Calls(awstest.Portal); n != 1 {
				t.Errorf("%d calls", n)
			}
			if now, err := os.ReadFile(w.path); ok && (err != nil || string(now) != text) {
				t.Error("the token file changed")
			}
			if _, err := c.AuthorizationToken(t.Context(), w.reg, keys); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestARoleThatCannotBeReadIsAskedForOnce(t *testing.T) {
	w := newWorld(t, awstest.Options{})
	if err := os.Remove(w.path); err != nil {
		t.Fatal(err)
	}
	w.DenyRole(account, role)
	if f := faultOf(t, w.roleCredentials(w.client(t))); f.Kind != Forbidden || w.Calls(awstest.Portal) != 1 {
		t.Errorf("kind %d after %d calls: %v", f.Kind, w.Calls(awstest.Portal), f)
	}
}

func TestAnswersOfThePortal(t *testing.T) {
	tests := map[string]struct {
		rewrite func(string) string
		kind    Kind
	}{
		"the expiry in seconds": {func(s string) string {
			return regexp.MustCompile(`"expiration":(\d{10})\d{3}`).ReplaceAllString(s, `"expiration":$1`)
		}, BadAnswer},
		"no expiry":                 {func(s string) string { return regexp.MustCompile(`"expiration":\d+,`).ReplaceAllString(s, ``) }, BadAnswer},
		"no secret":                 {func(s string) string { return strings.Replace(s, "secretAccessKey", "nothing", 1) }, Empty},
		"a line break in a key":     {func(s string) string { return strings.Replace(s, `"accessKeyId":"`, `"accessKeyId":"\n`, 1) }, BadAnswer},
		"null instead of an object": {func(string) string { return `{"roleCredentials":null}` }, Empty},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, awstest.Options{})
			w.Fail(awstest.Portal, awstest.Fault{Kind: awstest.Rewrite, Rewrite: func(b []byte) []byte { return []byte(tt.rewrite(string(b))) }})
			if f := faultOf(t, w.roleCredentials(w.client(t))); f.Kind != tt.kind {
				t.Errorf("kind %d, want %d: %v", f.Kind, tt.kind, f)
			}
		})
	}
}
