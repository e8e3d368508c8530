package awstest

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"time"
)

// ServiceAccount is a Kubernetes service account, with the roles whose trust policies name it.
type ServiceAccount struct {
	Issuer   string   // of the cluster
	Name     string   // NAMESPACE:NAME
	Audience string   // STS accepts sts.amazonaws.com
	Roles    []string // ARNs
}

// serviceToken is a token issued by the Kubernetes API server.
type serviceToken struct {
	ServiceAccount
	expires time.Time
}

// stsAudience is the audience accepted by the IAM identity provider.
const stsAudience = "sts.amazonaws.com"

// ServiceAccountToken issues a new token on every call.
func (a *AWS) ServiceAccountToken(s ServiceAccount, life time.Duration) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	expires := a.Now().Add(life)
	part := func(v any) string {
		text, _ := json.Marshal(v)
		return base64.RawURLEncoding.EncodeToString(text)
	}
	token := part(object{"alg": "RS256", "kid": "awstest"}) + "." + part(object{
		"iss": s.Issuer, "sub": "system:serviceaccount:" + s.Name, "aud": []string{s.Audience},
		"iat": a.Now().Unix(), "exp": expires.Unix(), "jti": random32(16),
	}) + "." + a.secret("", 342)
	a.secrets = append(a.secrets, token)
	a.state.serviceTokens[token] = serviceToken{s, expires}
	return token
}

// trusts checks a service account token as STS does, with STS's errors. ok is false if the
// token does not belong to a service account. Call with mu held.
func (a *AWS) trusts(q *request, token, role string) (bad answer, refused, ok bool) {
	t, ok := a.state.serviceTokens[token]
	switch {
	case !ok:
		return answer{}, false, false
	case !a.Now().Before(t.expires):
		return q.fail(400, "ExpiredTokenException", "Token expired: current date/time must be before the expiration date/time"), true, true
	case t.Audience != stsAudience:
		return q.fail(400, "InvalidIdentityToken", "Incorrect token audience"), true, true
	case !slices.Contains(t.Roles, role):
		return q.fail(403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity"), true, true
	}
	return answer{}, false, true
}
