package awsconfig

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

// OriginKind is the source of a profile's credentials.
type OriginKind int

// The kinds. The last three are values of credential_source.
const (
	NoOrigin     OriginKind = iota // the profile names no credentials
	FromSSO                        // Origin.SSO
	FromKeys                       // Origin.Keys
	FromWebID                      // Origin.WebIdentity
	FromLogin                      // Origin.LoginSession
	FromProcess                    // Origin.Process
	FromEnv                        // credential_source = Environment
	FromECS                        // credential_source = EcsContainer
	FromInstance                   // credential_source = Ec2InstanceMetadata
)

// Origin is the source of a profile's credentials and the roles to assume with them. The
// SDK gets no other data about a profile, because the SDK's reader of these files supports
// neither quoted names nor the AWS CLI rules for quotes and comments.
type Origin struct {
	Profile string // the last profile of the source_profile chain; its keys determine Kind
	Kind    OriginKind

	SSO          SSO
	Keys         staticKeys
	WebIdentity  WebIdentity
	LoginSession string // ARN in login_session
	Process      string // credential_process, as the AWS CLI reads it

	Roles []Role // roles to assume in this order; the profile's own role is last
}

// staticKeys are static credentials in a profile.
type staticKeys struct {
	AccessKeyID                   string
	SecretAccessKey, SessionToken secret.Secret
}

// WebIdentity is a role to assume with the token in TokenFile.
type WebIdentity struct{ TokenFile, RoleARN, SessionName string }

// Role is a role to assume. Empty fields are not set.
type Role struct {
	Profile                                 string // the profile with this role_arn
	ARN, ExternalID, SessionName, MFASerial string
	Duration                                time.Duration
}

// OriginError reports why a profile has no usable credentials: a fault in the profile or
// in one of its source profiles.
type OriginError struct {
	Profile  string // the profile whose section has the fault
	Unusable string // the profile that is missing or has no credentials; "" for other faults
	Why      string
}

func (e *OriginError) Error() string { return fmt.Sprintf("profile %q %s", e.Profile, e.Why) }

// Origin resolves a profile by the AWS CLI rules. For a missing profile it returns NoOrigin
// without an error. The errors are *OriginError and those of SSO.
// https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-role.html
func (c *Config) Origin(name string) (Origin, error) {
	chain, err := c.chain(name)
	if err != nil || len(chain) == 0 {
		return Origin{}, err
	}
	last := len(chain) - 1
	isSource := last > 0
	o, err := c.own(chain[last], isSource)
	if err != nil {
		return Origin{}, err
	}
	for i := last; i >= 0; i-- {
		keys := chain[i].Keys()
		if keys.assumes() && (i < last || !isSource || !keys.hasKey()) {
			o.Roles = append(o.Roles, role(chain[i].Name, keys))
		}
	}
	if o.Kind == NoOrigin && (isSource || len(o.Roles) > 0) {
		return Origin{}, lackingSource(chain[last], isSource)
	}
	return o, nil
}

func lackingSource(p *Profile, isSource bool) error {
	if isSource {
		return &OriginError{Profile: p.Name, Unusable: p.Name, Why: "is a source_profile and has no credentials"}
	}
	return &OriginError{Profile: p.Name, Why: "has role_arn, and no source_profile or credential_source to assume it with"}
}

// own returns a profile's own credentials, before any role, in AWS CLI order. Keys in the
// credentials file take precedence over a login session and a process. Keys in the
// configuration file do not.
func (c *Config) own(p *Profile, isSource bool) (Origin, error) {
	keys, stored := p.Keys(), p.credentialsKeys()
	o := Origin{Profile: p.Name}
	if keys.assumes() && keys.Get("credential_source") != "" && !(isSource && keys.hasKey()) {
		return o.named(keys.Get("credential_source"))
	}
	var err error
	switch {
	case keys.Get("web_identity_token_file") != "":
		o.Kind = FromWebID
		o.WebIdentity = WebIdentity{keys.Get("web_identity_token_file"), keys.Get("role_arn"), keys.Get("role_session_name")}
		if o.WebIdentity.RoleARN == "" {
			err = &OriginError{Profile: p.Name, Why: "has web_identity_token_file and no role_arn"}
		}
	case keys.usesSSO():
		o.Kind = FromSSO
		o.SSO, err = c.resolve(p.Name, keys)
	case stored.Get("aws_access_key_id") != "":
		o.Kind = FromKeys
		o.Keys, err = static(p.Name, stored, keys)
	case keys.Get("login_session") != "":
		o.Kind, o.LoginSession = FromLogin, keys.Get("login_session")
	case keys.Get(credentialProcess) != "":
		o.Kind, o.Process = FromProcess, keys.Get(credentialProcess)
	case keys.Get("aws_access_key_id") != "":
		o.Kind = FromKeys
		o.Keys, err = static(p.Name, keys, keys)
	}
	return o, err
}

func (o Origin) named(source string) (Origin, error) {
	switch source {
	case "Environment":
		o.Kind = FromEnv
	case "EcsContainer":
		o.Kind = FromECS
	case "Ec2InstanceMetadata":
		o.Kind = FromInstance
	default:
		return o, &OriginError{Profile: o.Profile, Why: fmt.Sprintf("has credential_source = %s, which is not Environment, EcsContainer or Ec2InstanceMetadata", source)}
	}
	return o, nil
}

// static returns the access key with the session token from the same file. The secret may be
// in the other file: in all, which has the keys of both.
func static(profile string, keys, all Keys) (staticKeys, error) {
	k := staticKeys{AccessKeyID: keys.Get("aws_access_key_id")}
	for _, from := range [...]Keys{keys, all} {
		if k.SecretAccessKey.Empty() {
			k.SecretAccessKey = secret.New(from.Get("aws_secret_access_key"))
		}
	}
	for _, name := range [...]string{"aws_security_token", "aws_session_token"} {
		if k.SessionToken.Empty() {
			k.SessionToken = secret.New(keys.Get(name))
		}
	}
	if k.SecretAccessKey.Empty() {
		return k, &OriginError{Profile: profile, Why: "has aws_access_key_id and no aws_secret_access_key"}
	}
	return k, nil
}

// assumes reports whether the profile assumes a role with other credentials.
func (k Keys) assumes() bool {
	return k.Get("role_arn") != "" && k.Get("web_identity_token_file") == ""
}

// hasKey reports whether the profile has an access key ID or a secret access key. Such a
// profile does not continue the role chain.
func (k Keys) hasKey() bool {
	return k.Get("aws_access_key_id") != "" || k.Get("aws_secret_access_key") != ""
}

func role(profile string, keys Keys) Role {
	r := Role{
		Profile: profile, ARN: keys.Get("role_arn"), ExternalID: keys.Get("external_id"),
		SessionName: keys.Get("role_session_name"), MFASerial: keys.Get("mfa_serial"),
	}
	if seconds, err := strconv.Atoi(keys.Get("duration_seconds")); err == nil {
		r.Duration = time.Duration(seconds) * time.Second
	}
	return r
}

// chain returns the profile and its source profiles, in order. It stops at a missing
// profile and at a profile that is already in the chain. The last profile provides the
// credentials. The error is the reason why the chain is incomplete.
func (c *Config) chain(name string) (chain []*Profile, err error) {
	for {
		p, ok := c.Profile(name)
		if !ok {
			if len(chain) == 0 {
				return nil, nil
			}
			return chain, &OriginError{
				Profile: chain[len(chain)-1].Name, Unusable: name,
				Why: fmt.Sprintf("takes its credentials from source_profile %q, which does not exist", name),
			}
		}
		keys := p.Keys()
		if slices.Contains(chain, p) {
			return chain, &OriginError{Profile: chain[len(chain)-1].Name, Why: fmt.Sprintf("names source_profile %q, which leads back to itself", name)}
		}
		chain = append(chain, p)
		source := keys.Get("source_profile")
		switch {
		case !keys.assumes(), len(chain) > 1 && keys.hasKey():
			return chain, nil
		case source != "" && keys.Get("credential_source") != "":
			return chain, &OriginError{Profile: p.Name, Why: "has both source_profile and credential_source"}
		case source == "", source == p.Name && keys.hasKey(): // its own keys
			return chain, nil
		}
		name = source
	}
}

// Fingerprint returns a hex digest of all keys of the profile, its session and its source
// profiles, from both files. It changes whenever the profile's identity may have changed.
// The digest includes secret keys but does not reveal them.
func (c *Config) Fingerprint(name string) string {
	h := sha256.New()
	write(h, name)
	chain, _ := c.chain(name)
	for _, p := range chain {
		write(h, "profile", p.Name)
		keys, nested := p.Keys(), p.Nested()
		writeMap(h, keys.Map())
		for _, block := range slices.Sorted(maps.Keys(nested)) {
			write(h, "block", block)
			writeMap(h, nested[block])
		}
		if session, ok := c.Session(keys.Get("sso_session")); ok {
			write(h, "session", session.Name, session.StartURL, session.Region, strings.Join(session.Scopes, ","))
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// write hashes each text with its length, so different lists have different digests.
func write(h hash.Hash, texts ...string) {
	for _, text := range texts {
		fmt.Fprintf(h, "%d:%s,", len(text), text)
	}
}

func writeMap(h hash.Hash, m map[string]string) {
	write(h, "map", strconv.Itoa(len(m)))
	for _, key := range slices.Sorted(maps.Keys(m)) {
		write(h, key, m[key])
	}
}
