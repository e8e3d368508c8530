package configure

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/prompt"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/ssotoken"
)

// askSession determines the session to sign in to. A configured session is used unchanged,
// except for what flags change.
func (w *wizard) askSession(ctx context.Context) error {
	w.saySessions()
	name, err := w.ask(ctx, w.Session, prompt.Question{
		Label: "SSO session name", Empty: "(recommended)", Current: w.defaultSession(), Check: optional(checkName),
	})
	if err != nil {
		return err
	}
	w.session = awsconfig.Session{Name: name}
	if name == "" {
		w.Say("Note: without an SSO session (the legacy format), the sign-in cannot be refreshed. It lasts for some hours only.")
		w.Say("To use a session, run \"" + hint.ConfigureCommand("") + "\" again and enter a session name.")
	} else if s, ok := w.Config.Session(name); ok {
		known := *s
		w.known, w.session = s, known
	} else {
		w.warnOfName("SSO session", name)
	}
	if w.named != "" {
		w.warnOfProfile(w.named)
		// Check this before the sign-in, which would be useless otherwise.
		if err := w.checkProfile(w.named); err != nil {
			return &AnswerError{"--profile", err}
		}
	}
	if err := w.askStartURL(ctx); err != nil {
		return err
	}
	if err := w.askScopes(ctx); err != nil {
		return err
	}
	w.newShape = w.known == nil && name != "" ||
		w.known != nil && (w.known.StartURL != w.session.StartURL || w.known.Region != w.session.Region || w.scopes != "")
	return nil
}

// saySessions lists the configured sessions before the first question. A single one is
// the question's default.
func (w *wizard) saySessions() {
	if w.Ask == nil || w.Session.Given || len(w.Config.Sessions) < 2 {
		return
	}
	var names []string
	for _, s := range w.Config.Sessions {
		names = append(names, s.Name)
	}
	w.Say("Configured SSO sessions: " + strings.Join(names, ", "))
}

// defaultSession is the session of the profile, else the only one that is configured. A
// legacy profile has none.
func (w *wizard) defaultSession() string {
	if name := w.current.Get("sso_session"); name != "" || w.current.Get("sso_start_url") != "" {
		return name
	}
	if len(w.Config.Sessions) == 1 {
		return w.Config.Sessions[0].Name
	}
	return ""
}

// askStartURL asks for the start URL and the region that the session lacks. A vanity URL
// determines the region.
func (w *wizard) askStartURL(ctx context.Context) error {
	s, legacy := &w.session, w.session.Name == ""
	q := prompt.Question{Label: "SSO start URL", Check: func(s string) error { return checkStartURL(completeStartURL(s)) }}
	if legacy {
		q.Current = w.current.Get("sso_start_url")
	}
	var leads Resolved
	for s.StartURL == "" || w.StartURL.Given {
		typed, err := w.ask(ctx, w.StartURL, q)
		if err != nil {
			return err
		}
		url := completeStartURL(typed)
		if url != typed {
			w.Say("Using the start URL " + url)
		}
		if leads, err = w.resolve(ctx, url); err == nil {
			s.StartURL = url
			break
		}
		if w.Ask == nil || w.StartURL.Given || ctx.Err() != nil {
			return err
		}
		w.Say("  " + hint.Line(err))
	}
	switch {
	case w.SSORegion.Given:
		s.Region = w.SSORegion.Value
	case leads.Vanity && leads.Region != "":
		s.Region = leads.Region
		w.Say("SSO region: " + leads.Region + " (from the start URL)")
	case s.Region == "":
		q := prompt.Question{Label: "SSO region", Current: leads.Region, Check: checkRegion}
		if legacy && q.Current == "" {
			q.Current = w.current.Get("sso_region")
		}
		region, err := w.ask(ctx, w.SSORegion, q)
		if err != nil {
			return err
		}
		s.Region = region
	}
	return nil
}

func (w *wizard) resolve(ctx context.Context, startURL string) (Resolved, error) {
	if w.Resolve == nil {
		return Resolved{}, nil
	}
	return w.Resolve(ctx, awsconfig.Session{Name: w.session.Name, StartURL: startURL})
}

// askScopes asks for the scopes of a new session.
func (w *wizard) askScopes(ctx context.Context) error {
	if w.session.Name == "" || w.known != nil && !w.Scopes.Given {
		return nil
	}
	scopes, err := w.ask(ctx, w.Scopes, prompt.Question{
		Label: "SSO registration scopes", Current: DefaultScopes, Check: checkScopes,
	})
	if err != nil {
		return err
	}
	if w.known != nil && sameScopes(scopes, w.known.Scopes) {
		return nil
	}
	w.scopes, w.session.Scopes = scopes, splitScopes(scopes)
	return nil
}

func splitScopes(s string) []string {
	var scopes []string
	for scope := range strings.SplitSeq(s, ",") {
		scopes = append(scopes, strings.TrimSpace(scope))
	}
	return scopes
}

func sameScopes(s string, have []string) bool {
	return strings.Join(splitScopes(s), ",") == strings.Join(have, ",")
}

// minTokenLife is how long the token of an earlier sign-in must still be valid to be used,
// as in the AWS CLI.
const minTokenLife = 15 * time.Minute

// signIn signs in, unless the session has a valid token from an earlier sign-in.
func (w *wizard) signIn(ctx context.Context) error {
	if !w.newShape {
		key := awsconfig.SSO{Session: w.session.Name, StartURL: w.session.StartURL}.CacheKey()
		path, err := ssotoken.Path(w.Env.HomeDir(), key)
		if err != nil {
			return err
		}
		token, err := ssotoken.ReadFor(path, w.session.StartURL)
		if err == nil && token.Live(w.Now().Add(minTokenLife)) {
			w.token, w.reused = token, true
			return nil
		}
	}
	return w.signInAfresh(ctx)
}

func (w *wizard) signInAfresh(ctx context.Context) error {
	token, err := w.SignIn(ctx, w.session)
	if err != nil {
		return w.signInError(err)
	}
	w.token, w.reused = token, false
	if token.Region != "" && token.Region != w.session.Region {
		w.session.Region = token.Region
		w.Say("SSO region updated to " + token.Region)
	}
	return nil
}

// resumeCommand is the command that continues with the answers so far, but for the flags
// in without: their questions are asked again.
func (w *wizard) resumeCommand(without ...string) string {
	args := append([]string{"configure"}, w.flags...)
	if w.named != "" {
		args = append(args, "--profile", w.named)
	}
	args = append(args, "--sso-session", w.session.Name, "--start-url", w.session.StartURL)
	for _, flag := range []struct {
		name   string
		answer Answer
	}{
		{"registration-scopes", w.Scopes}, {"account-id", w.Account}, {"role-name", w.Role}, {"region", w.Region}, {"output", w.Output},
	} {
		if flag.answer.Given && !slices.Contains(without, flag.name) {
			args = append(args, "--"+flag.name, flag.answer.Value)
		}
	}
	if w.NoDocker {
		args = append(args, "--no-docker")
	}
	return hint.Command(args...)
}

// describeInterrupt adds what is saved and how to continue to the error of a Ctrl-C.
func (w *wizard) describeInterrupt(err error) error {
	if !errors.Is(err, prompt.ErrInterrupted) && !errors.Is(err, context.Canceled) {
		return err
	}
	switch {
	case w.written:
		return &stoppedError{fmt.Sprintf("profile %q was saved in %s", w.profile, w.Config.Paths.Config), err}
	case w.token.AccessToken.Empty() || w.reused:
		return &stoppedError{"nothing was saved", err}
	}
	return hint.With(&stoppedError{"the sign-in was saved, the profile was not", err}, w.resumeCommand()+" --sso-region "+hint.Arg(w.session.Region))
}

type stoppedError struct {
	saved string
	cause error
}

func (e *stoppedError) Error() string { return "canceled; " + e.saved }
func (e *stoppedError) Unwrap() error { return e.cause }

// signInError suggests the command that continues with the answers so far, because a
// session that is not saved yet cannot be signed in to by its name. If AWS was not reached,
// doctor comes first and the region is asked for again: a misspelled region is part of a
// host name that does not exist.
func (w *wizard) signInError(err error) error {
	next := hint.Next(err)
	if w.known != nil || next == nil || !strings.HasPrefix(next[0], hint.Program+" ") {
		return err
	}
	again := w.resumeCommand()
	if next[0] == hint.DoctorCommand("") {
		return hint.With(err, next[0], again)
	}
	again += " --sso-region " + hint.Arg(w.session.Region)
	device := again + " --use-device-code"
	if strings.HasSuffix(next[0], " --use-device-code") { // nothing else helps
		return hint.With(err, device)
	}
	return hint.With(err, again, device)
}

// callPortal calls list with a client of the portal. A token of an earlier sign-in that the
// portal no longer accepts is replaced once.
func (w *wizard) callPortal(ctx context.Context, list func(Portal) error) error {
	portal, err := w.Portal(w.session)
	if err != nil {
		return err
	}
	err = list(portal)
	fault, ok := errors.AsType[*awsclient.Fault](err)
	if !ok || fault.Kind != awsclient.Unauthorized || !w.reused {
		return err
	}
	if err := w.signInAfresh(ctx); err != nil {
		return err
	}
	return list(portal)
}

// chooseAccount determines the account. A single account is selected without a question.
func (w *wizard) chooseAccount(ctx context.Context) error {
	current := w.current.Get("sso_account_id")
	switch {
	case w.Account.Given:
		w.account = w.Account.Value
		w.Say("Account: " + w.account)
	case w.Ask == nil:
		w.account = current
		w.Say("Account: " + w.account)
	default:
		var accounts []awsclient.Account
		err := w.callPortal(ctx, func(portal Portal) (err error) {
			accounts, err = portal.ListAccounts(ctx, w.session.Region, w.token.AccessToken)
			return err
		})
		if err != nil {
			return w.portalError("the list of accounts", err)
		}
		if w.account, err = w.pickAccount(ctx, accounts, current); err != nil {
			return err
		}
	}
	return nil
}

func (w *wizard) pickAccount(ctx context.Context, accounts []awsclient.Account, current string) (string, error) {
	// Only a valid account id can be written to a profile, or shown.
	accounts = slices.DeleteFunc(accounts, func(a awsclient.Account) bool { return checkAccount(a.ID) != nil })
	switch len(accounts) {
	case 0:
		return "", hint.With(errors.New("no AWS account is assigned to you; contact the administrator of IAM Identity Center, then continue"), w.resumeCommand())
	case 1:
		w.Say("Account: " + accounts[0].ID + " (the only one that is assigned to you)")
		return accounts[0].ID, nil
	}
	w.Say(fmt.Sprintf("%d AWS accounts are assigned to you. Select one:", len(accounts)))
	sort.Slice(accounts, func(i, j int) bool { return byLabel(accounts[i], accounts[j]) < 0 })
	rows := make([]prompt.Row, len(accounts))
	at := -1
	for i, a := range accounts {
		rows[i] = prompt.Row{Text: strings.Join(nonEmpty(a.Name, a.Email), ", "), ID: a.ID}
		if a.ID == current {
			at = i
		}
	}
	i, err := w.Ask.Choose(ctx, "account", rows, at)
	if err != nil {
		return "", err
	}
	return accounts[i].ID, nil
}

// byLabel sorts by name, else by email, ignoring case. Accounts with an id only come last.
func byLabel(a, b awsclient.Account) int {
	la, lb := strings.ToLower(cmp.Or(a.Name, a.Email)), strings.ToLower(cmp.Or(b.Name, b.Email))
	if (la == "") != (lb == "") {
		return cmp.Compare(len(lb), len(la))
	}
	return cmp.Or(cmp.Compare(la, lb), cmp.Compare(a.ID, b.ID))
}

func nonEmpty(texts ...string) []string {
	return slices.DeleteFunc(texts, func(s string) bool { return s == "" })
}

// chooseRole determines the role. The portal must list it: a misspelled role would not
// fail before the first push.
func (w *wizard) chooseRole(ctx context.Context) error {
	var roles []string
	err := w.callPortal(ctx, func(portal Portal) (err error) {
		roles, err = portal.ListRoles(ctx, w.session.Region, w.token.AccessToken, w.account)
		return err
	})
	if fault, ok := errors.AsType[*awsclient.Fault](err); ok && fault.Kind == awsclient.Forbidden {
		roles, err = nil, nil
	}
	if err != nil {
		return w.portalError("the list of roles", err)
	}
	roles = slices.DeleteFunc(roles, func(r string) bool { return r == "" || checkLine(r) != nil })
	if len(roles) == 0 {
		return hint.With(errors.New("no role in account "+w.account+" is assigned to you"), w.resumeCommand("account-id", "role-name"))
	}
	sort.Slice(roles, func(i, j int) bool {
		a, b := roles[i], roles[j]
		return cmp.Or(cmp.Compare(strings.ToLower(a), strings.ToLower(b)), cmp.Compare(a, b)) < 0
	})
	w.role, err = w.pickRole(ctx, roles)
	return err
}

func (w *wizard) pickRole(ctx context.Context, roles []string) (string, error) {
	current := w.current.Get("sso_role_name")
	switch {
	case w.Role.Given || w.Ask == nil:
		role := w.Role.Value
		if !w.Role.Given {
			role = current
		}
		if !slices.Contains(roles, role) {
			err := fmt.Errorf("role %q in account %s is not assigned to you (assigned: %s)",
				role, w.account, hint.Clean(strings.Join(roles, ", "), 200))
			return "", hint.With(err, w.resumeCommand("role-name"))
		}
		w.Say("Role: " + role)
		return role, nil
	case len(roles) == 1:
		w.Say("Role: " + roles[0] + " (the only one that is assigned to you)")
		return roles[0], nil
	}
	w.Say(fmt.Sprintf("%d roles are assigned to you. Select one:", len(roles)))
	rows := make([]prompt.Row, len(roles))
	for i, r := range roles {
		rows[i] = prompt.Row{Text: r}
	}
	i, err := w.Ask.Choose(ctx, "role", rows, slices.Index(roles, current))
	if err != nil {
		return "", err
	}
	return roles[i], nil
}

func (w *wizard) portalError(what string, err error) error {
	return hint.With(fmt.Errorf("%s: %w", what, err), hint.DoctorCommand(""))
}
