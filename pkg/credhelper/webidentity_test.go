package credhelper

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

// jwt returns an unsigned token with these claims.
func jwt(claims string) string {
	part := base64.RawURLEncoding.EncodeToString
	return part([]byte(`{"alg":"RS256"}`)) + "." + part([]byte(claims)) + "." + part([]byte("signature"))
}

// A login is shared by tokens of the same owner, and only by them.
func TestTokenIdentity(t *testing.T) {
	const role = "arn:aws:iam::123456789012:role/pull"
	claims := `{"iss":"https://c.example.com","sub":"system:serviceaccount:team:app","aud":["sts.amazonaws.com"],"exp":1}`
	identity := func(role, token string) string { return newWebIdentity(WebIdentity{role, token}).identity }
	own := identity(role, jwt(claims))
	for name, token := range map[string]string{
		"later token":             jwt(strings.Replace(claims, ":1}", ":2}", 1)),
		"audience as a string":    jwt(strings.NewReplacer("[", "", "]", "").Replace(claims)),
		"different JSON encoding": jwt(strings.NewReplacer(`":`, `" : `, "team", `te\u0061m`).Replace(claims)),
	} {
		if identity(role, token) != own {
			t.Errorf("%s has a different identity", name)
		}
	}
	seen := map[string]string{own: "its own"}
	for name, pair := range map[string][2]string{
		"other role":         {role + "-2", jwt(claims)},
		"other issuer":       {role, jwt(strings.Replace(claims, "c.example", "d.example", 1))},
		"other subject":      {role, jwt(strings.Replace(claims, "team:app", "team:app2", 1))},
		"other audience":     {role, jwt(strings.Replace(claims, "sts.amazonaws.com", "other", 1))},
		"two audiences":      {role, jwt(strings.Replace(claims, `"sts.amazonaws.com"`, `"sts.amazonaws.com","other"`, 1))},
		"subject as a list":  {role, jwt(strings.Replace(claims, `"system:serviceaccount:team:app"`, `["system:serviceaccount:team:app"]`, 1))},
		"injected separator": {role, jwt(`{"iss":"https://c.example.com\"|\"system:serviceaccount:team:app","sub":"x","aud":"sts.amazonaws.com"}`)},
		"no subject":         {role, jwt(`{"iss":"https://c.example.com","aud":"sts.amazonaws.com"}`)},
		"empty subject":      {role, jwt(`{"iss":"https://c.example.com","sub":"","aud":"sts.amazonaws.com"}`)},
		"null subject":       {role, jwt(`{"iss":"https://c.example.com","sub":null,"aud":"sts.amazonaws.com"}`)},
		"long subject":       {role, jwt(strings.Replace(claims, "team:app", strings.Repeat("a", maxIdentity), 1))},
		"other long subject": {role, jwt(strings.Replace(claims, "team:app", strings.Repeat("a", maxIdentity)+"b", 1))},
		"non-token":          {role, "secret-1"},
		"other non-token":    {role, "secret-2"},
	} {
		id := identity(pair[0], pair[1])
		if other, ok := seen[id]; ok {
			t.Errorf("%s has the same identity as %s", name, other)
		}
		seen[id] = name
		if strings.Contains(id, pair[1]) || len(id) > maxIdentity {
			t.Errorf("%s: %d bytes, or contains the token", name, len(id))
		}
	}
}

// A web identity does not print its token, and STS accepts its session name.
func TestWebIdentityNames(t *testing.T) {
	for subject, want := range map[string][2]string{
		"system:serviceaccount:team:app":                   {`service account "team:app"`, "team.app"},
		"system:serviceaccount:te\u00e4m:a b":              {`service account "teäm:a b"`, "te.m.a.b"},
		"system:serviceaccount:" + strings.Repeat("a", 99): {`service account "` + strings.Repeat("a", 99) + `"`, strings.Repeat("a", 64)},
		"repo:corp/app:ref":                                {`the web identity "repo:corp/app:ref"`, "repo.corp.app.ref"},
		"x":                                                {`the web identity "x"`, "docker-credential-ecr-sso"},
	} {
		w := newWebIdentity(WebIdentity{"role", jwt(fmt.Sprintf(`{"iss":"i","sub":%q,"aud":"a"}`, subject))})
		if w.name() != want[0] || w.sessionName() != want[1] {
			t.Errorf("%q: got %s, %s", subject, w.name(), w.sessionName())
		}
	}
	w := WebIdentity{"role", "canary-token"}
	for _, text := range []string{fmt.Sprint(w), fmt.Sprintf("%+v %#v", w, w), fmt.Sprintf("%v %+v", newWebIdentity(w), *newWebIdentity(w))} {
		if strings.Contains(text, "canary") {
			t.Error(text)
		}
	}
	if !newWebIdentity(w).token.Equal(secret.New("canary-token")) {
		t.Error("the token is missing")
	}
}
