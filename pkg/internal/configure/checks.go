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

// DefaultScopes is the scope of a new session. With it a session can list accounts and
// roles, and gets a refresh token.
const DefaultScopes = "sso:account:access"

// MissingAnswersError lists the flags that must be given because there is no terminal to
// ask on.
type MissingAnswersError struct{ Flags []string }

func (e *MissingAnswersError) Error() string {
	return "there is no terminal to ask on, so the answers must be given: " + strings.Join(e.Flags, ", ")
}

// AnswerError is an error in the value of a flag.
type AnswerError struct {
	Flag string
	Err  error
}

func (e *AnswerError) Error() string { return e.Flag + ": " + e.Err.Error() }
func (e *AnswerError) Unwrap() error { return e.Err }

// checkGiven checks the answers that were given, in the order of the questions.
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

// checkComplete returns an error with every missing answer if there is no terminal.
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
	name := w.current.Get("sso_session")
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
		need("--region", w.Region, w.current.Get("region"))
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
		return errors.New("not a valid start URL: a user name has no place in it")
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
		return fmt.Errorf("%q does not look like a region (such as us-east-1)", s)
	}
	return nil
}

// checkScopes accepts scopes separated by commas. DefaultScopes must be among them,
// because the portal lists no accounts without it.
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
		return errors.New(DefaultScopes + " must be among the scopes, or no account can be listed")
	}
	return nil
}

func checkAccount(s string) error {
	if !registry.IsAccount(s) {
		return fmt.Errorf("%q is not an account id: it has 12 digits", s)
	}
	return nil
}

// checkName checks the name of a section. The editor of the file decides.
func checkName(s string) error {
	if strings.Contains(s, "]") || strings.ContainsFunc(s, hint.Unprintable) {
		return errors.New("a name cannot hold ], control characters or invisible characters")
	}
	_, err := awsconfig.EditText("", awsconfig.Change{Section: awsconfig.SectionProfile, Name: s})
	return reason(err)
}

// sdkNames are the characters of section names that the SDKs for Go and JavaScript read.
const sdkNames = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.@+/:%-"

func (w *wizard) warnOfProfile(name string) {
	if _, ok := w.Config.Profile(name); !ok {
		w.warnOfName("profile", name)
	}
}

// warnOfName warns about a new name that this program and the AWS CLI can read but the
// SDKs cannot.
func (w *wizard) warnOfName(what, name string) {
	if strings.Trim(name, sdkNames) != "" {
		w.Say(fmt.Sprintf("Note: programs that use the AWS SDK for Go or JavaScript cannot read the %s name %q; they read letters, digits and _.@+/:%%- only.",
			what, name))
	}
}

// checkLine checks the value of a key.
func checkLine(s string) error {
	if strings.ContainsFunc(s, hint.Unprintable) {
		return errors.New("control characters, invisible characters and line breaks are not possible here")
	}
	_, err := awsconfig.EditText("", awsconfig.Change{
		Section: awsconfig.SectionProfile, Name: "any", Keys: []awsconfig.Key{{Name: "output", Value: s}},
	})
	return reason(err)
}

// reason removes the key from an error: the question or the flag names it already.
func reason(err error) error {
	if value, ok := errors.AsType[*awsconfig.ValueError](err); ok {
		return errors.New(value.Reason)
	}
	return err
}

// checkProfile also refuses a profile with keys that take precedence over SSO, because it
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
			return fmt.Errorf("profile %q has %s, which wins over SSO; choose another name", name, key)
		}
	}
	if s := keys.Get("sso_session"); s != "" && w.session.Name == "" {
		return fmt.Errorf("profile %q uses SSO session %q; choose that session or another profile name", name, s)
	}
	return nil
}
