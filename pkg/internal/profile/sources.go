package profile

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
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

// defaultName is the profile that AWS tools use when none is named.
const defaultName = "default"

// account is step 3: the SSO profiles of the account in the host name. Several
// are narrowed by the registry's region, then by the name default. Profiles that
// lead to one and the same role are one identity, so their first is taken. A
// profile of the account that is not complete is passed over, but where it is the
// only one it is the error: it was made for this.
func (ch *chooser) account() (Choice, bool, error) {
	account := ch.registry.Account
	if account == "" {
		return ch.public()
	}
	broken := ch.noteBroken(account)
	found := ch.config.ForAccount(account)
	why := ", the only one for account " + account
	if len(found) > 1 {
		why = fmt.Sprintf(", the first of %d for account %s that are the same identity", len(found), account)
	}
	if !oneIdentity(found) {
		inRegion := filter(found, func(s awsconfig.SSO) bool { return s.Region == ch.registry.Region })
		if len(inRegion) > 0 {
			found, why = inRegion, fmt.Sprintf(", of %d for account %s the one in %s", len(found), account, ch.registry.Region)
		}
	}
	if !oneIdentity(found) {
		byName := filter(found, func(s awsconfig.SSO) bool { return s.Profile == defaultName })
		if len(byName) > 0 {
			found, why = byName, fmt.Sprintf(", of %d for account %s the default", len(found), account)
		}
	}
	switch {
	case len(found) == 0 && broken != nil:
		return Choice{}, false, broken
	case len(found) == 0:
		ch.note(StepAccount, NoMatch, "no SSO profile for account "+account+" in "+ch.configPath())
		return Choice{}, false, nil
	case !oneIdentity(found):
		err := &AmbiguousError{Host: ch.registry.Host, Account: account, Profiles: profiles(found)}
		ch.note(StepAccount, Failed, err.Error())
		return Choice{}, false, err
	}
	return ch.take(found[0], why)
}

// public is step 3 for ECR Public, whose host names no account: any identity may
// have a token there. The default profile is taken, or the only identity that
// there is. It is never an error: a public pull works without credentials too.
func (ch *chooser) public() (Choice, bool, error) {
	_ = ch.noteBroken("")
	if s, ok, err := ch.config.SSO(defaultName); ok && err == nil {
		return ch.take(s, ", the default; ECR Public names no account")
	}
	var found []awsconfig.SSO
	for _, p := range ch.config.Profiles {
		if s, ok, err := ch.config.SSO(p.Name); ok && err == nil {
			found = append(found, s)
		}
	}
	if len(found) == 0 || !oneIdentity(found) {
		ch.note(StepAccount, NoMatch, fmt.Sprintf(
			"ECR Public names no account, and %d SSO profiles in %s leave the choice open", len(found), ch.configPath()))
		return Choice{}, false, nil
	}
	return ch.take(found[0], ", the only SSO identity; ECR Public names no account")
}

// chain is step 4. What the SDK would find first in it is the profile named
// default, so that is resolved like any other; then the machine's.
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

func (ch *chooser) take(s awsconfig.SSO, why string) (Choice, bool, error) {
	ch.note(StepAccount, Taken, "profile "+hint.Quoted([]string{s.Profile})+why)
	return ssoChoice(s, SourceAccountMatch), true, nil
}

// noteBroken mentions the SSO profiles that cannot be used, of one account or,
// for "", of all: who wonders why a profile was not taken finds it here. It
// returns what is wrong with the first.
func (ch *chooser) noteBroken(account string) (first error) {
	for _, p := range ch.config.Profiles {
		if account != "" && !p.InAccount(account) {
			continue
		}
		if _, _, err := ch.config.SSO(p.Name); err != nil {
			ch.note(StepAccount, Skipped, err.Error())
			first = cmp.Or(first, err)
		}
	}
	return first
}

func (ch *chooser) configPath() string {
	if ch.config.Paths.Config == "" {
		return "the AWS configuration"
	}
	return ch.config.Paths.Config
}

// oneIdentity reports whether the profiles differ at most in name and region.
func oneIdentity(found []awsconfig.SSO) bool {
	bare := func(s awsconfig.SSO) awsconfig.SSO {
		s.Profile, s.Region = "", ""
		return s
	}
	return !slices.ContainsFunc(found, func(s awsconfig.SSO) bool { return bare(s) != bare(found[0]) })
}

func filter(found []awsconfig.SSO, keep func(awsconfig.SSO) bool) []awsconfig.SSO {
	var out []awsconfig.SSO
	for _, s := range found {
		if keep(s) {
			out = append(out, s)
		}
	}
	return out
}

func profiles(found []awsconfig.SSO) []string {
	names := make([]string, len(found))
	for i, s := range found {
		names[i] = s.Profile
	}
	return names
}

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
