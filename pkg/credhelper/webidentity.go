package credhelper

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awscache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/profile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

// WebIdentity is a role and an OIDC token to assume it with, such as the token of a
// Kubernetes service account.
type WebIdentity struct {
	RoleARN string
	Token   string
}

// String returns the role, and never the token.
func (w WebIdentity) String() string { return "web identity of " + w.RoleARN }

// GoString returns String, so that no format verb prints the token by accident.
func (w WebIdentity) GoString() string { return w.String() }

// WithWebIdentity makes a Helper get every login with these credentials and no others.
// The token stays in memory. A login is cached for the role and the issuer, subject and
// audience of the token, and never returned for another one. Logins that `docker login`
// saved are not used.
func WithWebIdentity(w WebIdentity) Option {
	return func(h *Helper) { h.webIdentity = newWebIdentity(w) }
}

// webIdentity is a WebIdentity with the claims that identify its owner.
type webIdentity struct {
	role     string
	token    secret.Secret
	subject  string // "" if the token cannot be read
	identity string // in the key of the login cache
}

// maxIdentity limits an identity of claims. A longer one is cached under the digest of its
// token.
const maxIdentity = 4 << 10

func newWebIdentity(w WebIdentity) *webIdentity {
	out := &webIdentity{role: w.RoleARN, token: secret.New(w.Token)}
	claims, ok := readClaims(w.Token)
	parts := []string{"service-account", strconv.Quote(w.RoleARN)}
	for _, name := range []string{"iss", "sub", "aud"} {
		parts = append(parts, string(claims[name]))
	}
	out.identity = strings.Join(parts, "|")
	if !ok || len(out.identity) > maxIdentity {
		out.identity = strings.Join([]string{"service-account", strconv.Quote(w.RoleARN), "token", secret.Digest(w.Token)}, "|")
		return out
	}
	_ = json.Unmarshal(claims["sub"], &out.subject)
	return out
}

// readClaims returns the claims of a JSON Web Token (RFC 7519), with values in a canonical
// form. It checks no signature: STS does. ok is false for a token that does not name its
// issuer, subject and audience.
func readClaims(token string) (claims map[string]json.RawMessage, ok bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, false
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(payload, &claims) != nil {
		return nil, false
	}
	for _, name := range []string{"iss", "sub", "aud"} {
		var value any
		if json.Unmarshal(claims[name], &value) != nil {
			return nil, false
		}
		// One audience may be a string or a list of one (RFC 7519, 4.1.3).
		if list, is := value.([]any); is && len(list) == 1 && name == "aud" {
			value = list[0]
		}
		if claims[name], err = json.Marshal(value); err != nil || value == nil || value == "" {
			return nil, false
		}
	}
	return claims, true
}

// choice returns the token's role as the credentials to use.
func (w *webIdentity) choice() profile.Choice {
	return profile.Choice{Kind: profile.Environment, Source: w.name(), Identity: w.identity}
}

// name returns the owner of the token for an error.
func (w *webIdentity) name() string {
	if account, ok := strings.CutPrefix(w.subject, "system:serviceaccount:"); ok {
		return "service account " + strconv.Quote(account)
	}
	if w.subject == "" {
		return "the web identity token"
	}
	return "the web identity " + strconv.Quote(w.subject)
}

// sessionName returns the name of the role's session, which CloudTrail shows. STS accepts
// 2 to 64 letters, digits and some punctuation.
func (w *webIdentity) sessionName() string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("_+=,.@-", r):
			return r
		}
		return '.'
	}, strings.TrimPrefix(w.subject, "system:serviceaccount:"))
	if len(name) < 2 {
		return hint.Program
	}
	return name[:min(len(name), 64)]
}

// webIdentityCredentials assumes the role with the token.
func (r *request) webIdentityCredentials(ctx context.Context) (awscache.Credentials, error) {
	w := r.h.webIdentity
	return r.client.WebIdentityCredentials(ctx, w.role, w.sessionName(), w.token, r.reg.Region)
}

// refusal returns the text for a token that STS does not accept for the role.
func (w *webIdentity) refusal(host, code string) string {
	return fmt.Sprintf("%s is not allowed to assume %s (%s: %s)", w.name(), w.role, host, code)
}
