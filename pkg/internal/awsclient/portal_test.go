package awsclient

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

func TestRoleCredentialsDoNotNeedTokenFile(t *testing.T) {
	w := newWorld(t, awstest.Options{})
	if err := os.Remove(w.path); err != nil { // a refresh is replacing it, or the user signed out
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
	if _, err := c.AuthorizationToken(t.Context(), w.reg, keys); err != nil {
		t.Error(err)
	}
	w.DenyRole(account, role)
	if f := faultOf(t, w.roleCredentials(w.client(t))); f.Kind != Forbidden || w.Calls(awstest.Portal) != 2 {
		t.Errorf("kind %d after %d calls: %v", f.Kind, w.Calls(awstest.Portal), f)
	}
}

// The SDK's provider reads the token file again. The portal must get the token that the
// caller checked or refreshed, even if the profile assumes a role.
func TestPortalGetsCallersToken(t *testing.T) {
	w := newWorld(t, awstest.Options{})
	old := w.token
	w.home.WriteToken("corp", w.SignIn(startURL, region, true))
	for name, token := range map[string]string{"the file has another token": old.AccessToken.Reveal(), "the caller's is refused": "refused"} {
		ours := old
		ours.AccessToken = secret.New(token)
		c := w.client(t, func(o *Options) {
			o.Config = w.config(t, "[profile r]\nrole_arn = arn:aws:iam::"+account+":role/Push\nsource_profile = s\n"+
				"[profile s]\nsso_session = corp\nsso_account_id = "+account+"\nsso_role_name = Push\n"+
				"[sso-session corp]\nsso_start_url = "+startURL+"\nsso_region = "+region+"\n")
		})
		_, err := c.RoleCredentials(t.Context(), w.sso, w.path, ours)
		_, behind := c.ProfileCredentials(t.Context(), "r", w.path, ours, region)
		if good := token != "refused"; (err == nil) != good || (behind == nil) != good {
			t.Errorf("%s: error %v, got %v", name, err, behind)
		}
	}
}

func TestPortalResponses(t *testing.T) {
	tests := map[string]struct {
		rewrite func(string) string
		kind    Kind
	}{
		"expiry in seconds": {func(s string) string {
			return regexp.MustCompile(`"expiration":(\d{10})\d{3}`).ReplaceAllString(s, `"expiration":$1`)
		}, BadResponse},
		"no expiry":                 {func(s string) string { return regexp.MustCompile(`"expiration":\d+,`).ReplaceAllString(s, ``) }, BadResponse},
		"no secret":                 {func(s string) string { return strings.Replace(s, "secretAccessKey", "nothing", 1) }, Empty},
		"line break in a key":       {func(s string) string { return strings.Replace(s, `"accessKeyId":"`, `"accessKeyId":"\n`, 1) }, BadResponse},
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
