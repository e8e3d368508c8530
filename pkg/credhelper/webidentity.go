package credhelper

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awscache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/profile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

// WebIdentity is a role and an OIDC token for assuming it, such as a Kubernetes service
// account token.
type WebIdentity struct {
	RoleARN string
	Token   string
}

// String returns the role. It never contains the token.
func (w WebIdentity) String() string { return "web identity of " + w.RoleARN }

// GoString returns String, so that no format verb prints the token.
func (w WebIdentity) GoString() string { return w.String() }

// WithWebIdentity makes a Helper use only these credentials. The token stays in memory.
// Logins are cached by role and by the token's issuer, subject and audience, and are never
// returned for other tokens. Logins saved by `docker login` are not used.
func WithWebIdentity(w WebIdentity) Option {
	return func(h *Helper) { h.webIdentity = newWebIdentity(w) }
}

// webIdentity is a WebIdentity with the claims that identify its owner.
type webIdentity struct {
	role     string
	token    secret.Secret
	issuer   string // "" if the token cannot be parsed, like subject
	subject  string
	identity string // part of the login cache key
}

// maxIdentity limits the length of an identity made of claims. A longer one is replaced by
// the token's digest.
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
	_ = json.Unmarshal(claims["iss"], &out.issuer)
	_ = json.Unmarshal(claims["sub"], &out.subject)
	return out
}

// readClaims returns the claims of a JSON Web Token (RFC 7519), with values in canonical
// form. It does not verify the signature; STS does. ok is false if the token does not
// contain an issuer, subject and audience.
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
		// A single audience may be a string or a list of one (RFC 7519, 4.1.3).
		if list, is := value.([]any); is && len(list) == 1 && name == "aud" {
			value = list[0]
		}
		if claims[name], err = json.Marshal(value); err != nil || value == nil || value == "" {
			return nil, false
		}
	}
	return claims, true
}

// choice returns the token's role as the selected credentials.
func (w *webIdentity) choice() profile.Choice {
	return profile.Choice{Kind: profile.Environment, Source: w.name(), Identity: w.identity}
}

// name returns the token's owner for an error message.
func (w *webIdentity) name() string {
	if account, ok := strings.CutPrefix(w.subject, "system:serviceaccount:"); ok {
		return "service account " + strconv.Quote(account)
	}
	if w.subject == "" {
		return "the web identity token"
	}
	return "the web identity " + strconv.Quote(w.subject)
}

// sessionName returns the role session name, which CloudTrail shows. STS accepts 2 to 64
// letters, digits and some punctuation.
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

// refusal returns the message for a token that STS does not accept for the role. STS names the
// cause only for an invalid token.
func (w *webIdentity) refusal(f *awsclient.Fault) string {
	why := f.Code
	if f.Code == invalidToken && f.Message != "" {
		why += ": " + f.Message
	}
	return fmt.Sprintf("%s is not allowed to assume %s (%s: %s)", w.name(), w.role, f.Host, why)
}

// invalidToken is the STS error code for a token whose issuer or audience is unknown in the
// role's account.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
const invalidToken = "InvalidIdentityToken"

// command returns the command that shows or fixes what AWS rejected; "" for other faults.
// `doctor` would not help, because it checks the credentials of the user who runs it.
func (w *webIdentity) command(f *awsclient.Fault, service registry.Service) string {
	switch {
	case f.Service == "sts" && f.Code == invalidToken:
		return hint.IdentityProviderCommand(w.role, w.issuer)
	case f.Service == "sts" && f.Kind == awsclient.Denied:
		return hint.TrustPolicyCommand(w.role)
	case f.Kind == awsclient.Denied && service == registry.Public:
		return hint.AttachPolicyCommand(w.role, "AmazonElasticContainerRegistryPublicReadOnly")
	case f.Kind == awsclient.Denied:
		return hint.AttachPolicyCommand(w.role, "AmazonEC2ContainerRegistryPullOnly")
	case f.Service == "sts" && f.Host != "" && sentinel(f.Kind) != nil:
		// doctor does not know the pod's service account, so it does not check STS.
		return "curl -sSI https://" + hint.Arg(f.Host)
	}
	return ""
}
