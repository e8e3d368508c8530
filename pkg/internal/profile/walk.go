package profile

import (
	"errors"
	"fmt"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
)

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
