// Package profile owns the choice of whose credentials answer for a registry,
// and the reasons for it: a mapping, the environment, the account in the host
// name, the default profile and the machine, in this order.
//
// It never reads a file or the environment itself, never runs credential_process
// or touches the network, and never goes on to the next step because a chosen
// profile is missing or broken. It may import floors 0 and 1, and awsconfig and
// settings of its own floor 2, being the choice between what they say. The
// helper calls it for every get; explain and doctor print its walk.
package profile

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/settings"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

// Kind tells where the credentials come from.
type Kind int

// The kinds.
const (
	SSO         Kind = iota // an SSO profile: Choice.SSO is filled in
	SDKProfile              // a profile of another kind, by Choice.Origin
	Environment             // what the environment sets
	Chain                   // what the container or the instance provides
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

// Choice is whose credentials to use.
type Choice struct {
	Kind    Kind
	Profile string           // its name, for SSO and SDKProfile
	SSO     awsconfig.SSO    // for SSO, and for an SDKProfile that depends on an SSO session
	Origin  awsconfig.Origin // for SDKProfile
	Source  string           // what decided, one of the Source constants

	// Identity stands for the credentials in the key of the token cache: it
	// differs whenever they may belong to somebody else, and stays the same
	// from one call to the next. It holds no secret.
	Identity string
	// Ambient says that the credentials are the machine's or the container's:
	// only they themselves tell whose they are, so Identity is not complete
	// without them.
	Ambient bool
	// TokenFileKey names the SSO token file that stands behind the credentials
	// (see awsconfig.SSO.CacheKey); "" when there is none.
	TokenFileKey string

	Steps []Step // the walk that led here
}

// Named reports whether the person named the profile, in a mapping or in the
// environment.
func (c Choice) Named() bool {
	return c.Source == SourceMapping || c.Source == SourceProfile || c.Source == SourceDefaultProfile
}

// Choose takes the first of these that has something to say: a mapping in s,
// what e sets, the SSO profiles of c for the registry's account, the default
// chain. A chosen profile that is missing is a *MissingProfileError; one that is
// broken is the error of awsconfig; several that fit are an *AmbiguousError; an
// environment with one half of what it needs is a *HalfSetError; a variable whose
// value cannot be meant is a *FlawedVariableError.
// Walk tells the steps that led to an error.
func Choose(r registry.Registry, e env.Set, s settings.Settings, c *awsconfig.Config) (Choice, error) {
	ch := &chooser{registry: r, env: e, settings: s, config: c}
	for _, look := range [...]func() (Choice, bool, error){ch.mapping, ch.environment, ch.account, ch.chain} {
		choice, taken, err := look()
		if taken || err != nil {
			err = cmp.Or(ch.checkVariables(choice, err), err)
		}
		if err != nil {
			return Choice{}, &walkError{err, ch.steps}
		}
		if taken {
			choice.Steps = ch.steps
			return choice, nil
		}
	}
	return Choice{}, &walkError{errors.New("no step took anything"), ch.steps} // the chain takes all
}

// chooser is one walk. Each step tells whether it has taken something.
type chooser struct {
	registry registry.Registry
	env      env.Set
	settings settings.Settings
	config   *awsconfig.Config
	steps    []Step
}

// named chooses a profile that somebody asked for by its name.
func (ch *chooser) named(step, name, source, asked, detail string) (Choice, bool, error) {
	if _, ok := ch.config.Profile(name); !ok {
		err := &MissingProfileError{Profile: name, Source: asked, ConfigPath: ch.config.Paths.Config}
		ch.note(step, Failed, detail+": "+err.Error())
		return Choice{}, false, err
	}
	sso, ok, err := ch.config.SSO(name)
	var origin awsconfig.Origin
	if err == nil && !ok {
		origin, err = ch.config.Origin(name)
	}
	if err != nil {
		ch.note(step, Failed, detail+": "+err.Error())
		return Choice{}, false, err
	}
	ch.note(step, Taken, detail)
	if ok {
		return ssoChoice(sso, source), true, nil
	}
	return ch.sdkChoice(name, origin, source), true, nil
}

// Step is one place that was looked at.
type Step struct {
	Name    string // one of the Step constants
	Verdict string // one of the verdicts
	Detail  string // in words; may quote the user's files, so clean it for a terminal
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
	NoMatch = "no match" // it has nothing to say
	Skipped = "skipped"  // it would have, but is broken and nobody asked for it
	Taken   = "taken"    // it decides
	Failed  = "failed"   // it decides, and that is an error
)

func (ch *chooser) note(name, verdict, detail string) {
	ch.steps = append(ch.steps, Step{Name: name, Verdict: verdict, Detail: detail})
}

// walkError is an error with the steps that led to it.
type walkError struct {
	error
	steps []Step
}

func (w *walkError) Unwrap() error { return w.error }

// Walk returns the steps that led to an error of Choose; nil for other errors.
func Walk(err error) []Step {
	if w, ok := errors.AsType[*walkError](err); ok {
		return w.steps
	}
	return nil
}

// MissingProfileError tells that a profile was asked for by name and is in
// neither AWS file.
type MissingProfileError struct {
	Profile    string
	Source     string // who asked: AWS_PROFILE, mapping "PATTERN", ...
	ConfigPath string // the AWS configuration file; "" when there is none
}

func (e *MissingProfileError) Error() string {
	where := e.ConfigPath
	if where == "" {
		where = "the AWS configuration"
	}
	return fmt.Sprintf("profile %q (%s) is not in %s", e.Profile, e.Source, where)
}

// HalfSetError tells that the environment names credentials and lacks the variable
// that goes with the name. It is never a reason to use others: a CI secret that
// was forgotten must not log in as somebody else.
type HalfSetError struct{ Set, Missing string } // names of variables

func (e *HalfSetError) Error() string { return e.Set + " is set, but " + e.Missing + " is not" }

// AmbiguousError tells that several SSO profiles fit the registry's account and
// nothing says which is meant.
type AmbiguousError struct {
	Host, Account string
	Profiles      []string // in file order
}

func (e *AmbiguousError) Error() string {
	return fmt.Sprintf("account %s matches profiles %s", e.Account, hint.Quoted(e.Profiles))
}
