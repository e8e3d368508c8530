package configure

import (
	"strings"
	"testing"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
)

// A value that passes a check can be written and is read back unchanged.
func FuzzChecks(f *testing.F) {
	f.Add("corp", "https://corp.awsapps.com/start", "us-east-1", "sso:account:access", "json")
	f.Add("my dev", "https://a.b/#/", "us-isob-east-1", "sso:account:access, x", "a # b")
	f.Add("it's \"x\"", "https://a.b:443/?x=[y]", "cn-north-1", "sso:account:access,", "'q'")
	f.Add(";a", "https://u@a.b", "x", " sso:account:access", "; c")
	f.Fuzz(func(t *testing.T, name, url, region, scopes, output string) {
		for s, check := range map[*string]func(string) error{
			&name: required(checkName), &url: checkStartURL, &region: checkRegion, &scopes: checkScopes, &output: checkLine,
		} {
			if check(*s) != nil {
				return
			}
		}
		session := awsconfig.Change{Section: awsconfig.SectionSession, Name: name, Keys: []awsconfig.Key{
			{Name: "sso_start_url", Value: url}, {Name: "sso_region", Value: region}, {Name: "sso_registration_scopes", Value: scopes},
		}}
		profile := awsconfig.Change{Section: awsconfig.SectionProfile, Name: name, Keys: []awsconfig.Key{{Name: "output", Value: output}}}
		if _, err := awsconfig.EditText("", profile, session); err != nil {
			t.Errorf("%q %q %q %q %q: error %v", name, url, region, scopes, output, err)
		}
	})
}

func TestRegionGrammar(t *testing.T) {
	for region, ok := range map[string]bool{
		"us-east-1": true, "us-gov-west-1": true, "eusc-de-east-1": true,
		"": false, "us-east1": false, "US-EAST-1": false, "fips-us-east-1": false, "us-east-100": false, "s3-us-west-2": false,
	} {
		if err := checkRegion(region); (err == nil) != ok {
			t.Errorf("%q: error %v", region, err)
		}
	}
}

func TestStartURLsAreCompleted(t *testing.T) {
	for typed, want := range map[string]string{
		"my-portal":                           "https://my-portal.awsapps.com/start",
		"My-Portal":                           "https://my-portal.awsapps.com/start",
		"d-1234567890":                        "https://d-1234567890.awsapps.com/start",
		"my-portal.awsapps.com":               "https://my-portal.awsapps.com/start",
		"my-portal.awsapps.com/":              "https://my-portal.awsapps.com/start",
		"my-portal.awsapps.com/start":         "https://my-portal.awsapps.com/start",
		"my-portal.awsapps.com/start/#/":      "https://my-portal.awsapps.com/start/#/",
		"d-1.awsapps.cn":                      "https://d-1.awsapps.cn/start",
		"sso.example.com":                     "https://sso.example.com",
		"ssoins-1.portal.eu-west-1.app.aws":   "https://ssoins-1.portal.eu-west-1.app.aws",
		"https://my-portal.awsapps.com/start": "https://my-portal.awsapps.com/start",
		"https://my-portal":                   "https://my-portal",
		"http://my-portal.awsapps.com/start":  "http://my-portal.awsapps.com/start",
		"my portal":                           "my portal",
		"-x":                                  "-x",
		"user@sso.example.com":                "user@sso.example.com",
		"my-portal/start":                     "my-portal/start",
		"":                                    "",
	} {
		got := completeStartURL(typed)
		if got != want || completeStartURL(got) != got {
			t.Errorf("completeStartURL(%q) = %q, want %q", typed, got, want)
		}
		valid := strings.HasPrefix(want, "https://") && want != "https://my-portal"
		if err := checkStartURL(got); (err == nil) != valid {
			t.Errorf("%q: error %v", got, err)
		}
	}
}
