package credhelper

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
)

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
	// paceLife is how long a note is used after its next try was due.
	paceLife = 10 * time.Minute
	maxPace  = 1 << 10
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
	if json.Unmarshal(data, &note) == nil && note.Tries > 0 && note.Next.Sub(p.now()).Abs() < paceLife {
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
