package credhelper

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/keychain"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/settings"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/tokencache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

// This file contains what the processes of a machine share while they get the same login:
// locks, the cached login, the pace of their calls, and a denial.

// WithRetryLimit is for unattended machines, such as cluster nodes, thousands of which may
// start at the same time. It sets the time limit of a call, instead of 30 s. Throttled and
// failing AWS calls are retried within this limit, with random and growing waits. Processes
// that need the same login wait for the first one. A cached login is renewed at a random
// time before it expires (Login.CacheUntil), and is still used if the renewal fails. A
// credential_process runs without a terminal. The on_error setting, which is for Docker
// clients, does not apply.
func WithRetryLimit(limit time.Duration) Option {
	return func(h *Helper) { h.retryLimit = limit }
}

const (
	// publicLimit is the time limit for ECR Public, whose images can be pulled without a
	// login.
	publicLimit = 10 * time.Second
	// renewalLimit is the time limit for renewing a login that is still valid. If AWS does
	// not respond within this time, the old login is returned.
	renewalLimit = 10 * time.Second
	// retryLockMargin is the time left for reporting the reason after a wait for another
	// process.
	retryLockMargin = 500 * time.Millisecond
	// renewalRetryInterval is how long a caller may use a login after a failed renewal.
	renewalRetryInterval = 5 * time.Minute
)

// limit returns the time limit of a call for a registry.
func (h *Helper) limit(reg registry.Registry) time.Duration {
	switch {
	case h.retryLimit == 0:
		return deadline
	case reg.Service == registry.Public:
		return min(h.retryLimit, publicLimit)
	}
	return h.retryLimit
}

// withRetries changes client options for WithRetryLimit.
func (h *Helper) withRetries(o awsclient.Options) awsclient.Options {
	if h.retryLimit > 0 {
		o.Phase, o.Retries, o.Unattended = h.retryLimit, awsclient.ForNode, true
	}
	return o
}

// lockWait returns how long a call with that limit waits for other processes. With
// WithRetryLimit, it waits until a random time in the second half of the limit and then
// fails: the process with the lock is waiting for AWS, and another call would only increase
// throttling. The kubelet starts the processes for a node's images together and retries
// each one at fixed intervals. Because the waits end at random times, one process is nearly
// always still waiting when the next try is due.
func (h *Helper) lockWait(limit time.Duration) time.Duration {
	if h.retryLimit > 0 {
		return limit/2 + awsclient.Jitter(limit/2) - retryLockMargin
	}
	return min(lockWait, limit/2)
}

// lock takes the named lock and returns a function that releases it. All locks of a call
// share one time limit. If the lock is not available (a network file system does not
// support it, or its holder is stuck), the work proceeds without it and may be done twice.
func (r *request) lock(ctx context.Context, kind, name string) (release func()) {
	release, _ = r.tryLock(ctx, kind, name)
	return release
}

// tryLock is like lock but also returns the reason if there is no lock.
func (r *request) tryLock(ctx context.Context, kind, name string) (release func(), err error) {
	path := r.st.cache.LockPath(kind, name)
	if path == "" {
		return func() {}, nil
	}
	wait, cancel := context.WithTimeout(ctx, r.lockEnd.Sub(r.h.now()))
	defer cancel()
	held, err := safefile.Lock(wait, path)
	if err != nil {
		r.h.log.Debug("continuing without the lock", "kind", kind, "error", err)
		return func() {}, err
	}
	return held.Unlock, nil
}

// lockKey takes the lock of a login. It returns an error only with WithRetryLimit, if the
// wait timed out.
func (r *request) lockKey(ctx context.Context, name string) (release func(), err error) {
	release, err = r.tryLock(ctx, "get", name)
	if r.h.retryLimit == 0 || !errors.Is(err, safefile.ErrLockBusy) {
		return release, nil
	}
	text := fmt.Sprintf("another process on this machine is still getting the login for %s", r.reg.Host)
	return nil, hint.With(&cause{text, []error{ErrService, err}}, hint.DoctorCommand(r.reg.Host))
}

// cache opens the login cache according to the settings. It deletes nothing, because status
// and explain call it too.
func (h *Helper) cache(s settings.Settings) *tokencache.Cache {
	cache := tokencache.Open(h.env.CacheDir(), h.now).Reporting(h.notCached)
	switch s.Cache {
	case settings.CacheNone:
		return cache.WithoutEntries() // keep the locks: a refresh token can be used only once
	case settings.CacheKeychain:
		chain := keychain.New(h.env, s.Keychain, cache.LockPath("keychain", "key"))
		return cache.Encrypted(func() (secret.Secret, error) { return chain.Key(h.ctx) })
	}
	return cache
}

// notCached warns that a login is not cached, and why. It is silent after an interrupt,
// because the user knows the reason.
func (h *Helper) notCached(err error) {
	h.log.Debug("not cached", "error", err)
	if !errors.Is(err, context.Canceled) {
		h.warn(hint.With(fmt.Errorf("logins are not cached: %w", err), hint.DoctorCommand("")))
	}
}

// onlyFirst forwards the first warning and discards the others, so that a process warns at
// most once.
func onlyFirst(warn func(error)) func(error) {
	var once sync.Once
	return func(err error) { once.Do(func() { warn(err) }) }
}

// cached returns the cached login and whether it must be renewed first.
func (r *request) cached() (entry tokencache.Entry, ok, renew bool) {
	entry, ok = r.st.cache.Get(r.key)
	return entry, ok, ok && r.h.retryLimit > 0 && !entry.RenewAt.IsZero() && !r.h.now().Before(entry.RenewAt)
}

// renewOr renews a valid login that is due for renewal. If that fails, it returns the old
// login.
func (r *request) renewOr(ctx context.Context, entry tokencache.Entry) tokencache.Entry {
	r.renewing = true
	renewed, err := r.cold(ctx, r.h.now().Add(renewalLimit))
	if err != nil {
		r.h.log.Debug("login not renewed", "registry", r.reg.Host, "until", entry.ExpiresAt, "error", awsclient.Quiet(err))
		return entry
	}
	return renewed
}

// schedule sets the renewal time of a new login.
func (r *request) schedule(entry *tokencache.Entry) {
	if r.h.retryLimit > 0 {
		entry.RenewAt = tokencache.RenewAt(entry.IssuedAt, entry.ExpiresAt, !r.st.cache.Known(r.key), awsclient.Jitter)
	}
}

// cacheUntil returns the value of Login.CacheUntil.
func (h *Helper) cacheUntil(st *state, entry tokencache.Entry) time.Time {
	if st.settings.Cache == string(CacheNone) {
		return time.Time{}
	}
	until := entry.ExpiresAt.Add(-tokencache.Margin)
	if entry.RenewAt.IsZero() || !entry.RenewAt.Before(until) {
		return until
	}
	if now := h.now(); !now.Before(entry.RenewAt) { // its renewal has failed
		if soon := now.Add(renewalRetryInterval); soon.Before(until) {
			return soon
		}
		return until
	}
	return entry.RenewAt
}

// pace tracks the throttling of one login across the processes of a machine. Each process
// continues where the previous one stopped, so the machine calls AWS less and less often,
// no matter how often the program is started. The state is stored next to the login's lock
// and used by the process that holds the lock. It implements awsclient.Pace.
type pace struct {
	file  safefile.Note // "" before load
	now   func() time.Time
	state paceState
}

type paceState struct {
	Tries int       `json:"tries"` // failed tries so far
	Next  time.Time `json:"next"`  // time of the next try
}

// paceTTL is how long a saved state is used after its next try was due.
const paceTTL = 10 * time.Minute

// load reads the state saved by earlier processes. It ignores a state with a next try
// further away than any wait, because another clock was used.
func (p *pace) load(file safefile.Note) {
	p.file, p.state = file, paceState{}
	var saved paceState
	if file.Read(&saved) && saved.Tries > 0 && saved.Next.Sub(p.now()).Abs() < paceTTL {
		p.state = saved
	}
}

// Tries implements awsclient.Pace.
func (p *pace) Tries() int { return p.state.Tries }

// Failed implements awsclient.Pace.
func (p *pace) Failed(next time.Time) {
	p.state = paceState{p.state.Tries + 1, next.UTC()}
	_ = p.file.Write(p.state) // without it, the next process starts over
}

// succeeded removes the saved state.
func (p *pace) succeeded() {
	if p.state.Tries > 0 {
		p.file.Remove()
		p.state = paceState{}
	}
}

// waitForNextTry waits until the machine's next try is due. If that is after the end of
// this call, it waits until the end: if this process exited immediately, another one would
// just take its place. A renewal does not wait because there is a valid login.
func (r *request) waitForNextTry(ctx context.Context, name string, end time.Time) error {
	file := safefile.NoteAt(r.st.cache.LockPath("get", name), "throttled")
	if r.h.retryLimit == 0 || file == "" {
		return nil
	}
	r.pace.load(file)
	wait := r.pace.state.Next.Sub(r.h.now())
	if r.pace.state.Tries == 0 || wait <= 0 {
		return nil
	}
	late := wait >= end.Sub(r.h.now())
	if late {
		wait = max(0, end.Sub(r.h.now())-retryLockMargin)
	}
	if !late || !r.renewing {
		_ = awsclient.Sleep(ctx, wait)
	}
	if !late {
		return nil
	}
	text := fmt.Sprintf("AWS is throttling or failing; this machine's next try for %s is in %s", r.reg.Host,
		hint.Span(r.pace.state.Next.Sub(r.h.now()).Round(time.Second)))
	return hint.With(&cause{text, []error{ErrService}}, hint.DoctorCommand(r.reg.Host))
}

// denial is an AWS response that denies a login to an identity. It is saved next to the
// login's lock for the processes that are waiting for this lock; otherwise, each of them
// would get the same response, one after another. A process that starts later calls AWS
// again, because the permission may have been added. The file contains no secrets.
type denial struct {
	At       time.Time `json:"at"`
	SignIn   string    `json:"signIn"`   // sign-in of the session; another user may have access
	Assigned bool      `json:"assigned"` // false: the role is not assigned to the user
	Service  string    `json:"service"`
	Op       string    `json:"op"`
	Host     string    `json:"host"`
	Code     string    `json:"code"`
	Status   int       `json:"status"`
}

// denialNote returns the note for the denial of the login with that lock.
func (r *request) denialNote(name string) safefile.Note {
	return safefile.NoteAt(r.st.cache.LockPath("get", name), "denied")
}

// share saves err for the waiting processes if it is a denial.
func (r *request) share(name string, err error) {
	f, ok := errors.AsType[*awsclient.Fault](err)
	note := r.denialNote(name)
	if !ok || note == "" || f.Kind != awsclient.Denied && f.Kind != awsclient.Forbidden {
		return
	}
	err = note.Write(denial{r.h.now().UTC(), r.key.SignIn, f.Kind == awsclient.Denied, f.Service, f.Op, f.Host, f.Code, f.Status})
	r.h.log.Debug("denied", "shared", err == nil)
}

// deniedSince returns a denial that another process got after this one began to wait.
func (r *request) deniedSince(name string, waiting time.Time) error {
	var d denial
	if !r.denialNote(name).Read(&d) || d.SignIn != r.key.SignIn || d.At.Before(waiting) || d.At.After(r.h.now()) {
		return nil
	}
	kind := awsclient.Forbidden
	if d.Assigned {
		kind = awsclient.Denied
	}
	return &awsclient.Fault{Kind: kind, Service: d.Service, Op: d.Op, Host: d.Host, Code: d.Code, Status: d.Status}
}
