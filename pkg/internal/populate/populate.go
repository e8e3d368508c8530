// Package populate implements `configure --all`, which writes a profile for each account
// and role that an SSO session can access. It lists them at a rate that the portal allows
// (list.go, pace.go), plans the profiles (plan.go) and writes them in a single edit.
//
// It does not sign in or print. It prompts only for the preferred role. It never changes a
// profile that it did not create. All data from the portal is validated before it reaches a
// file or the terminal.
package populate

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
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/settings"
)

// marker is a key in profiles created by this package. Its value is the session's name. The
// AWS CLI and the SDKs ignore it.
const marker = "ecr_sso_generated"

// Portal lists accounts and roles page by page, with a single try per page.
// *awsclient.Client implements it.
type Portal interface {
	AccountsPage(ctx context.Context, region string, token secret.Secret, page string) ([]awsclient.Account, string, error)
	RolesPage(ctx context.Context, region string, token secret.Secret, account, page string) ([]string, string, error)
}

// Input is the input of Run.
type Input struct {
	// Session is the signed-in session. SessionKeys are the keys to write in its section,
	// or nil for none.
	Session     awsconfig.Session
	SessionKeys []awsconfig.Key
	Config      *awsconfig.Config // current configuration, whose file is edited
	Portal      Portal

	// Token returns the access token. refused is a token that the portal rejected before
	// its expiry, or empty. An error ends the listing.
	Token func(ctx context.Context, refused secret.Secret) (secret.Secret, error)

	Roles, Accounts []string // globs; none: all. Accounts match by ID or name
	Names           Template
	Region          string // region of the profiles; "": none
	DryRun, Prune   bool

	// Checkpoint is the file of an unfinished listing; "": none. SignIn identifies the
	// sign-in that it belongs to.
	Checkpoint, SignIn string

	// Preferred contains the preferred role patterns in the settings. Prefer saves a
	// pattern. Choose prompts for a role and returns "" if the user selects none. It is
	// nil without a terminal.
	Preferred []string
	Prefer    func(role string) error
	Choose    func(ctx context.Context, roles []RoleCount) (string, error)

	Say, Answer func(line string)   // a progress line, a result line
	Progress    func(done Progress) // called frequently; may be nil
}

// Run lists the accounts and roles, and writes the matching profiles that do not exist.
// With the same listing, a second run does not change the file.
//
// If the listing cannot be completed, Run returns an *UnfinishedError and writes nothing.
// The next Run continues the listing. It also returns file errors and errors from Prefer
// and Choose.
func Run(ctx context.Context, in Input) error {
	// Check this before the listing, which can take minutes.
	if err := awsconfig.CheckEdit(in.Config.Paths.Config); err != nil {
		return err
	}
	l, err := list(ctx, in)
	if err != nil {
		return err
	}
	sayAll(in.Say, l.Skipped)
	p := plan(in, l)
	in.sayUnmatched(l, p)
	if in.DryRun {
		p.show(in)
	} else if err := p.write(in); err != nil {
		return err
	}
	if err := preferRole(ctx, in, p.byAccount); err != nil {
		return err
	}
	if len(l.Failed) > 0 {
		return &UnfinishedError{Done: l.done, All: l.all, Err: fmt.Errorf("the roles of account %s: %w", l.Failed[0].account, l.Failed[0].err)}
	}
	return nil
}

// sayUnmatched reports why no profile matches, because a pattern may have a typo.
func (in Input) sayUnmatched(l listing, p profilePlan) {
	switch {
	case len(l.known)+len(l.Skipped) == 0:
		in.Say("no AWS account is assigned to you")
	case len(l.Accounts) == 0:
		in.Say("no account that is assigned to you matches --account " + strings.Join(in.Accounts, " --account "))
	case len(p.add)+p.made == 0 && len(in.Roles) > 0 && len(l.Failed) == 0:
		in.Say("no role that is assigned to you matches --role " + strings.Join(in.Roles, " --role "))
	}
}

// maxSaid is the maximum number of printed lines of each kind.
const maxSaid = 20

func sayAll(say func(string), lines []string) {
	for _, line := range lines[:min(len(lines), maxSaid)] {
		say(line)
	}
	if more := len(lines) - maxSaid; more > 0 {
		say(fmt.Sprintf("and %d more", more))
	}
}

// Progress is the progress of a listing.
type Progress struct {
	Done, All int           // accounts
	Left      time.Duration // estimated; 0 if unknown
	// Waiting is the last failure if the calls are waiting because of it, or "".
	Waiting string
}

// UnfinishedError means that not all accounts and roles were listed.
type UnfinishedError struct {
	Done, All int // accounts with listed roles; All is 0 if unknown
	Err       error
}

func (e *UnfinishedError) Error() string {
	why := ": " + e.Err.Error()
	if errors.Is(e.Err, context.Canceled) {
		why = ", then stopped"
	}
	if e.All == 0 {
		return "no accounts listed" + why
	}
	return fmt.Sprintf("listed %d of %s%s", e.Done, hint.Count(e.All, "account"), why)
}

func (e *UnfinishedError) Unwrap() error { return e.Err }

// RoleCount is a role and the number of accounts that have it.
type RoleCount struct {
	Role     string
	Accounts int
}

// preferRole prompts for the preferred role if an account has several roles and no role
// is preferred. It then prints the number of accounts without a preferred role.
func preferRole(ctx context.Context, in Input, byAccount map[string][]string) error {
	several := 0
	for _, roles := range byAccount {
		if len(roles) > 1 {
			several++
		}
	}
	if several == 0 {
		return nil
	}
	preferred := in.Preferred
	if len(preferred) == 0 && in.Choose != nil && !in.DryRun {
		role, err := in.Choose(ctx, count(byAccount))
		if err != nil {
			return err
		}
		if role != "" {
			if err := in.Prefer(role); err != nil {
				return err
			}
			preferred = []string{role}
		}
	}
	left := ambiguous(byAccount, preferred)
	if left == 0 {
		in.Answer("one preferred role in each account")
		return nil
	}
	most := count(byAccount)[0]
	in.Answer(fmt.Sprintf("no preferred role in %d of %s (%q is a role in %d); run: %s", left, hint.Count(len(byAccount), "account"),
		most.Role, most.Accounts, hint.MapRoleCommand(append(slices.Clone(preferred), most.Role)...)))
	return nil
}

// count returns the roles in all accounts, most frequent first.
func count(byAccount map[string][]string) []RoleCount {
	n := map[string]int{}
	for _, roles := range byAccount {
		for _, role := range roles {
			n[role]++
		}
	}
	var counts []RoleCount
	for role, accounts := range n {
		counts = append(counts, RoleCount{role, accounts})
	}
	sort.Slice(counts, func(i, j int) bool {
		a, b := counts[i], counts[j]
		return cmp.Or(cmp.Compare(b.Accounts, a.Accounts), cmp.Compare(a.Role, b.Role)) < 0
	})
	return counts
}

// ambiguous returns the number of accounts with several roles in which no pattern matches
// exactly one role.
func ambiguous(byAccount map[string][]string, patterns []string) (left int) {
	for _, roles := range byAccount {
		decided := len(roles) < 2 || slices.ContainsFunc(patterns, func(pattern string) bool {
			matching := slices.DeleteFunc(slices.Clone(roles), func(role string) bool { return !settings.Glob(pattern, role) })
			return len(matching) == 1
		})
		if !decided {
			left++
		}
	}
	return left
}
