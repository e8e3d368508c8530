package login

import (
	"regexp"
	"strings"
	"testing"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

func TestChallengeIsThatOfRFC7636(t *testing.T) {
	// Appendix B of the RFC.
	v := secret.New("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
	if got := challenge(v); got != "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM" {
		t.Errorf("challenge = %s", got)
	}
}

func TestVerifiersHaveTheirShapeAndDiffer(t *testing.T) {
	shape := regexp.MustCompile(`^[A-Za-z0-9._~-]{64}$`)
	seen := map[string]bool{}
	used := map[rune]bool{}
	for range 200 {
		v := newVerifier().Reveal()
		if !shape.MatchString(v) || seen[v] {
			t.Fatalf("verifier %q", v)
		}
		seen[v] = true
		for _, r := range v {
			used[r] = true
		}
	}
	if len(used) != len(verifierAlphabet) {
		t.Errorf("%d of %d characters are used", len(used), len(verifierAlphabet))
	}
}

func TestStateIsAUUID(t *testing.T) {
	shape := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	a, b := newState().Reveal(), newState().Reveal()
	if !shape.MatchString(a) || a == b {
		t.Errorf("states %q, %q", a, b)
	}
}

func TestAuthorizeURLIsTheAWSCLIs(t *testing.T) {
	got := authorizeURL("https://oidc.us-east-1.amazonaws.com/", "C&D", "http://127.0.0.1:4711/oauth/callback",
		secret.New("a-state"), []string{"sso:account:access", "codewhisperer:analysis"}, secret.New("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"))
	want := "https://oidc.us-east-1.amazonaws.com/authorize?response_type=code&client_id=C%26D" +
		"&redirect_uri=http%3A%2F%2F127.0.0.1%3A4711%2Foauth%2Fcallback&state=a-state&code_challenge_method=S256" +
		"&scopes=sso%3Aaccount%3Aaccess%20codewhisperer%3Aanalysis&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if strings.Contains(got, "plain") {
		t.Error("no plain method")
	}
}
