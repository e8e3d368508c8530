package profile

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/env"
)

// An identity never holds a key id that a role call handed out: the portal gives
// a new one each time, and the cache would never hit. Keys of the environment
// have no other name; they are the same as long as their shell or job lives.

func ssoIdentity(s awsconfig.SSO) string {
	return identity("sso", s.Session, s.StartURL, s.Account, s.Role, s.SSORegion)
}

func ssoChoice(s awsconfig.SSO, source string) Choice {
	return Choice{
		Kind: SSO, Profile: s.Profile, SSO: s, Source: source,
		Identity: ssoIdentity(s), TokenFileKey: s.CacheKey(),
	}
}

// sdkChoice is a profile that the SDK resolves: all that is written about it
// makes the identity, and the parts of the environment that it may draw on.
func (ch *chooser) sdkChoice(name, source string) Choice {
	parts := []string{name, ch.config.Fingerprint(name)}
	if ch.config.CredentialSource(name) == "Environment" {
		_, key := ch.first(env.AWSAccessKeyID, env.AWSAccessKey)
		parts = append(parts, digest(key))
	}
	return Choice{
		Kind: SDKProfile, Profile: name, Source: source,
		Identity: identity("profile", append(parts, ch.ambient()...)...), TokenFileKey: ch.behind(name),
	}
}

// container takes the default profile in, since the SDK asks it first.
func (ch *chooser) container() Choice {
	parts := append([]string{ch.config.Fingerprint(defaultName)}, ch.ambient()...)
	return Choice{Kind: Environment, Source: SourceContainer, Identity: identity("container", parts...)}
}

func (ch *chooser) chainChoice() Choice {
	parts := append([]string{ch.config.Fingerprint(defaultName)}, ch.ambient()...)
	return Choice{
		Kind: Chain, Source: SourceChain,
		Identity: identity("chain", parts...), TokenFileKey: ch.behind(defaultName),
	}
}

func (ch *chooser) behind(name string) string {
	s, ok := ch.config.SSOBehind(name)
	if !ok {
		return ""
	}
	return s.CacheKey()
}

// ambient is what names the container's and the instance's credentials.
func (ch *chooser) ambient() []string {
	var parts []string
	for _, v := range [...]env.Var{
		env.AWSContainerRelativeURI, env.AWSContainerFullURI, env.AWSContainerTokenFile, env.AWSEC2MetadataEndpoint,
	} {
		if value := ch.env.Get(v); value != "" {
			parts = append(parts, v.Name()+"="+value)
		}
	}
	return parts
}

// identity joins the parts so that no two lists give the same text.
func identity(kind string, parts ...string) string {
	escape := strings.NewReplacer("%", "%25", "|", "%7C")
	for i, part := range parts {
		parts[i] = escape.Replace(part)
	}
	return kind + "|" + strings.Join(parts, "|")
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}
