package login

import (
	"regexp"
	"strings"
	"testing"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

func TestChallengeMatchesRFC7636(t *testing.T) {
	// RFC 7636, Appendix B.
	v := secret.New("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
	if got := challenge(v); got != "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM" {
		t.Errorf("challenge = %s", got)
	}
}

// TestRandomParameters checks the format of verifiers and states, that they are all
// different, and that all characters of their alphabets occur.
func TestRandomParameters(t *testing.T) {
	for name, c := range map[string]struct {
		make       func() secret.Secret
		shape      string
		characters int
	}{
		"verifier": {newVerifier, `^[A-Za-z0-9_-]{64}$`, 64}, // RFC 7636 section 4.1: 43 to 128 unreserved characters
		"state":    {newState, `^[A-Z2-7]{26}$`, 32},
	} {
		shape := regexp.MustCompile(c.shape)
		seen, used := map[string]bool{}, map[rune]bool{}
		for range 200 {
			v := c.make().Reveal()
			if !shape.MatchString(v) || seen[v] {
				t.Fatalf("%s %q", name, v)
			}
			seen[v] = true
			for _, r := range v {
				used[r] = true
			}
		}
		if len(used) != c.characters {
			t.Errorf("%s: %d of %d characters are used", name, len(used), c.characters)
		}
	}
}

func TestAuthorizeURLMatchesAWSCLI(t *testing.T) {
	got := authorizeURL("https://oidc.us-east-1.amazonaws.com/", "C&D", "http://127.0.0.1:4711/oauth/callback",
		secret.New("a-state"), []string{"sso:account:access", "codewhisperer:analysis"}, secret.New("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"))
	want := "https://oidc.us-east-1.amazonaws.com/authorize?response_type=code&client_id=C%26D" +
		"&redirect_uri=http%3A%2F%2F127.0.0.1%3A4711%2Foauth%2Fcallback&state=a-state&code_challenge_method=S256" +
		"&scopes=sso%3Aaccount%3Aaccess%20codewhisperer%3Aanalysis&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if strings.Contains(got, "plain") {
		t.Error("the URL contains the plain method")
	}
}
