package login

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

func TestRegistrationPath(t *testing.T) {
	const url = "https://my-portal.awsapps.com/start"
	seen := map[string]bool{}
	for _, c := range []struct {
		session string
		scopes  []string
		theirs  string // the AWS CLI's file name
	}{
		{"my-sso", []string{"sso:account:access"}, "e4c773780e72cf8ae648928c873357c0069e3465"},
		{"my-sso", nil, "e96d09aa7e416c3b96a35ebb0638a63eb8f78de3"},
		{"", nil, "442bf3503e8a75ba5c7d5010a657b6cfa56b8471"},
		{"my-sso", []string{"a", "b"}, "d2a133ea629b5e174e022b860b024e08a39982a6"},
		{"müller \"😀\"", nil, "a57d38278dff6a2d5e82a93b1de46ed6f4fdb518"},
	} {
		for _, forCode := range []bool{true, false} {
			got := must(registrationPath("/h", url, "us-east-1", c.session, c.scopes, forCode))
			theirs := filepath.FromSlash("/h/.aws/sso/cache/" + c.theirs + ".json")
			if got == theirs || seen[got] || filepath.Dir(got) != filepath.Dir(theirs) {
				t.Errorf("%q %v %v: %s", c.session, c.scopes, forCode, got)
			}
			seen[got] = true
		}
	}
}

func TestRegistrationFileMatchesAWSCLI(t *testing.T) {
	r := registration{ClientID: "CID", ClientSecret: secret.New(`C"S`), ExpiresAt: time.Date(2027, 2, 21, 0, 28, 21, 0, time.UTC)}
	if got := string(marshalRegistration(r)); got != `{"clientId": "CID", "clientSecret": "C\"S", "expiresAt": "2027-02-21T00:28:21Z"}` {
		t.Errorf("device: %s", got)
	}
	r.Scopes, r.GrantTypes = []string{"sso:account:access"}, codeGrants
	want := `{"clientId": "CID", "clientSecret": "C\"S", "expiresAt": "2027-02-21T00:28:21Z", "scopes": ["sso:account:access"], "grantTypes": ["authorization_code", "refresh_token"]}`
	if got := string(marshalRegistration(r)); got != want {
		t.Errorf("code: %s", got)
	}
}

func TestReadRegistration(t *testing.T) {
	now := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	const code = `{"clientId": "I", "clientSecret": "S", "expiresAt": "2026-11-23T08:15:00Z", "grantTypes": ["authorization_code", "refresh_token"]}`
	const device = `{"clientId": "I", "clientSecret": "S", "expiresAt": "2026-11-23T08:15:00UTC", "more": {"x": 1}}`
	for name, c := range map[string]struct {
		text     string
		forCode  bool
		now      time.Time
		reusable bool
	}{
		"code client, for code, 15 minutes left": {code, true, now, true},
		"one second less":                        {code, true, now.Add(time.Second), false},
		"code client, for device":                {code, false, now, false},
		"device client, older date, more fields": {device, false, now, true},
		"device client, for code":                {device, true, now, false},
		"no secret":                              {`{"clientId": "I", "expiresAt": "2026-11-23T09:15:00Z"}`, false, now, false},
		"empty file":                             {``, false, now, false},
		"cut":                                    {device[:40], false, now, false},
		"token file":                             {`{"startUrl": "u", "accessToken": "t", "expiresAt": "2027-11-23T09:15:00Z"}`, false, now, false},
		"null":                                   {`null`, false, now, false},
		"grant types of another type":            {`{"clientId": "I", "clientSecret": "S", "expiresAt": "2027-11-23T08:15:00Z", "grantTypes": 7}`, false, now, false},
		"expiry that is no date":                 {`{"clientId": "I", "clientSecret": "S", "expiresAt": "soon"}`, false, now, false},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "r.json")
			if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			r, ok := readRegistration(path, c.forCode, c.now)
			if ok != c.reusable || ok && (r.ClientID != "I" || r.ClientSecret.Reveal() != "S") {
				t.Errorf("reusable %v: %v", ok, r.ClientID)
			}
		})
	}
	if _, ok := readRegistration(filepath.Join(t.TempDir(), "none"), false, now); ok {
		t.Error("found a missing file")
	}
}

func FuzzRegistration(f *testing.F) {
	f.Add([]byte(`{"clientId": "I", "clientSecret": "S", "expiresAt": "2026-11-23T08:15:00Z", "scopes": ["a"], "grantTypes": ["authorization_code"]}`))
	f.Add([]byte(`{"clientId": "I", "scopes": null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, ok := parseRegistration(data)
		if !ok {
			return
		}
		again, ok := parseRegistration(marshalRegistration(r))
		if !ok || again.ClientID == "" || again.ClientSecret.Empty() || again.forCode() != r.forCode() || !again.ExpiresAt.Equal(r.ExpiresAt) {
			t.Fatalf("the written file parses differently: %+v, %+v", r, again)
		}
		if diff := cmp.Diff(r.Scopes, again.Scopes); diff != "" && len(r.Scopes) > 0 {
			t.Fatal(diff)
		}
	})
}
