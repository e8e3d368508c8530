package populate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/crash"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/settings"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

const (
	// workers is the number of concurrent calls. With 8, a round trip of 400 ms still
	// allows 20 calls per second.
	workers = 8
	// stallTimeout is the time for which the listing continues without any success.
	stallTimeout = 10 * time.Minute
	// tries is the maximum number of failures for one account while calls for other
	// accounts succeed.
	tries = 10
)

// listing is the validated output of the portal.
type listing struct {
	Accounts []account // sorted by ID
	Skipped  []string  // entries with invalid names, for the user
	Failed   []failure // accounts whose roles could not be listed

	known     map[string]bool // all account IDs in the portal, even if no glob matches them
	done, all int
}

type account struct {
	ID, Name string // Name is unvalidated text from the portal
	Roles    []string
	Listed   bool
}

type failure struct {
	account string
	err     error
}

// lister performs a listing. mu guards all fields except those of Input.
type lister struct {
	Input
	pace *pace

	mu      sync.Mutex
	listing listing
	token   secret.Secret
	started time.Time // start of this run
	since   time.Time // time of the oldest list
	resumed int       // accounts from an earlier run
	why     error
	saved   time.Time
}

// list lists the matching accounts and their roles.
func list(ctx context.Context, in Input) (listing, error) {
	l := &lister{Input: in, pace: newPace(), listing: listing{known: map[string]bool{}}, started: time.Now(), since: time.Now(), saved: time.Now()}
	err := l.accounts(ctx)
	if err == nil {
		l.restore()
		err = l.roles(ctx)
	}
	if err != nil {
		l.save()
		return listing{}, &UnfinishedError{Done: l.listing.done, All: l.listing.all, Err: err}
	}
	slices.Sort(l.listing.Skipped)
	if len(l.listing.Failed) == 0 {
		l.forget()
	} else {
		l.save()
	}
	return l.listing, nil
}

// accounts lists the accounts and selects the matching ones.
func (l *lister) accounts(ctx context.Context) error {
	var all []awsclient.Account
	err := l.pages(ctx, "ListAccounts", func(ctx context.Context, token secret.Secret, page string) (string, error) {
		list, next, err := l.Portal.AccountsPage(ctx, l.Session.Region, token, page)
		if err == nil {
			all = append(all, list...)
		}
		return next, err
	})
	if err != nil {
		return err
	}
	for _, a := range all {
		switch {
		case !registry.IsAccount(a.ID):
			l.listing.Skipped = append(l.listing.Skipped, fmt.Sprintf("skipped account %s: its id does not have 12 digits", quote(a.ID)))
		case l.listing.known[a.ID]:
		default:
			l.listing.known[a.ID] = true
			if matchesAny(l.Accounts, a.ID, a.Name) {
				l.listing.Accounts = append(l.listing.Accounts, account{ID: a.ID, Name: a.Name})
			}
		}
	}
	sort.Slice(l.listing.Accounts, func(i, j int) bool { return l.listing.Accounts[i].ID < l.listing.Accounts[j].ID })
	l.listing.all = len(l.listing.Accounts)
	return nil
}

// matchesAny reports whether one of the globs matches one of the texts. Without globs,
// everything matches.
func matchesAny(globs []string, texts ...string) bool {
	return len(globs) == 0 || slices.ContainsFunc(globs, func(glob string) bool {
		return slices.ContainsFunc(texts, func(text string) bool { return settings.Glob(glob, text) })
	})
}

// roles lists the roles of all accounts concurrently.
func (l *lister) roles(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan int)
	var all sync.WaitGroup
	for range workers {
		all.Add(1)
		crash.Go(func() {
			defer all.Done()
			for i := range next {
				if err := l.rolesOf(ctx, i); err != nil {
					cancel(err)
				}
			}
		})
	}
	for i, a := range l.listing.Accounts {
		if a.Listed {
			continue
		}
		select {
		case next <- i:
		case <-ctx.Done():
		}
	}
	close(next)
	all.Wait()
	return context.Cause(ctx)
}

// rolesOf lists the roles of one account. An error ends the listing.
func (l *lister) rolesOf(ctx context.Context, i int) error {
	id := l.listing.Accounts[i].ID
	var roles []string
	err := l.pages(ctx, "ListAccountRoles", func(ctx context.Context, token secret.Secret, page string) (string, error) {
		list, next, err := l.Portal.RolesPage(ctx, l.Session.Region, token, id, page)
		if err == nil {
			roles = append(roles, list...)
		}
		return next, err
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	if skip, ok := errors.AsType[*skipError](err); ok {
		l.listing.Failed = append(l.listing.Failed, failure{id, skip.error})
		return nil
	}
	if err != nil {
		return err
	}
	a := &l.listing.Accounts[i]
	a.Listed = true
	for _, role := range roles {
		switch {
		case !isRole(role):
			l.listing.Skipped = append(l.listing.Skipped, fmt.Sprintf("skipped role %s of account %s: it is not the name of an IAM role", quote(role), id))
		case !slices.Contains(a.Roles, role):
			a.Roles = append(a.Roles, role)
		}
	}
	slices.Sort(a.Roles)
	l.listing.done++
	l.report()
	if time.Since(l.saved) > saveEvery {
		l.checkpoint()
	}
	return nil
}

// pages makes the calls for one list.
func (l *lister) pages(ctx context.Context, op string, page func(ctx context.Context, token secret.Secret, page string) (string, error)) error {
	next := ""
	for range awsclient.MaxPages {
		err := l.call(ctx, func(token secret.Secret) (err error) {
			following, err := page(ctx, token, next)
			if err == nil {
				next = following
			}
			return err
		})
		if err != nil || next == "" {
			return err
		}
	}
	return &skipError{awsclient.TooManyPages(op)}
}

// skipError means that one list failed while other lists succeed.
type skipError struct{ error }

func (e *skipError) Unwrap() error { return e.error }

// call repeats one call until it succeeds. It fails if the context or the session ends,
// if no call of the listing succeeds for ten minutes, or if this list fails while other
// lists succeed.
func (l *lister) call(ctx context.Context, do func(token secret.Secret) error) error {
	first, failures := time.Now(), 0
	var refused secret.Secret
	for {
		token, err := l.live(ctx, refused)
		if err != nil {
			return err
		}
		if err := l.pace.wait(ctx); err != nil {
			return err
		}
		err = do(token)
		if err == nil {
			l.pace.succeeded()
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		fault, ok := errors.AsType[*awsclient.Fault](err)
		if !ok {
			return err
		}
		switch fault.Kind {
		case awsclient.Throttled:
			l.pace.throttled(fault.RetryAfter)
		case awsclient.Unauthorized:
			if !refused.Empty() && !refused.Equal(token) { // the new token was also rejected
				return err
			}
			refused = token
		case awsclient.Forbidden:
			return &skipError{err}
		case awsclient.InsecureEndpoint:
			return err
		default:
			failures++
			l.pace.failed(fault.RetryAfter)
		}
		idle := l.pace.idle()
		if idle >= stallTimeout {
			return fmt.Errorf("nothing succeeded for %s: %w", stallTimeout, err)
		}
		if failures >= tries && time.Since(first) > idle { // other lists have succeeded since
			return &skipError{err}
		}
		l.wait(err)
	}
}

// live returns the access token. It replaces a rejected token once for all calls.
func (l *lister) live(ctx context.Context, refused secret.Secret) (secret.Secret, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.token.Empty() && (refused.Empty() || !refused.Equal(l.token)) {
		return l.token, nil
	}
	token, err := l.Token(ctx, refused)
	if err == nil {
		l.token = token
	}
	return token, err
}

// wait records why the calls are waiting.
func (l *lister) wait(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.why = err
	l.report()
}

// report reports the progress. Call with mu held.
func (l *lister) report() {
	if l.Progress == nil {
		return
	}
	p := Progress{Done: l.listing.done, All: l.listing.all}
	rate, failing := l.pace.state()
	if fresh := p.Done - l.resumed; fresh > 0 && p.All > 0 {
		each := time.Since(l.started) / time.Duration(fresh)
		p.Left = max(each, time.Duration(float64(time.Second)/rate)) * time.Duration(p.All-p.Done)
	}
	if failing && l.why != nil {
		p.Waiting = l.why.Error()
	}
	l.Progress(p)
}

// quote quotes a text from the portal for a message.
func quote(text string) string {
	const most = 60
	if r := []rune(text); len(r) > most {
		text = string(r[:most]) + "..."
	}
	return cmp.Or(fmt.Sprintf("%+q", text), `""`)
}
