// Package profile owns the choice of the credentials for a registry, and the reasons for
// it. The places are, in this order: a mapping, the environment, the account in the host
// name, the default profile, and the machine.
//
// It never reads a file or the environment itself, and never runs a credential_process or
// uses the network. If a selected profile is missing or broken, it fails and does not try
// the next place. It may import layers 0 and 1, and from its own layer 2 awsconfig and
// settings, because it chooses between what they contain. The helper calls it for every
// get; explain and doctor print its steps.
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

// Kind is where the credentials come from.
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

// Choice is the credentials to use.
type Choice struct {
	Kind    Kind
	Profile string           // its name, for SSO and SDKProfile
	SSO     awsconfig.SSO    // for SSO, and for an SDKProfile that depends on an SSO session
	Origin  awsconfig.Origin // for SDKProfile
	Source  string           // what selected them, one of the Source constants

	// Identity identifies the credentials in the key of the login cache. It differs
	// whenever the credentials may belong to another user or role, and is the same
	// in every call otherwise. It contains no secret.
	Identity string
	// Ambient says that the credentials belong to the machine or the container. Only
	// the credentials themselves say whose they are, so Identity is incomplete
	// without them.
	Ambient bool
	// TokenFileKey is the key of the SSO token file that the credentials depend on
	// (see awsconfig.SSO.CacheKey); "" if there is none.
	TokenFileKey string

	Steps []Step // how the choice was made
}

// Named reports whether the user named the profile, in a mapping or in the environment.
func (c Choice) Named() bool {
	return c.Source == SourceMapping || c.Source == SourceProfile || c.Source == SourceDefaultProfile
}

// Choose returns the first of these that applies: a mapping in s, credentials or a profile
// in e, an SSO profile in config for the registry's account, the default chain. The error is
//   - *MissingProfileError if the selected profile does not exist,
//   - an error of awsconfig if it is broken,
//   - *AmbiguousError if several profiles match,
//   - *HalfSetError if the environment has only one of two variables,
//   - *FlawedVariableError if the value of a variable cannot be right.
//
// StepsOf returns the steps that led to an error.
func Choose(reg registry.Registry, e env.Set, s settings.Settings, config *awsconfig.Config) (Choice, error) {
	c := &chooser{registry: reg, env: e, settings: s, config: config}
	for _, look := range [...]func() (Choice, bool, error){c.mapping, c.environment, c.account, c.chain} {
		choice, taken, err := look()
		if taken || err != nil {
			err = cmp.Or(c.checkVariables(choice, err), err)
		}
		if err != nil {
			return Choice{}, &stepsError{err, c.steps}
		}
		if taken {
			choice.Steps = c.steps
			return choice, nil
		}
	}
	return Choice{}, &stepsError{errors.New("no step selected credentials"), c.steps} // not reached: the chain always applies
}

// chooser makes one choice. Each of its steps reports whether it applies.
type chooser struct {
	registry registry.Registry
	env      env.Set
	settings settings.Settings
	config   *awsconfig.Config
	steps    []Step
}

// named selects a profile that the user named.
func (c *chooser) named(step, name, source, asked, detail string) (Choice, bool, error) {
	if _, ok := c.config.Profile(name); !ok {
		err := &MissingProfileError{Profile: name, Source: asked, ConfigPath: c.config.Paths.Config}
		c.note(step, Failed, detail+": "+err.Error())
		return Choice{}, false, err
	}
	sso, ok, err := c.config.SSO(name)
	var origin awsconfig.Origin
	if err == nil && !ok {
		origin, err = c.config.Origin(name)
	}
	if err != nil {
		c.note(step, Failed, detail+": "+err.Error())
		return Choice{}, false, err
	}
	c.note(step, Selected, detail)
	if ok {
		return ssoChoice(sso, source), true, nil
	}
	return c.sdkChoice(name, origin, source), true, nil
}

// Step is one place that was searched.
type Step struct {
	Name    string // one of the Step constants
	Verdict string // one of the verdicts
	Detail  string // for the user; may quote the user's files, so clean it for a terminal
}

// The names of the steps, in their order.
const (
	StepMapping     = "mapping"
	StepEnvironment = "environment"
	StepAccount     = "account match"
	StepChain       = "default chain"
)

// The verdicts on a step.
const (
	NoMatch  = "no match" // it names no credentials
	Skipped  = "skipped"  // its profile is broken, and the user did not name it
	Selected = "selected" // it decides
	Failed   = "failed"   // it decides, but with an error
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
	Source     string // where it is named: AWS_PROFILE, mapping "PATTERN", ...
	ConfigPath string // the AWS configuration file; "" when there is none
}

func (e *MissingProfileError) Error() string {
	where := e.ConfigPath
	if where == "" {
		where = "the AWS configuration"
	}
	return fmt.Sprintf("profile %q (%s) is not in %s", e.Profile, e.Source, where)
}

// HalfSetError means that one of two variables that belong together is not set. No other
// credentials are tried then: if a CI secret is missing, the job must not log in with
// another identity.
type HalfSetError struct{ Set, Missing string } // names of variables

func (e *HalfSetError) Error() string { return e.Set + " is set, but " + e.Missing + " is not" }

// AmbiguousError means that several SSO profiles match the registry's account and nothing
// selects one of them.
type AmbiguousError struct {
	Host, Account string
	Profiles      []string // in file order
	Roles         []string // each of them decides if the settings prefer it
}

func (e *AmbiguousError) Error() string {
	return fmt.Sprintf("account %s matches profiles %s, and the setting roles selects none of them", e.Account, hint.Quoted(e.Profiles))
}

// FlawedVariableError means that the choice depends on an environment variable whose value
// cannot be right. AWS would refuse it, or return an error that names something else.
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
		if strings.ContainsAny(c.env.Get(env.AWSContainerToken), "\r\n") { // a header, which may contain spaces
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

// An identity never contains the key ID of role credentials: the portal returns a new one
// each time, so no cached login would ever be found. For keys in the environment there is
// no other name; they stay the same as long as their shell or job runs.

func ssoIdentity(sso awsconfig.SSO) string {
	return identity("sso", sso.Session, sso.StartURL, sso.Account, sso.Role, sso.SSORegion)
}

func ssoChoice(sso awsconfig.SSO, source string) Choice {
	return Choice{
		Kind: SSO, Profile: sso.Profile, SSO: sso, Source: source,
		Identity: ssoIdentity(sso), TokenFileKey: sso.CacheKey(),
	}
}

// sdkChoice returns the choice for a profile that is not an SSO profile. Its identity is
// the whole configuration of the profile and the parts of the environment that it may use.
// A profile without credentials uses those of the machine.
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
// address does not identify them: tomorrow the same address may serve another identity (a
// local credential server, a pod).
func (c *chooser) ambient(kind Kind, source string) Choice {
	return Choice{Kind: kind, Source: source, Identity: identity(source, c.machineSettings()...), Ambient: true}
}

// defaultProvides reports whether profile "default" has credentials, or was meant to: AWS
// tools try it before the container and the instance.
func (c *chooser) defaultProvides() bool {
	o, err := c.config.Origin(defaultName)
	return err != nil || o.Kind != awsconfig.NoOrigin
}

// machineSettings returns the settings that locate the container's and the instance's
// credentials.
func (c *chooser) machineSettings() []string {
	var parts []string
	for _, v := range [...]env.Var{
		env.AWSContainerFullURI, env.AWSContainerTokenFile, env.AWSEC2MetadataEndpoint, env.AWSEC2MetadataMode, env.AWSLoginCache,
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

// redactURL returns an address that may be displayed and saved: a digest replaces the user,
// password and query.
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

// identity joins the parts so that different lists never give the same text.
func identity(kind string, parts ...string) string {
	escape := strings.NewReplacer("%", "%25", "|", "%7C")
	for i, part := range parts {
		parts[i] = escape.Replace(part)
	}
	return kind + "|" + strings.Join(parts, "|")
}
