package profile

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/settings"
)

// defaultName is the profile that AWS tools use if the user names none.
const defaultName = "default"

// mapping is step 1: a mapping in the user's settings for this registry.
func (c *chooser) mapping() (Choice, bool, error) {
	host, path := c.reg.Host, c.settingsPath()
	name, pattern, ok := c.settings.Match(host)
	switch {
	case len(c.settings.Registries) == 0:
		c.note(StepMapping, NoMatch, "no mappings in "+path)
		return Choice{}, false, nil
	case !ok:
		c.note(StepMapping, NoMatch, "no pattern in "+path+" matches "+host)
		return Choice{}, false, nil
	}
	return c.named(StepMapping, naming{
		profile: name, source: SourceMapping, where: SourceMapping + " " + strconv.Quote(pattern),
		detail: strconv.Quote(pattern) + " is mapped to profile " + strconv.Quote(name) + " in " + path,
	})
}

// environment is step 2. It applies to any account, because a CI job sets these variables
// on purpose. As in the SDK, keys take precedence over a profile, and an empty variable
// means not set.
func (c *chooser) environment() (Choice, bool, error) {
	keyVar, key := c.first(env.AWSAccessKeyID, env.AWSAccessKey)
	secretVar, secretKey := c.first(env.AWSSecretAccessKey, env.AWSSecretKey)
	name, profileVar := c.env.Profile()
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
		return c.named(StepEnvironment, naming{profile: name, source: profileVar, where: profileVar, detail: profileVar + "=" + name})
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
		// As in the AWS tools, the default profile takes precedence over the container.
		detail = containerVar + " comes after profile \"default\", which has credentials"
	}
	if secretKey != "" { // the AWS CLI also ignores it
		detail += "; " + secretVar + " without " + env.AWSAccessKeyID.Name() + " is ignored"
	}
	c.note(StepEnvironment, NoMatch, detail)
	return Choice{}, false, nil
}

// halfSet returns the error for an environment with only one of two required variables.
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

// candidate is a profile in the registry's account.
type candidate struct {
	choice       Choice
	role, region string // "" if not set
}

// account is step 3: the profiles for the account in the host name, first the SSO profiles,
// then the profiles from members. It skips an incomplete SSO profile for the account.
// However, if the account has no complete SSO profile, this is an error, because the user
// created the profile for this account.
func (c *chooser) account() (Choice, bool, error) {
	account := c.reg.Account
	if account == "" {
		return c.public()
	}
	profiles, broken := c.config.ForAccount(account)
	c.noteBroken(broken)
	var found []candidate
	for _, s := range profiles {
		found = append(found, candidate{ssoChoice(s, SourceAccountMatch), s.Role, s.Region})
	}
	switch {
	case len(found) == 0 && len(broken) > 0:
		return Choice{}, false, broken[0]
	case len(found) == 0:
		return c.members()
	}
	left, why := c.narrow(found)
	if !oneIdentity(left) {
		err := &AmbiguousError{Host: c.reg.Host, Account: account, Profiles: names(left), Roles: c.deciding(found, left)}
		c.note(StepAccount, Failed, err.Error())
		return Choice{}, false, err
	}
	return c.selectMatch(left[0].choice, why)
}

// members selects a non-SSO profile: first one with a role in the account, then one with an
// `aws login` session in the account, then one with aws_account_id. If several remain, the
// next step applies, as in versions that did not find such profiles by their account: the
// default profile or the machine may have credentials that work.
func (c *chooser) members() (Choice, bool, error) {
	account := c.reg.Account
	found, any := map[string][]candidate{}, false
	for _, m := range c.config.Members(account) {
		any = true
		if why := unfit(m); why != "" {
			c.note(StepAccount, Skipped, why)
			continue
		}
		found[m.Key] = append(found[m.Key], candidate{c.sdkChoice(m.Profile, m.Origin, SourceAccountMatch), m.Role, m.Region})
	}
	if !any {
		c.note(StepAccount, NoMatch, "no profile for account "+account+" in "+c.configPath())
		return Choice{}, false, nil
	}
	for _, key := range awsconfig.AccountKeys {
		if len(found[key]) == 0 {
			continue
		}
		left, why := c.narrow(found[key])
		if oneIdentity(left) {
			return c.selectMatch(left[0].choice, why+" ("+key+")")
		}
		c.note(StepAccount, NoMatch, fmt.Sprintf("account %s matches profiles %s (%s), and no setting selects one of them",
			account, hint.Quoted(names(left)), key))
		break
	}
	return Choice{}, false, nil
}

// unfit returns why a profile is not selected without a mapping, or "" if it is. Only the
// user may start a program, and the user cannot enter an MFA code here.
func unfit(m awsconfig.Member) string {
	name := "profile " + strconv.Quote(m.Profile)
	switch {
	case m.Err != nil:
		return m.Err.Error()
	case m.Origin.Kind == awsconfig.FromProcess:
		return name + " would run a program (credential_process), so it is used only if you name it"
	case slices.ContainsFunc(m.Origin.Roles, func(r awsconfig.Role) bool { return r.MFASerial != "" }):
		return name + " needs an MFA code (mfa_serial)"
	case m.Origin.Kind == awsconfig.FromEnv:
		return name + " needs keys in the environment"
	}
	return ""
}

// narrow tries to reduce the profiles in the account to a single identity, and returns the
// reason: first by the preferred roles, then by the registry's region, then by the name
// default. Profiles with the same role are the same identity, so the caller selects the
// first profile.
func (c *chooser) narrow(found []candidate) (left []candidate, why string) {
	of := fmt.Sprintf(" of %d for account %s", len(found), c.reg.Account)
	switch {
	case len(found) == 1:
		return found, ", the only one for account " + c.reg.Account
	case oneIdentity(found):
		return found, fmt.Sprintf(", the first of %d for account %s that are the same identity", len(found), c.reg.Account)
	}
	for _, pattern := range c.settings.Roles {
		preferred := withRole(found, pattern)
		if len(preferred) > 0 && oneIdentity(preferred) {
			return preferred, ", the only one" + of + " whose role matches " + strconv.Quote(pattern) + " of roles in " + c.settingsPath()
		}
	}
	if inRegion := filter(found, func(f candidate) bool { return f.region == c.reg.Region }); len(inRegion) > 0 {
		found, why = inRegion, ", the one in "+c.reg.Region+of
	}
	if oneIdentity(found) {
		return found, why
	}
	if byName := filter(found, func(f candidate) bool { return f.choice.Profile == defaultName }); len(byName) > 0 {
		found, why = byName, ", the default"+of
	}
	return found, why
}

// deciding returns those roles of the remaining profiles that would select one identity if
// preferred.
func (c *chooser) deciding(found, left []candidate) []string {
	var roles []string
	for _, one := range left {
		usable := settings.CheckRoles([]string{one.role}) == nil
		if usable && oneIdentity(withRole(found, one.role)) && !slices.Contains(roles, one.role) {
			roles = append(roles, one.role)
		}
	}
	return roles
}

func withRole(found []candidate, pattern string) []candidate {
	return filter(found, func(c candidate) bool { return settings.Glob(pattern, c.role) })
}

// public is step 3 for ECR Public, whose host name contains no account: any identity can
// get a login. It selects the default profile, or the only identity. It never fails,
// because a public pull also works without credentials.
func (c *chooser) public() (Choice, bool, error) {
	profiles, broken := c.config.SSOProfiles()
	c.noteBroken(broken)
	if s, ok, err := c.config.SSO(defaultName); ok && err == nil {
		return c.selectMatch(ssoChoice(s, SourceAccountMatch), ", the default; ECR Public host names contain no account")
	}
	var found []candidate
	for _, s := range profiles {
		found = append(found, candidate{choice: ssoChoice(s, SourceAccountMatch)})
	}
	if len(found) == 0 || !oneIdentity(found) {
		c.note(StepAccount, NoMatch, fmt.Sprintf(
			"ECR Public host names contain no account, and %d SSO profiles in %s are possible", len(found), c.configPath()))
		return Choice{}, false, nil
	}
	return c.selectMatch(found[0].choice, ", the only SSO identity; ECR Public host names contain no account")
}

func (c *chooser) selectMatch(choice Choice, why string) (Choice, bool, error) {
	c.note(StepAccount, Selected, "profile "+strconv.Quote(choice.Profile)+why)
	return choice, true, nil
}

// noteBroken records the unusable SSO profiles. This shows the user why a profile was not
// selected.
func (c *chooser) noteBroken(broken []error) {
	for _, err := range broken {
		c.note(StepAccount, Skipped, err.Error())
	}
}

// oneIdentity reports whether the profiles differ only in name and region.
func oneIdentity(found []candidate) bool {
	return !slices.ContainsFunc(found, func(c candidate) bool { return c.choice.Identity != found[0].choice.Identity })
}

func filter(found []candidate, keep func(candidate) bool) []candidate {
	var out []candidate
	for _, c := range found {
		if keep(c) {
			out = append(out, c)
		}
	}
	return out
}

func names(found []candidate) []string {
	names := make([]string, len(found))
	for i, c := range found {
		names[i] = c.choice.Profile
	}
	return names
}

// chain is step 4. The SDK's chain starts with the profile named default, which is resolved
// like any other profile. The machine's credentials follow.
func (c *chooser) chain() (Choice, bool, error) {
	sso, ok, err := c.config.SSO(defaultName)
	switch {
	case ok:
		c.note(StepChain, Selected, "profile "+strconv.Quote(sso.Profile)+", through SSO")
		return ssoChoice(sso, SourceChain), true, nil
	case err != nil && c.reg.Account != "":
		c.note(StepChain, Failed, err.Error())
		return Choice{}, false, err
	}
	var origin awsconfig.Origin
	if err == nil {
		if origin, err = c.config.Origin(defaultName); err != nil && c.reg.Account != "" {
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
