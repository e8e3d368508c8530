package profile

import (
	"strconv"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

// mapping is step 1: what the user wrote down for this registry.
func (ch *chooser) mapping() (Choice, bool, error) {
	host, path := ch.registry.Host, ch.settings.Path
	if path == "" {
		path = "the settings"
	}
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

// environment is step 2, for any account: what CI sets is meant. Keys beat a
// profile's name, as in the SDK; an empty variable is not set.
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
		if containerVar == env.AWSContainerFullURI.Name() { // the other variable's path is a secret
			detail += "=" + shown(uri)
		}
		ch.note(StepEnvironment, Taken, detail)
		return ch.ambient(Environment, SourceContainer), true, nil
	}
	detail := "no credentials and no profile"
	if uri != "" {
		// The order of the AWS tools: the default profile comes before the container.
		detail = containerVar + " comes after profile \"default\", which has credentials"
	}
	if secretKey != "" { // the AWS CLI does not look at it either
		detail += "; " + secretVar + " without " + env.AWSAccessKeyID.Name() + " does not count"
	}
	ch.note(StepEnvironment, NoMatch, detail)
	return Choice{}, false, nil
}

// halfSet is an environment with one of two variables.
func (ch *chooser) halfSet(set, missing string) (Choice, bool, error) {
	err := &HalfSetError{Set: set, Missing: missing}
	ch.note(StepEnvironment, Failed, err.Error())
	return Choice{}, false, err
}

// first returns the name and the value of the first variable that has one.
func (ch *chooser) first(vars ...env.Var) (name, value string) {
	for _, v := range vars {
		if value := ch.env.Get(v); value != "" {
			return v.Name(), value
		}
	}
	return "", ""
}
