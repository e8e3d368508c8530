package profile

import (
	"strings"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

// An identity never contains the key id of role credentials: the portal returns a new one
// each time, so no cached login would ever be found. For keys in the environment there is
// no other name; they stay the same as long as their shell or job runs.

func ssoIdentity(s awsconfig.SSO) string {
	return identity("sso", s.Session, s.StartURL, s.Account, s.Role, s.SSORegion)
}

func ssoChoice(s awsconfig.SSO, source string) Choice {
	return Choice{
		Kind: SSO, Profile: s.Profile, SSO: s, Source: source,
		Identity: ssoIdentity(s), TokenFileKey: s.CacheKey(),
	}
}

// sdkChoice returns the choice for a profile that is not an SSO profile. Its identity is
// the whole configuration of the profile and the parts of the environment that it may use.
// A profile without credentials uses those of the machine.
func (ch *chooser) sdkChoice(name string, o awsconfig.Origin, source string) Choice {
	parts := []string{name, ch.config.Fingerprint(name)}
	if o.Kind == awsconfig.FromEnv {
		_, key := ch.first(env.AWSAccessKeyID, env.AWSAccessKey)
		parts = append(parts, secret.Digest(key))
	}
	return Choice{
		Kind: SDKProfile, Profile: name, SSO: o.SSO, Origin: o, Source: source,
		Identity: identity("profile", append(parts, ch.surroundings()...)...),
		Ambient:  o.Kind == awsconfig.NoOrigin, TokenFileKey: o.SSO.CacheKey(),
	}
}

// ambient returns the choice of the machine's or the container's credentials. Their
// address does not identify them: tomorrow the same address may serve another identity (a
// local credential server, a pod).
func (ch *chooser) ambient(kind Kind, source string) Choice {
	return Choice{Kind: kind, Source: source, Identity: identity(source, ch.surroundings()...), Ambient: true}
}

// defaultProvides reports whether profile "default" has credentials, or was meant to: AWS
// tools try it before the container and the instance.
func (ch *chooser) defaultProvides() bool {
	o, err := ch.config.Origin(defaultName)
	return err != nil || o.Kind != awsconfig.NoOrigin
}

// surroundings returns the settings that locate the container's and the instance's
// credentials.
func (ch *chooser) surroundings() []string {
	var parts []string
	for _, v := range [...]env.Var{
		env.AWSContainerFullURI, env.AWSContainerTokenFile, env.AWSEC2MetadataEndpoint, env.AWSEC2MetadataMode, env.AWSLoginCache,
	} {
		if value := ch.env.Get(v); value != "" {
			parts = append(parts, v.Name()+"="+shown(value))
		}
	}
	for _, v := range [...]env.Var{env.AWSContainerRelativeURI, env.AWSContainerToken} {
		if value := ch.env.Get(v); value != "" {
			parts = append(parts, v.Name()+"="+secret.Digest(value))
		}
	}
	return parts
}

// shown returns an address that may be displayed and saved: a digest replaces the user,
// password and query.
func shown(address string) string {
	if !strings.ContainsAny(address, "@?") {
		return address
	}
	rest, _, _ := strings.Cut(address, "?")
	if user := strings.LastIndexByte(rest, '@'); user >= 0 {
		scheme, _, found := strings.Cut(rest[:user], "://")
		rest = rest[user+1:]
		if found {
			rest = scheme + "://" + rest
		}
	}
	return rest + " " + secret.Digest(address)[:16]
}

// identity joins the parts so that different lists never give the same text.
func identity(kind string, parts ...string) string {
	escape := strings.NewReplacer("%", "%25", "|", "%7C")
	for i, part := range parts {
		parts[i] = escape.Replace(part)
	}
	return kind + "|" + strings.Join(parts, "|")
}
