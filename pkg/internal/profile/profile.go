// Package profile chooses the credentials for a registry, and records the reasons. It
// searches these places, in this order: a mapping, the environment, the account in the host
// name, the default profile, and the machine.
//
// It never reads a file or the environment itself, never runs a credential_process and
// never uses the network. If a selected profile is missing or broken, it fails and does not
// try the next place. The helper calls it for every get. explain and doctor print its
// steps.
package profile

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/settings"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

// Kind is the kind of credential source.
type Kind int

// The kinds.
const (
	SSO         Kind = iota // an SSO profile, in Choice.SSO
	SDKProfile              // another profile, in Choice.Origin
	Environment             // environment variables
	Chain                   // credentials of the container or the instance
)

// String returns the kind in words.
func (k Kind) String() string {
	return [...]string{"SSO", "profile", "environment", "default chain"}[k]
}

// The sources of a choice.
const (
	SourceMapping        = "mapping"
	SourceProfile        = "AWS_PROFILE"
	SourceDefaultProfile = "AWS_DEFAULT_PROFILE"
	SourceKeys           = "environment keys"
	SourceWebIdentity    = "web identity"
	SourceContainer      = "container credentials"
	SourceAccountMatch   = "account match"
	SourceChain          = "default chain"
)

// Choice describes the credentials to use.
type Choice struct {
	Kind    Kind
	Profile string           // profile name, for SSO and SDKProfile
	SSO     awsconfig.SSO    // for SSO, and for an SDKProfile that depends on an SSO session
	Origin  awsconfig.Origin // for SDKProfile
	Source  string           // source of the selection, a Source constant

	// Identity identifies the credentials in the login cache key. It differs whenever the
	// credentials may belong to another user or role. Otherwise it is the same in every
	// call. It contains no secret.
	Identity string
	// Ambient means that the credentials belong to the machine or the container. Only the
	// credentials themselves show their identity, so Identity is incomplete without them.
	Ambient bool
	// TokenFileKey is the key of the SSO token file for the credentials (see
	// awsconfig.SSO.CacheKey). It is "" if there is none.
	TokenFileKey string

	Steps []Step // the steps that led to the choice
}

// Named reports whether the user named the profile, in a mapping or in the environment.
func (c Choice) Named() bool {
	return c.Source == SourceMapping || c.Source == SourceProfile || c.Source == SourceDefaultProfile
}

// Choose returns the first of these that applies: a mapping in s, credentials or a profile
// in e, a profile in config for the registry's account, the default chain. The error is
//   - *MissingProfileError if the selected profile does not exist,
//   - an awsconfig error if it is broken,
//   - *AmbiguousError if several profiles match,
//   - *HalfSetError if the environment has only one of two required variables,
//   - *FlawedVariableError if the value of a variable is invalid.
//
// StepsOf returns the steps that led to an error.
func Choose(reg registry.Registry, e env.Set, s settings.Settings, config *awsconfig.Config) (Choice, error) {
	c := &chooser{reg: reg, env: e, settings: s, config: config}
	for _, look := range [...]func() (Choice, bool, error){c.mapping, c.environment, c.account, c.chain} {
		choice, selected, err := look()
		if selected || err != nil {
			err = cmp.Or(c.checkVariables(choice, err), err)
		}
		if err != nil {
			return Choice{}, &stepsError{err, c.steps}
		}
		if selected {
			choice.Steps = c.steps
			return choice, nil
		}
	}
	return Choice{}, &stepsError{errors.New("no step selected credentials"), c.steps} // unreachable: the chain always applies
}

// chooser makes one choice. Each step reports whether it applies.
type chooser struct {
	reg      registry.Registry
	env      env.Set
	settings settings.Settings
	config   *awsconfig.Config
	steps    []Step
}

// naming is a profile that the user named.
type naming struct {
	profile string
	source  string // Choice.Source
	where   string // MissingProfileError.Source
	detail  string // Step.Detail
}

// named selects a profile that the user named.
func (c *chooser) named(step string, n naming) (Choice, bool, error) {
	if _, ok := c.config.Profile(n.profile); !ok {
		err := &MissingProfileError{Profile: n.profile, Source: n.where, ConfigPath: c.config.Paths.Config}
		c.note(step, Failed, n.detail+": "+err.Error())
		return Choice{}, false, err
	}
	sso, ok, err := c.config.SSO(n.profile)
	var origin awsconfig.Origin
	if err == nil && !ok {
		origin, err = c.config.Origin(n.profile)
	}
	if err != nil {
		c.note(step, Failed, n.detail+": "+err.Error())
		return Choice{}, false, err
	}
	c.note(step, Selected, n.detail)
	if ok {
		return ssoChoice(sso, n.source), true, nil
	}
	return c.sdkChoice(n.profile, origin, n.source), true, nil
}

// Step is one searched place.
type Step struct {
	Name    string // a Step constant
	Verdict string // a verdict
	Detail  string // for the user; may quote the user's files, so clean it for a terminal
}

// The step names, in order.
const (
	StepMapping     = "mapping"
	StepEnvironment = "environment"
	StepAccount     = "account match"
	StepChain       = "default chain"
)

// The verdicts for a step.
const (
	NoMatch  = "no match" // the step has no credentials
	Skipped  = "skipped"  // its profile is broken, and the user did not name it
	Selected = "selected" // the step determines the choice
	Failed   = "failed"   // the step determines the choice, but with an error
)

func (c *chooser) note(name, verdict, detail string) {
	c.steps = append(c.steps, Step{Name: name, Verdict: verdict, Detail: detail})
}

// stepsError is an error with the steps that led to it.
type stepsError struct {
	error
	steps []Step
}

func (w *stepsError) Unwrap() error { return w.error }

// StepsOf returns the steps that led to an error of Choose; nil for other errors.
func StepsOf(err error) []Step {
	if w, ok := errors.AsType[*stepsError](err); ok {
		return w.steps
	}
	return nil
}

// MissingProfileError means that the user named a profile that is in neither AWS file.
type MissingProfileError struct {
	Profile    string
	Source     string // where the user named it: AWS_PROFILE, mapping "PATTERN", ...
	ConfigPath string // the AWS configuration file; "" if there is none
}

func (e *MissingProfileError) Error() string {
	where := e.ConfigPath
	if where == "" {
		where = "the AWS configuration"
	}
	return fmt.Sprintf("profile %q (%s) is not in %s", e.Profile, e.Source, where)
}

// HalfSetError means that one of two required variables is not set. Choose then uses no
// other credentials: if a CI secret is missing, the job must not log in with another
// identity.
type HalfSetError struct{ Set, Missing string } // variable names

func (e *HalfSetError) Error() string { return e.Set + " is set, but " + e.Missing + " is not" }

// AmbiguousError means that several SSO profiles match the registry's account and nothing
// selects one profile.
type AmbiguousError struct {
	Host, Account string
	Profiles      []string // in file order
	Roles         []string // preferring any of these roles in the settings selects a profile
}

func (e *AmbiguousError) Error() string {
	return fmt.Sprintf("account %s matches profiles %s, and no setting selects one of them", e.Account, hint.Quoted(e.Profiles))
}

// FlawedVariableError means that the choice depends on an environment variable with an
// invalid value. AWS would reject it, or return an error about something else.
type FlawedVariableError struct {
	Variable string
	Flaw     string // a description, without the value
}

func (e *FlawedVariableError) Error() string { return e.Variable + " " + e.Flaw }

// checkVariables checks the environment variables that a choice uses. err is the error if
// there is no choice.
func (c *chooser) checkVariables(choice Choice, err error) error {
	if missing, ok := errors.AsType[*MissingProfileError](err); ok {
		for _, v := range []env.Var{env.AWSProfile, env.AWSDefaultProfile} {
			if missing.Source == v.Name() {
				return c.flaw(v)
			}
		}
	}
	if err != nil {
		return nil
	}
	var used []env.Var
	switch choice.Source {
	case SourceKeys:
		used = []env.Var{env.AWSAccessKeyID, env.AWSAccessKey, env.AWSSecretAccessKey, env.AWSSecretKey, env.AWSSessionToken, env.AWSSecurityToken}
	case SourceWebIdentity:
		used = []env.Var{env.AWSRoleARN, env.AWSRoleSessionName}
	case SourceContainer:
		used = []env.Var{env.AWSContainerRelativeURI, env.AWSContainerFullURI}
		if strings.ContainsAny(c.env.Get(env.AWSContainerToken), "\r\n") { // an HTTP header value, which may contain spaces
			used = append(used, env.AWSContainerToken)
		}
	}
	if choice.Kind != SSO { // an SSO profile uses the session's region
		region := env.AWSRegion
		if c.env.Get(region) == "" {
			region = env.AWSDefaultRegion
		}
		used = append(used, region)
	}
	for _, v := range used {
		if err := c.flaw(v); err != nil {
			return err
		}
	}
	return nil
}

func (c *chooser) flaw(v env.Var) error {
	if flaw := c.env.Flaw(v); flaw != "" {
		c.note(StepEnvironment, Failed, v.Name()+" "+flaw)
		return &FlawedVariableError{v.Name(), flaw}
	}
	return nil
}

// An identity never contains the key ID of role credentials. The portal returns a new key ID
// each time, so a get would never find a cached login. For keys in the environment, the key
// ID is the only name. It stays the same for the lifetime of the shell or job.

func ssoIdentity(sso awsconfig.SSO) string {
	return identity("sso", sso.Session, sso.StartURL, sso.Account, sso.Role, sso.SSORegion)
}

func ssoChoice(sso awsconfig.SSO, source string) Choice {
	return Choice{
		Kind: SSO, Profile: sso.Profile, SSO: sso, Source: source,
		Identity: ssoIdentity(sso), TokenFileKey: sso.CacheKey(),
	}
}

// sdkChoice returns the choice for a non-SSO profile. Its identity is the whole
// configuration of the profile, and the parts of the environment that the profile may use.
// A profile without credentials uses the machine's credentials.
func (c *chooser) sdkChoice(name string, o awsconfig.Origin, source string) Choice {
	parts := []string{name, c.config.Fingerprint(name)}
	if o.Kind == awsconfig.FromEnv {
		_, key := c.first(env.AWSAccessKeyID, env.AWSAccessKey)
		parts = append(parts, secret.Digest(key))
	}
	return Choice{
		Kind: SDKProfile, Profile: name, SSO: o.SSO, Origin: o, Source: source,
		Identity: identity("profile", append(parts, c.machineSettings()...)...),
		Ambient:  o.Kind == awsconfig.NoOrigin, TokenFileKey: o.SSO.CacheKey(),
	}
}

// ambient returns the choice of the machine's or the container's credentials. Their
// address does not identify them: tomorrow, the same address may serve another identity (a
// local credential server, a pod).
func (c *chooser) ambient(kind Kind, source string) Choice {
	return Choice{Kind: kind, Source: source, Identity: identity(source, c.machineSettings()...), Ambient: true}
}

// defaultProvides reports whether the profile "default" has credentials or an error. AWS
// tools try this profile before the container and the instance.
func (c *chooser) defaultProvides() bool {
	o, err := c.config.Origin(defaultName)
	return err != nil || o.Kind != awsconfig.NoOrigin
}

// machineSettings returns the settings that locate the container's and the instance's
// credentials.
func (c *chooser) machineSettings() []string {
	var parts []string
	for _, v := range [...]env.Var{
		env.AWSContainerFullURI, env.AWSContainerTokenFile, env.AWSEC2MetadataEndpoint, env.AWSEC2MetadataMode,
	} {
		if value := c.env.Get(v); value != "" {
			parts = append(parts, v.Name()+"="+redactURL(value))
		}
	}
	for _, v := range [...]env.Var{env.AWSContainerRelativeURI, env.AWSContainerToken} {
		if value := c.env.Get(v); value != "" {
			parts = append(parts, v.Name()+"="+secret.Digest(value))
		}
	}
	return parts
}

// redactURL returns an address that is safe to display and save: a digest replaces the
// user, password and query.
func redactURL(address string) string {
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

// identity joins the parts. Different lists never produce the same text.
func identity(kind string, parts ...string) string {
	escape := strings.NewReplacer("%", "%25", "|", "%7C")
	for i, part := range parts {
		parts[i] = escape.Replace(part)
	}
	return kind + "|" + strings.Join(parts, "|")
}
