package profile

import (
	"strings"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
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

// sdkChoice is a profile of another kind than SSO: all that is written about it
// makes the identity, and the parts of the environment that it may draw on. A
// profile that names no credentials leads to the machine's.
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

// ambient is what the machine or the container provides. The same address may
// belong to somebody else tomorrow (a local credential server, a pod), so it does
// not make an identity.
func (ch *chooser) ambient(kind Kind, source string) Choice {
	return Choice{Kind: kind, Source: source, Identity: identity(source, ch.surroundings()...), Ambient: true}
}

// defaultProvides reports whether profile "default" has credentials, or was meant
// to: the AWS tools look there before they ask the container and the instance.
func (ch *chooser) defaultProvides() bool {
	o, err := ch.config.Origin(defaultName)
	return err != nil || o.Kind != awsconfig.NoOrigin
}

// surroundings is what names the container's and the instance's credentials.
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

// shown returns an address as it may be shown and kept: a digest stands for the user,
// password and query in it.
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

// identity joins the parts so that no two lists give the same text.
func identity(kind string, parts ...string) string {
	escape := strings.NewReplacer("%", "%25", "|", "%7C")
	for i, part := range parts {
		parts[i] = escape.Replace(part)
	}
	return kind + "|" + strings.Join(parts, "|")
}
