package credhelper

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/tokencache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

// WithPatience is for machines without a user, of which thousands may start at once, such
// as the nodes of a cluster. A call may take limit instead of 30 s. Until then throttled
// and failing calls to AWS are tried again after random waits that grow. The processes of
// a machine that need the same login wait for the first one. A cached login is renewed at
// a random time before it expires (Login.CacheUntil), and still used if the renewal fails. A
// credential_process runs without a terminal. The setting on_error, which is for Docker
// clients, does not apply.
func WithPatience(limit time.Duration) Option {
	return func(h *Helper) { h.patience = limit }
}

const (
	// publicLimit limits a patient call for ECR Public, whose images can be pulled without
	// a login.
	publicLimit = 10 * time.Second
	// renewalLimit limits the renewal of a login that is still valid. If AWS does not
	// answer in this time, the old login is the answer.
	renewalLimit = 10 * time.Second
	// patientLockMargin is what remains of a patient call after its wait for another
	// process, to report the reason.
	patientLockMargin = 500 * time.Millisecond
	// retryRenewal is how long a caller may keep a login whose renewal has failed.
	retryRenewal = 5 * time.Minute
)

// limit limits a call for a registry.
func (h *Helper) limit(reg registry.Registry) time.Duration {
	switch {
	case h.patience == 0:
		return deadline
	case reg.Service == registry.Public:
		return min(h.patience, publicLimit)
	}
	return h.patience
}

// withDeadline runs work with a deadline.
func (h *Helper) withDeadline(ctx context.Context, end time.Time, work func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, end.Sub(h.now()))
	defer cancel()
	return work(ctx)
}

// patient changes the options of a client for WithPatience.
func (h *Helper) patient(o awsclient.Options) awsclient.Options {
	if h.patience > 0 {
		o.Phase, o.Retries, o.Unattended = h.patience, awsclient.ForNode, true
	}
	return o
}

// lockWait returns how long a call with that limit waits for other processes. A patient
// one waits until a random time in its second half, and then fails: the process with the
// lock is waiting for AWS, and another call would make throttling worse. The kubelet
// starts the processes of a node's images together and tries each again after fixed times.
// With random ends there is nearly always one of them that waits for the next try.
func (h *Helper) lockWait(limit time.Duration) time.Duration {
	if h.patience > 0 {
		return limit/2 + awsclient.Jitter(limit/2) - patientLockMargin
	}
	return min(lockWait, limit/2)
}

// lock takes the lock of that name and returns a function that releases it. All locks of
// a call share one limit for waiting. If there is no lock (the network file system does
// not support it, or its holder is stuck) the work is done without it, perhaps twice.
func (r *request) lock(ctx context.Context, kind, name string) (release func()) {
	release, _ = r.tryLock(ctx, kind, name)
	return release
}

// tryLock is lock, and also returns why there is no lock.
func (r *request) tryLock(ctx context.Context, kind, name string) (release func(), err error) {
	path := r.st.cache.LockPath(kind, name)
	if path == "" {
		return func() {}, nil
	}
	wait, cancel := context.WithTimeout(ctx, r.lockEnd.Sub(r.h.now()))
	defer cancel()
	held, err := safefile.Lock(wait, path)
	if err != nil {
		r.h.log.Debug("going on without the lock", "kind", kind, "error", err)
		return func() {}, err
	}
	return held.Unlock, nil
}

// lockKey takes the lock of a login. Only a patient call returns an error: that of a
// wait that ended.
func (r *request) lockKey(ctx context.Context, name string) (release func(), err error) {
	release, err = r.tryLock(ctx, "get", name)
	if r.h.patience == 0 || !errors.Is(err, safefile.ErrLockBusy) {
		return release, nil
	}
	text := fmt.Sprintf("another process on this machine is still getting the login for %s", r.reg.Host)
	return nil, hint.With(&cause{text, []error{ErrService, err}}, hint.DoctorCommand(r.reg.Host))
}

// cached returns the cached login, and whether it must be renewed first.
func (r *request) cached() (entry tokencache.Entry, ok, renew bool) {
	entry, ok = r.st.cache.Get(r.key)
	return entry, ok, ok && r.h.patience > 0 && !entry.RenewAt.IsZero() && !r.h.now().Before(entry.RenewAt)
}

// renewOr renews a valid login whose time has come. If that fails, it returns the login.
func (r *request) renewOr(ctx context.Context, entry tokencache.Entry) tokencache.Entry {
	r.renewing = true
	renewed, err := r.cold(ctx, r.h.now().Add(renewalLimit))
	if err != nil {
		r.h.log.Debug("login not renewed", "registry", r.reg.Host, "until", entry.ExpiresAt, "error", awsclient.Quiet(err))
		return entry
	}
	return renewed
}

// schedule sets when a patient caller renews a new login.
func (r *request) schedule(e *tokencache.Entry) {
	if r.h.patience > 0 {
		e.RenewAt = tokencache.RenewAt(e.IssuedAt, e.ExpiresAt, !r.st.cache.Known(r.key), awsclient.Jitter)
	}
}

// cacheUntil returns Login.CacheUntil.
func (h *Helper) cacheUntil(st *state, e tokencache.Entry) time.Time {
	if st.settings.Cache == string(CacheNone) {
		return time.Time{}
	}
	until := e.ExpiresAt.Add(-tokencache.Margin)
	if e.RenewAt.IsZero() || !e.RenewAt.Before(until) {
		return until
	}
	if now := h.now(); !now.Before(e.RenewAt) { // its renewal has failed
		if soon := now.Add(retryRenewal); soon.Before(until) {
			return soon
		}
		return until
	}
	return e.RenewAt
}

// pace is what the processes of a machine know about the throttling of one login. Each of
// them continues where the previous one stopped, so that a machine calls AWS less and less
// often, however often its programs are started. It is saved next to the lock of the
// login; the process that holds the lock uses it. It implements awsclient.Pace.
type pace struct {
	path string // "" before load, and without a cache directory
	now  func() time.Time
	note paceNote
}

type paceNote struct {
	Tries int       `json:"tries"` // that failed so far
	Next  time.Time `json:"next"`  // when the next one is due
}

const (
	// paceTTL is how long a note is used after its next try was due.
	paceTTL = 10 * time.Minute
	maxPace = 1 << 10
)

// load reads the note of earlier processes. A note for a time that no wait reaches was
// written with another clock.
func (p *pace) load(path string) {
	p.path, p.note = path, paceNote{}
	data, err := safefile.ReadOwn(path, maxPace)
	if err != nil {
		return
	}
	var note paceNote
	if json.Unmarshal(data, &note) == nil && note.Tries > 0 && note.Next.Sub(p.now()).Abs() < paceTTL {
		p.note = note
	}
}

// Tries implements awsclient.Pace.
func (p *pace) Tries() int { return p.note.Tries }

// Failed implements awsclient.Pace.
func (p *pace) Failed(next time.Time) {
	p.note = paceNote{p.note.Tries + 1, next.UTC()}
	if p.path == "" {
		return
	}
	if data, err := json.Marshal(p.note); err == nil {
		_ = safefile.WriteOwn(p.path, data) // without it the next process begins again
	}
}

// succeeded removes the note.
func (p *pace) succeeded() {
	if p.path != "" && p.note.Tries > 0 {
		_ = os.Remove(p.path)
		p.note = paceNote{}
	}
}

// keepPace waits until the machine's next try is due. If that is after the end of this
// call, it waits until the end: a process that ended at once would only be followed by the
// next one. A renewal does not wait, because there is a login.
func (r *request) keepPace(ctx context.Context, name string, end time.Time) error {
	path := r.st.cache.LockPath("get", name)
	if r.h.patience == 0 || path == "" {
		return nil
	}
	r.pace.load(path + ".throttled")
	wait := r.pace.note.Next.Sub(r.h.now())
	if r.pace.note.Tries == 0 || wait <= 0 {
		return nil
	}
	late := wait >= end.Sub(r.h.now())
	if late {
		wait = max(0, end.Sub(r.h.now())-patientLockMargin)
	}
	if !late || !r.renewing {
		sleep(ctx, wait)
	}
	if !late {
		return nil
	}
	text := fmt.Sprintf("AWS throttles or fails: the next try of this machine for %s is in %s", r.reg.Host,
		hint.Span(r.pace.note.Next.Sub(r.h.now()).Round(time.Second)))
	return hint.With(&cause{text, []error{ErrService}}, hint.DoctorCommand(r.reg.Host))
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
