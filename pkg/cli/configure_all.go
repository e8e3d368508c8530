package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awscache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/configure"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/populate"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/prompt"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/settings"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/style"
)

// allOptions contains the flags of `configure --all`.
type allOptions struct {
	all, dryRun, prune bool
	roles, accounts    []string
	prefix, name       string
}

func (o *allOptions) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&o.all, "all", false, "write a profile for each account and role of the session")
	f.StringArrayVar(&o.roles, "role", nil, "with --all: only roles that match this `GLOB`; can be repeated")
	f.StringArrayVar(&o.accounts, "account", nil, "with --all: only accounts whose ID or name matches this `GLOB`; can be repeated")
	f.StringVar(&o.prefix, "prefix", "", "with --all: prefix each profile name with `TEXT`")
	f.StringVar(&o.name, "name", populate.DefaultTemplate, "with --all: template for profile names with {account_id}, {account_name}, {role} and {region}")
	f.BoolVar(&o.dryRun, "dry-run", false, "with --all: print the profiles without writing them")
	f.BoolVar(&o.prune, "prune", false, "with --all: remove generated profiles whose role is no longer assigned to you")
}

// check rejects flags that cannot be used together.
func (o *allOptions) check(given func(flag string) bool) error {
	flags, verb := []string{"role", "account", "prefix", "name", "dry-run", "prune"}, "needs"
	if o.all {
		flags, verb = []string{"profile", "account-id", "role-name", "output", "no-docker"}, "can't be used together with"
	}
	for _, flag := range flags {
		if given(flag) {
			return fmt.Errorf("--%s %s --all", flag, verb)
		}
	}
	return nil
}

// flags returns the flags that do not answer a question, for the command that continues
// this one.
func (o configureOptions) flags(given func(flag string) bool) (args []string) {
	for _, list := range []struct {
		flag   string
		values []string
	}{{"role", o.all.roles}, {"account", o.all.accounts}, {"prefix", []string{o.all.prefix}}, {"name", []string{o.all.name}}} {
		for _, value := range list.values {
			if given(list.flag) {
				args = append(args, "--"+list.flag, value)
			}
		}
	}
	for _, flag := range []string{"prune", "dry-run", "use-device-code", "no-browser"} {
		if given(flag) {
			args = append(args, "--"+flag)
		}
	}
	if o.all.all {
		args = append([]string{"--all"}, args...)
	}
	return args
}

// runConfigureAll runs `configure --all`.
func runConfigureAll(ctx context.Context, a app, o configureOptions, given func(flag string) bool) error {
	names, err := populate.ParseTemplate(o.all.prefix, o.all.name, o.region)
	if err != nil {
		return &configure.AnswerError{Flag: "--name", Err: err}
	}
	s, err := settings.LoadFor(a.env)
	if err != nil {
		return err
	}
	return withConfigureInput(ctx, a, o, given, func(c configureInput) error {
		in := populate.Input{
			Config: c.Config, Roles: o.all.roles, Accounts: o.all.accounts, Names: names, Region: o.region,
			DryRun: o.all.dryRun, Prune: o.all.prune, Preferred: s.Roles,
			Prefer: func(role string) error { return settings.PreferRoles(settingsPath(a), []string{role}) },
			Say:    c.Say, Answer: c.Answer,
		}
		if c.Ask != nil {
			in.Choose = chooseRole(c.Ask)
		}
		return populateAll(ctx, a, c, in)
	})
}

// populateAll signs in and lists accounts and roles. If the portal rejects the token of an
// earlier sign-in right away, it signs in again.
func populateAll(ctx context.Context, a app, c configureInput, in populate.Input) error {
	signed, err := configure.SignIn(ctx, c.Input)
	if err != nil {
		return err
	}
	err = populateSession(ctx, a, c, in, signed)
	if signed.Reused && errors.Is(err, configure.ErrSessionEnded) && isUnlisted(err) {
		if signed, err = signed.SignInAgain(ctx); err != nil {
			return err
		}
		err = populateSession(ctx, a, c, in, signed)
	}
	if _, ok := errors.AsType[*populate.UnfinishedError](err); ok {
		return hint.With(err, signed.Command())
	}
	return err
}

// isUnlisted reports whether a listing failed before it returned any account.
func isUnlisted(err error) bool {
	unfinished, ok := errors.AsType[*populate.UnfinishedError](err)
	return ok && unfinished.All == 0
}

// populateSession lists the session's accounts and roles and writes the profiles.
func populateSession(ctx context.Context, a app, c configureInput, in populate.Input, signed configure.SignedIn) error {
	in.Session, in.SessionKeys = signed.Session, signed.Keys
	client, err := c.client(signed.Session)
	if err != nil {
		return err
	}
	in.Portal = client
	file, err := awscache.TokenPath(a.env.HomeDir(), signed.Session.Name)
	if err != nil {
		return err
	}
	lock := a.cache().TokenLock(file)
	if dir := a.env.CacheDir(); dir != "" {
		in.Checkpoint = filepath.Join(dir, "listing.json")
		in.SignIn = awscache.CurrentSignIn(file, lock, signed.Session.StartURL).ID
	}
	refresh := awscache.RefreshOptions{
		Path: file, LockPath: lock, Warn: func(err error) { a.log.Debug("session not refreshed", "error", err) },
	}
	in.Token = func(ctx context.Context, refused secret.Secret) (secret.Secret, error) {
		return signed.AccessToken(ctx, client, refresh, refused)
	}
	show := newListingLine(a)
	defer show.end()
	in.Progress = show.update
	in.Say = func(line string) { show.end(); c.Say(line) }
	in.Answer = func(line string) { show.end(); c.Answer(line) }
	return populate.Run(ctx, in)
}

// chooseRole asks for the preferred role.
func chooseRole(ask configure.Asker) func(context.Context, []populate.RoleCount) (string, error) {
	return func(ctx context.Context, roles []populate.RoleCount) (string, error) {
		rows := []prompt.Row{}
		for _, r := range roles {
			rows = append(rows, prompt.Row{Text: r.Role, ID: hint.Count(r.Accounts, "account")})
		}
		rows = append(rows, prompt.Row{Text: "none (decide later)"})
		i, err := ask.Choose(ctx, "preferred role for accounts with several roles", rows, 0)
		if errors.Is(err, prompt.ErrInterrupted) {
			err = &configure.CanceledError{Saved: "the profiles were saved without a preferred role", Err: err}
		}
		if err != nil || i == len(roles) {
			return "", err
		}
		return roles[i].Role, nil
	}
}

// listingLine shows the progress of a listing on stderr: an updated line on a terminal, or
// a new line every ten seconds.
type listingLine struct {
	a      app
	moving bool
	last   time.Time
	shown  bool
}

func newListingLine(a app) *listingLine {
	return &listingLine{a: a, moving: style.CanMoveCursor(a.streams.err, a.env), last: time.Now()}
}

func (l *listingLine) update(p populate.Progress) {
	every := 10 * time.Second
	if l.moving {
		every = frameTime
	}
	if time.Since(l.last) < every {
		return
	}
	l.last = time.Now()
	if !l.moving {
		l.a.note(listingText(p))
		return
	}
	l.shown = true
	// The cursor stays at the start of the line (see clearLine).
	line := style.Cut(hint.Clean(listingText(p), maxMessage), max(style.Width(l.a.streams.err), 20)-1)
	_, _ = fmt.Fprint(l.a.streams.err, clearLine+line+"\r")
}

// end erases the updated line.
func (l *listingLine) end() {
	if l.shown {
		_, _ = fmt.Fprint(l.a.streams.err, clearLine)
	}
	l.shown = false
}

// listingText returns text such as "Listing roles: 412 of 1000 accounts, 1m left; waiting:
// CAUSE".
func listingText(p populate.Progress) string {
	text := "Listing accounts"
	if p.All > 0 {
		text = fmt.Sprintf("Listing roles: %d of %s", p.Done, hint.Count(p.All, "account"))
	}
	if left := p.Left.Round(time.Second); left > 0 {
		text += ", " + left.String() + " left"
	}
	if p.Waiting != "" {
		text += "; waiting: " + p.Waiting
	}
	return text
}

// configureInput is the input that configure and configure --all share.
type configureInput struct {
	configure.Input
	client clientOf
}
