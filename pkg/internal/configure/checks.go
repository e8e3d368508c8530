package configure

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"unicode"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

// DefaultScopes is the scope of a new session. It allows the session to list accounts and
// roles, and provides a refresh token.
const DefaultScopes = "sso:account:access"

// MissingAnswersError lists the flags that are required because there is no terminal for
// questions.
type MissingAnswersError struct{ Flags []string }

func (e *MissingAnswersError) Error() string {
	return "there is no terminal for questions, so these flags are required: " + strings.Join(e.Flags, ", ")
}

// AnswerError is an error in a flag's value.
type AnswerError struct {
	Flag string
	Err  error
}

func (e *AnswerError) Error() string { return e.Flag + ": " + e.Err.Error() }
func (e *AnswerError) Unwrap() error { return e.Err }

// checkGiven checks the answers given as flags, in the order of the questions.
func (w *wizard) checkGiven() error {
	for _, g := range []struct {
		flag  string
		given Answer
		check func(string) error
	}{
		{"--sso-session", w.Session, optional(checkName)},
		{"--start-url", w.StartURL, checkStartURL},
		{"--sso-region", w.SSORegion, checkRegion},
		{"--registration-scopes", w.Scopes, checkScopes},
		{"--account-id", w.Account, checkAccount},
		{"--role-name", w.Role, required(checkLine)},
		{"--region", w.Region, optional(checkRegion)},
		{"--output", w.Output, checkLine},
		{"--profile", w.Profile, required(checkName)},
	} {
		if !g.given.Given {
			continue
		}
		if err := g.check(g.given.Value); err != nil {
			return &AnswerError{g.flag, err}
		}
	}
	return nil
}

// checkComplete returns an error listing all missing answers if there is no terminal.
func (w *wizard) checkComplete() error {
	if w.Ask != nil {
		return nil
	}
	var missing []string
	need := func(flag string, given Answer, current string) {
		if !given.Given && current == "" {
			missing = append(missing, flag)
		}
	}
	name := w.defaultSession()
	need("--sso-session", w.Session, name)
	if w.Session.Given {
		name = w.Session.Value
	}
	switch session, ok := w.Config.Session(name); {
	case ok && name != "":
		need("--start-url", w.StartURL, session.StartURL)
		need("--sso-region", w.SSORegion, session.Region)
	case w.Session.Given && name == "":
		need("--start-url", w.StartURL, w.current.Get("sso_start_url"))
		need("--sso-region", w.SSORegion, w.current.Get("sso_region"))
	case name != "" || len(w.Config.Sessions) == 0:
		need("--start-url", w.StartURL, "")
		need("--sso-region", w.SSORegion, "")
	}
	need("--account-id", w.Account, w.current.Get("sso_account_id"))
	need("--role-name", w.Role, w.current.Get("sso_role_name"))
	if !w.NoDocker {
		need("--region", w.Region, w.givenRegion())
	}
	if missing != nil {
		return &MissingAnswersError{missing}
	}
	return nil
}

var (
	errRequired = errors.New("a value is required")
	hostForm    = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z][A-Za-z0-9-]*$`)
	})
	portalName = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$`)
	})
)

func optional(check func(string) error) func(string) error {
	return func(s string) error {
		if s == "" {
			return nil
		}
		return check(s)
	}
}

func required(check func(string) error) func(string) error {
	return func(s string) error {
		if s == "" {
			return errRequired
		}
		return check(s)
	}
}

// completeStartURL completes a start URL without a scheme: it adds https and, for an AWS
// portal, the domain and path. "my-portal" and "my-portal.awsapps.com" both become
// https://my-portal.awsapps.com/start.
func completeStartURL(s string) string {
	if s == "" || strings.Contains(s, "://") {
		return s
	}
	host, path, hasPath := strings.Cut(s, "/")
	switch {
	case !hasPath && portalName().MatchString(host):
		return "https://" + strings.ToLower(host) + ".awsapps.com/start"
	case !hostForm().MatchString(host):
		return s
	case path == "" && (strings.HasSuffix(host, ".awsapps.com") || strings.HasSuffix(host, ".awsapps.cn")):
		return "https://" + host + "/start"
	}
	return "https://" + s
}

func checkStartURL(s string) error {
	u, err := url.Parse(s)
	switch {
	case s == "":
		return errRequired
	case err != nil || checkLine(s) != nil || strings.ContainsAny(s, " \t"):
		return fmt.Errorf("%q is not a valid start URL (such as https://my-portal.awsapps.com/start)", s)
	case u.Scheme != "https":
		return fmt.Errorf("%q is not a valid start URL: it must begin with https://", s)
	case u.User != nil:
		return errors.New("a start URL must not contain a user name")
	case !hostForm().MatchString(u.Hostname()):
		return fmt.Errorf("%q is not a valid start URL: %q is not a host name", s, u.Hostname())
	}
	return nil
}

func checkRegion(s string) error {
	switch {
	case s == "":
		return errRequired
	case !registry.IsRegion(s):
		return fmt.Errorf("%q is not a region (such as us-east-1)", s)
	}
	return nil
}

// checkScopes accepts scopes separated by commas. They must include DefaultScopes, because
// without it the portal does not list accounts.
func checkScopes(s string) error {
	found := false
	for scope := range strings.SplitSeq(s, ",") {
		scope = strings.TrimSpace(scope)
		if scope == "" || strings.ContainsFunc(scope, unicode.IsSpace) || checkLine(scope) != nil {
			return errors.New("scope values must be separated by commas, such as " + DefaultScopes + ",codewhisperer:completions")
		}
		found = found || scope == DefaultScopes
	}
	if !found {
		return errors.New("the scopes must include " + DefaultScopes + ", which is needed to list accounts")
	}
	return nil
}

func checkAccount(s string) error {
	if !registry.IsAccount(s) {
		return fmt.Errorf("%q is not an account ID (12 digits)", s)
	}
	return nil
}

// checkName checks a section name by the rules of the config editor.
func checkName(s string) error {
	if strings.Contains(s, "]") || strings.ContainsFunc(s, hint.Unprintable) {
		return errors.New("a name must not contain ], control characters or invisible characters")
	}
	_, err := awsconfig.EditText("", awsconfig.Change{Section: awsconfig.SectionProfile, Name: s})
	return reason(err)
}

// sdkNames are the characters in section names that the SDKs for Go and JavaScript support.
const sdkNames = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.@+/:%-"

func (w *wizard) warnOfProfile(name string) {
	if _, ok := w.Config.Profile(name); !ok {
		w.warnOfName("profile", name)
	}
}

// warnOfName warns about a new name that this program and the AWS CLI can read but the SDKs
// cannot.
func (w *wizard) warnOfName(what, name string) {
	if strings.Trim(name, sdkNames) != "" {
		w.Say(fmt.Sprintf("Note: programs that use the AWS SDK for Go or JavaScript cannot read the %s name %q; they accept only letters, digits and _.@+/:%%-.",
			what, name))
	}
}

// checkLine checks a key's value.
func checkLine(s string) error {
	if strings.ContainsFunc(s, hint.Unprintable) {
		return errors.New("the value must not contain control characters, invisible characters or line breaks")
	}
	_, err := awsconfig.EditText("", awsconfig.Change{
		Section: awsconfig.SectionProfile, Name: "any", Keys: []awsconfig.Key{{Name: "output", Value: s}},
	})
	return reason(err)
}

// reason removes the key from an error, because the question or the flag already shows it.
func reason(err error) error {
	if value, ok := errors.AsType[*awsconfig.ValueError](err); ok {
		return errors.New(value.Reason)
	}
	return err
}

// checkProfile also rejects a profile with keys that take precedence over SSO, because it
// would not use the sign-in.
func (w *wizard) checkProfile(name string) error {
	if err := required(checkName)(name); err != nil {
		return err
	}
	p, ok := w.Config.Profile(name)
	if !ok {
		return nil
	}
	keys := p.Keys()
	for _, key := range []string{"role_arn", "web_identity_token_file"} {
		if keys.Get(key) != "" {
			return fmt.Errorf("profile %q has %s, which takes precedence over SSO; choose another name", name, key)
		}
	}
	if s := keys.Get("sso_session"); s != "" && w.session.Name == "" {
		return fmt.Errorf("profile %q uses SSO session %q; choose that session or another profile name", name, s)
	}
	return nil
}
