package profile

import (
	"cmp"
	"errors"
	"strconv"
	"strings"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

// mapping is step 1: a mapping in the user's settings for this registry.
func (ch *chooser) mapping() (Choice, bool, error) {
	host, path := ch.registry.Host, ch.settingsPath()
	name, pattern, ok := ch.settings.Match(host)
	switch {
	case len(ch.settings.Registries) == 0:
		ch.note(StepMapping, NoMatch, "no mappings in "+path)
		return Choice{}, false, nil
	case !ok:
		ch.note(StepMapping, NoMatch, "no pattern in "+path+" matches "+host)
		return Choice{}, false, nil
	}
	asked := SourceMapping + " " + strconv.Quote(pattern)
	return ch.named(StepMapping, name, SourceMapping, asked,
		strconv.Quote(pattern)+" is mapped to profile "+strconv.Quote(name)+" in "+path)
}

// environment is step 2. It applies to any account, because a CI job sets these variables
// on purpose. As in the SDK, keys come before a profile, and an empty variable counts as
// not set.
func (ch *chooser) environment() (Choice, bool, error) {
	keyVar, key := ch.first(env.AWSAccessKeyID, env.AWSAccessKey)
	secretVar, secretKey := ch.first(env.AWSSecretAccessKey, env.AWSSecretKey)
	profileVar, name := ch.first(env.AWSProfile, env.AWSDefaultProfile)
	tokenFile, role := ch.env.Get(env.AWSWebIdentityTokenFile), ch.env.Get(env.AWSRoleARN)
	containerVar, uri := ch.first(env.AWSContainerRelativeURI, env.AWSContainerFullURI)
	switch {
	case key != "" && secretKey != "":
		detail := keyVar + " and " + secretVar
		if name != "" {
			detail += ", which beat " + profileVar + "=" + name
		}
		ch.note(StepEnvironment, Taken, detail)
		return Choice{Kind: Environment, Source: SourceKeys, Identity: identity("env-keys", secret.Digest(key))}, true, nil
	case key != "":
		return ch.halfSet(keyVar, env.AWSSecretAccessKey.Name())
	case name != "":
		return ch.named(StepEnvironment, name, profileVar, profileVar, profileVar+"="+name)
	case tokenFile != "" && role != "":
		ch.note(StepEnvironment, Taken, env.AWSWebIdentityTokenFile.Name()+" and "+env.AWSRoleARN.Name()+"="+role)
		return Choice{Kind: Environment, Source: SourceWebIdentity,
			Identity: identity("web-identity", role, tokenFile, ch.env.Get(env.AWSRoleSessionName))}, true, nil
	case tokenFile != "":
		return ch.halfSet(env.AWSWebIdentityTokenFile.Name(), env.AWSRoleARN.Name())
	case uri != "" && !ch.defaultProvides():
		detail := containerVar
		if containerVar == env.AWSContainerFullURI.Name() { // the path in the other variable is a secret
			detail += "=" + shown(uri)
		}
		ch.note(StepEnvironment, Taken, detail)
		return ch.ambient(Environment, SourceContainer), true, nil
	}
	detail := "no credentials and no profile"
	if uri != "" {
		// As in the AWS tools, the default profile comes before the container.
		detail = containerVar + " comes after profile \"default\", which has credentials"
	}
	if secretKey != "" { // the AWS CLI ignores it too
		detail += "; " + secretVar + " without " + env.AWSAccessKeyID.Name() + " does not count"
	}
	ch.note(StepEnvironment, NoMatch, detail)
	return Choice{}, false, nil
}

// halfSet returns the error for an environment with one of two variables.
func (ch *chooser) halfSet(set, missing string) (Choice, bool, error) {
	err := &HalfSetError{Set: set, Missing: missing}
	ch.note(StepEnvironment, Failed, err.Error())
	return Choice{}, false, err
}

// first returns the name and value of the first variable that is set.
func (ch *chooser) first(vars ...env.Var) (name, value string) {
	for _, v := range vars {
		if value := ch.env.Get(v); value != "" {
			return v.Name(), value
		}
	}
	return "", ""
}

// chain is step 4. The SDK's chain starts with the profile named default, so that is
// resolved like any other profile. Then come the machine's credentials.
func (ch *chooser) chain() (Choice, bool, error) {
	s, ok, err := ch.config.SSO(defaultName)
	switch {
	case ok:
		ch.note(StepChain, Taken, "profile "+hint.Quoted([]string{s.Profile})+", through SSO")
		return ssoChoice(s, SourceChain), true, nil
	case err != nil && ch.registry.Account != "":
		ch.note(StepChain, Failed, err.Error())
		return Choice{}, false, err
	}
	var origin awsconfig.Origin
	if err == nil {
		if origin, err = ch.config.Origin(defaultName); err != nil && ch.registry.Account != "" {
			ch.note(StepChain, Failed, err.Error())
			return Choice{}, false, err
		}
	}
	if err == nil && origin.Kind != awsconfig.NoOrigin {
		ch.note(StepChain, Taken, "profile \"default\"")
		return ch.sdkChoice(defaultName, origin, SourceChain), true, nil
	}
	ch.note(StepChain, Taken, "what the container or the instance provides")
	return ch.ambient(Chain, SourceChain), true, nil
}

func (ch *chooser) settingsPath() string { return cmp.Or(ch.settings.Path, "the settings") }

func (ch *chooser) configPath() string {
	if ch.config.Paths.Config == "" {
		return "the AWS configuration"
	}
	return ch.config.Paths.Config
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
		if strings.ContainsAny(ch.env.Get(env.AWSContainerToken), "\r\n") { // a header, which may contain spaces
			used = append(used, env.AWSContainerToken)
		}
	}
	if c.Kind != SSO { // an SSO profile uses the session's region
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
