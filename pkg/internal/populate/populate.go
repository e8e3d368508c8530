// Package populate writes a profile for each account and role that an SSO session may use:
// the use case of `configure --all`. It lists them at a pace that the portal allows
// (list.go, pace.go), plans the profiles (plan.go, names.go) and writes them in one edit.
//
// It does not sign in, asks only for the preferred role, and prints nothing itself. A
// profile that it did not make is never changed. What the portal sends is checked before
// any of it reaches a file or a screen. It may import layers 0 to 3 (layer 4).
package populate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

// Marker is the key of a profile that this package made. Its value is the name of the
// session. The AWS CLI and the SDKs ignore it.
const Marker = "ecr_sso_generated"

// Portal lists accounts and roles page by page, in one try each; *awsclient.Client
// implements it.
type Portal interface {
	AccountsPage(ctx context.Context, region string, token secret.Secret, page string) ([]awsclient.Account, string, error)
	RolesPage(ctx context.Context, region string, token secret.Secret, account, page string) ([]string, string, error)
}

// Input is the input of Run.
type Input struct {
	// Session is the signed-in session. SessionKeys are those of its section that have to
	// be written, nil for none.
	Session     awsconfig.Session
	SessionKeys []awsconfig.Key
	Config      *awsconfig.Config // the current configuration, whose file is edited
	Portal      Portal

	// Token returns the access token. refused is a token that the portal refused before
	// its expiry, or empty. An error ends the listing: the session is dead.
	Token func(ctx context.Context, refused secret.Secret) (secret.Secret, error)

	Roles, Accounts []string // globs; none: all. An account matches by its id or its name
	Names           Template
	Region          string // of the profiles; "" for none
	DryRun, Prune   bool

	// Checkpoint is the file of an unfinished listing; "" for none. SignIn identifies the
	// sign-in to which it belongs.
	Checkpoint, SignIn string

	// Preferred are the patterns of preferred roles in the settings. Prefer saves one.
	// Choose asks for one of the roles, nil without a terminal; it returns "" for none.
	Preferred []string
	Prefer    func(role string) error
	Choose    func(ctx context.Context, roles []RoleCount) (string, error)

	Say, Answer func(line string)   // a line of progress, a line of the result
	Progress    func(done Progress) // is called often; nil: nothing
}

// Run lists the accounts and roles, and writes the profiles that match and are missing.
// With the same listing a second run changes no byte.
//
// A listing that cannot be finished is an *UnfinishedError, and nothing is written; the
// next Run continues it. Other errors: those of the files, Prefer and Choose.
func Run(ctx context.Context, in Input) error {
	// Before the listing: it can take minutes.
	if err := awsconfig.CheckCLI(in.Config.Paths.Config); err != nil {
		return err
	}
	l, err := list(ctx, in)
	if err != nil {
		return err
	}
	sayAll(in.Say, l.Skipped)
	p := plan(in, l)
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

// maxSaid is how many lines of one kind are shown.
const maxSaid = 20

func sayAll(say func(string), lines []string) {
	for _, line := range lines[:min(len(lines), maxSaid)] {
		say(line)
	}
	if more := len(lines) - maxSaid; more > 0 {
		say(fmt.Sprintf("and %d more", more))
	}
}

// Progress is the state of a listing.
type Progress struct {
	Done, All int           // accounts
	Left      time.Duration // estimated; 0 if not known
	// Waiting is why the calls wait: the cause of the last failure; "" if they do not.
	Waiting string
}

// UnfinishedError means that the accounts and roles were not all listed.
type UnfinishedError struct {
	Done, All int // accounts whose roles are listed; All is 0 if not known
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
