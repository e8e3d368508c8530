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
		for _, kind := range []flowKind{codeFlow, deviceFlow} {
			got := must(registrationPath("/h", url, "us-east-1", c.session, c.scopes, kind))
			theirs := filepath.FromSlash("/h/.aws/sso/cache/" + c.theirs + ".json")
			if got == theirs || seen[got] || filepath.Dir(got) != filepath.Dir(theirs) {
				t.Errorf("%q %v %v: got %s", c.session, c.scopes, kind, got)
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
		kind     flowKind
		now      time.Time
		reusable bool
	}{
		"code client, for code, 15 minutes left": {code, codeFlow, now, true},
		"one second less":                        {code, codeFlow, now.Add(time.Second), false},
		"code client, for device":                {code, deviceFlow, now, false},
		"device client, older date, more fields": {device, deviceFlow, now, true},
		"device client, for code":                {device, codeFlow, now, false},
		"no secret":                              {`{"clientId": "I", "expiresAt": "2026-11-23T09:15:00Z"}`, deviceFlow, now, false},
		"empty file":                             {``, deviceFlow, now, false},
		"cut":                                    {device[:40], deviceFlow, now, false},
		"token file":                             {`{"startUrl": "u", "accessToken": "t", "expiresAt": "2027-11-23T09:15:00Z"}`, deviceFlow, now, false},
		"null":                                   {`null`, deviceFlow, now, false},
		"grant types of another type":            {`{"clientId": "I", "clientSecret": "S", "expiresAt": "2027-11-23T08:15:00Z", "grantTypes": 7}`, deviceFlow, now, false},
		"expiry is not a date":                   {`{"clientId": "I", "clientSecret": "S", "expiresAt": "soon"}`, deviceFlow, now, false},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "r.json")
			if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			r, ok := readRegistration(path, c.kind, c.now)
			if ok != c.reusable || ok && (r.ClientID != "I" || r.ClientSecret.Reveal() != "S") {
				t.Errorf("reusable %v: %v", ok, r.ClientID)
			}
		})
	}
	if _, ok := readRegistration(filepath.Join(t.TempDir(), "none"), deviceFlow, now); ok {
		t.Error("found a registration in a missing file")
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
		if !ok || again.ClientID == "" || again.ClientSecret.Empty() || again.kind() != r.kind() || !again.ExpiresAt.Equal(r.ExpiresAt) {
			t.Fatalf("the written file parses differently: %+v, %+v", r, again)
		}
		if diff := cmp.Diff(r.Scopes, again.Scopes); diff != "" && len(r.Scopes) > 0 {
			t.Fatal(diff)
		}
	})
}
