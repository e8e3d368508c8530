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
func (c *chooser) mapping() (Choice, bool, error) {
	host, path := c.registry.Host, c.settingsPath()
	name, pattern, ok := c.settings.Match(host)
	switch {
	case len(c.settings.Registries) == 0:
		c.note(StepMapping, NoMatch, "no mappings in "+path)
		return Choice{}, false, nil
	case !ok:
		c.note(StepMapping, NoMatch, "no pattern in "+path+" matches "+host)
		return Choice{}, false, nil
	}
	asked := SourceMapping + " " + strconv.Quote(pattern)
	return c.named(StepMapping, name, SourceMapping, asked,
		strconv.Quote(pattern)+" is mapped to profile "+strconv.Quote(name)+" in "+path)
}

// environment is step 2. It applies to any account, because a CI job sets these variables
// on purpose. As in the SDK, keys come before a profile, and an empty variable counts as
// not set.
func (c *chooser) environment() (Choice, bool, error) {
	keyVar, key := c.first(env.AWSAccessKeyID, env.AWSAccessKey)
	secretVar, secretKey := c.first(env.AWSSecretAccessKey, env.AWSSecretKey)
	profileVar, name := c.first(env.AWSProfile, env.AWSDefaultProfile)
	tokenFile, role := c.env.Get(env.AWSWebIdentityTokenFile), c.env.Get(env.AWSRoleARN)
	containerVar, uri := c.first(env.AWSContainerRelativeURI, env.AWSContainerFullURI)
	switch {
	case key != "" && secretKey != "":
		detail := keyVar + " and " + secretVar
		if name != "" {
			detail += ", which take precedence over " + profileVar + "=" + name
		}
		c.note(StepEnvironment, Selected, detail)
		return Choice{Kind: Environment, Source: SourceKeys, Identity: identity("env-keys", secret.Digest(key))}, true, nil
	case key != "":
		return c.halfSet(keyVar, env.AWSSecretAccessKey.Name())
	case name != "":
		return c.named(StepEnvironment, name, profileVar, profileVar, profileVar+"="+name)
	case tokenFile != "" && role != "":
		c.note(StepEnvironment, Selected, env.AWSWebIdentityTokenFile.Name()+" and "+env.AWSRoleARN.Name()+"="+role)
		return Choice{Kind: Environment, Source: SourceWebIdentity,
			Identity: identity("web-identity", role, tokenFile, c.env.Get(env.AWSRoleSessionName))}, true, nil
	case tokenFile != "":
		return c.halfSet(env.AWSWebIdentityTokenFile.Name(), env.AWSRoleARN.Name())
	case uri != "" && !c.defaultProvides():
		detail := containerVar
		if containerVar == env.AWSContainerFullURI.Name() { // the path in the other variable is a secret
			detail += "=" + redactURL(uri)
		}
		c.note(StepEnvironment, Selected, detail)
		return c.ambient(Environment, SourceContainer), true, nil
	}
	detail := "no credentials and no profile"
	if uri != "" {
		// As in the AWS tools, the default profile comes before the container.
		detail = containerVar + " comes after profile \"default\", which has credentials"
	}
	if secretKey != "" { // the AWS CLI ignores it too
		detail += "; " + secretVar + " without " + env.AWSAccessKeyID.Name() + " does not count"
	}
	c.note(StepEnvironment, NoMatch, detail)
	return Choice{}, false, nil
}

// halfSet returns the error for an environment with one of two variables.
func (c *chooser) halfSet(set, missing string) (Choice, bool, error) {
	err := &HalfSetError{Set: set, Missing: missing}
	c.note(StepEnvironment, Failed, err.Error())
	return Choice{}, false, err
}

// first returns the name and value of the first variable that is set.
func (c *chooser) first(vars ...env.Var) (name, value string) {
	for _, v := range vars {
		if value := c.env.Get(v); value != "" {
			return v.Name(), value
		}
	}
	return "", ""
}

// chain is step 4. The SDK's chain starts with the profile named default, so that is
// resolved like any other profile. Then come the machine's credentials.
func (c *chooser) chain() (Choice, bool, error) {
	sso, ok, err := c.config.SSO(defaultName)
	switch {
	case ok:
		c.note(StepChain, Selected, "profile "+hint.Quoted([]string{sso.Profile})+", through SSO")
		return ssoChoice(sso, SourceChain), true, nil
	case err != nil && c.registry.Account != "":
		c.note(StepChain, Failed, err.Error())
		return Choice{}, false, err
	}
	var origin awsconfig.Origin
	if err == nil {
		if origin, err = c.config.Origin(defaultName); err != nil && c.registry.Account != "" {
			c.note(StepChain, Failed, err.Error())
			return Choice{}, false, err
		}
	}
	if err == nil && origin.Kind != awsconfig.NoOrigin {
		c.note(StepChain, Selected, "profile \"default\"")
		return c.sdkChoice(defaultName, origin, SourceChain), true, nil
	}
	c.note(StepChain, Selected, "credentials of the container or the instance")
	return c.ambient(Chain, SourceChain), true, nil
}

func (c *chooser) settingsPath() string { return cmp.Or(c.settings.Path, "the settings") }

func (c *chooser) configPath() string {
	if c.config.Paths.Config == "" {
		return "the AWS configuration"
	}
	return c.config.Paths.Config
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
