package profile

import (
	"errors"
	"strings"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
)

// FlawedVariableError tells that a variable of the environment, which the choice
// depends on, has a value that cannot be meant: AWS would refuse it, or answer
// with an error that names something else.
type FlawedVariableError struct {
	Variable string
	Flaw     string // in words, without the value
}

func (e *FlawedVariableError) Error() string { return e.Variable + " " + e.Flaw }

// checkVariables looks at what a choice takes from the environment. err is why
// there is none.
func (ch *chooser) checkVariables(c Choice, err error) error {
	if missing, ok := errors.AsType[*MissingProfileError](err); ok {
		for _, v := range []env.Var{env.AWSProfile, env.AWSDefaultProfile} {
			if missing.Source == v.Name() {
				return ch.flaw(v)
			}
		}
	}
	if err != nil {
		return nil
	}
	var used []env.Var
	switch c.Source {
	case SourceKeys:
		used = []env.Var{env.AWSAccessKeyID, env.AWSAccessKey, env.AWSSecretAccessKey, env.AWSSecretKey, env.AWSSessionToken, env.AWSSecurityToken}
	case SourceWebIdentity:
		used = []env.Var{env.AWSRoleARN, env.AWSRoleSessionName}
	case SourceContainer:
		used = []env.Var{env.AWSContainerRelativeURI, env.AWSContainerFullURI}
		if strings.ContainsAny(ch.env.Get(env.AWSContainerToken), "\r\n") { // a header, which may have blanks
			used = append(used, env.AWSContainerToken)
		}
	}
	if c.Kind != SSO { // whose region is the session's
		region := env.AWSRegion
		if ch.env.Get(region) == "" {
			region = env.AWSDefaultRegion
		}
		used = append(used, region)
	}
	for _, v := range used {
		if err := ch.flaw(v); err != nil {
			return err
		}
	}
	return nil
}

func (ch *chooser) flaw(v env.Var) error {
	if flaw := ch.env.Flaw(v); flaw != "" {
		ch.note(StepEnvironment, Failed, v.Name()+" "+flaw)
		return &FlawedVariableError{v.Name(), flaw}
	}
	return nil
}
