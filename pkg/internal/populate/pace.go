package populate

import (
	"context"
	"sync"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
)

// The call rate. The portal allows about 20 calls per second for all operations together,
// and less under sustained load. AWS does not publish either number.
const (
	maxRate = 20.0 // calls per second; the initial rate
	minRate = 0.5
	slower  = 0.8  // rate factor after throttling
	faster  = 0.05 // added to the rate after each success, so 5% per second

	firstPause = 500 * time.Millisecond // after a failure; doubles while nothing succeeds
	maxPause   = 30 * time.Second
)

// pace spaces all calls of a listing, including retries. The rate increases slowly with
// each success and decreases when the portal throttles a call. It therefore stays close
// to the portal's limit. If several calls in flight are throttled, the rate decreases
// only once.
type pace struct {
	mu       sync.Mutex
	rate     float64
	next     time.Time // time of the next call
	paused   time.Time // no calls before this time
	cut      time.Time // when the rate was last lowered
	failures int       // since the last success
	success  time.Time // time of the last success, or the start
}

func newPace() *pace { return &pace{rate: maxRate, success: time.Now()} }

// wait waits until the next call may start.
func (p *pace) wait(ctx context.Context) error {
	for {
		slot := p.slot()
		if err := awsclient.Sleep(ctx, time.Until(slot)); err != nil {
			return err
		}
		if p.open(slot) {
			return nil
		}
	}
}

// slot returns the time of the next call and reserves it.
func (p *pace) slot() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	slot := p.next
	for _, t := range [...]time.Time{time.Now(), p.paused} {
		if t.After(slot) {
			slot = t
		}
	}
	p.next = slot.Add(time.Duration(float64(time.Second) / p.rate))
	return slot
}

// open reports whether a reserved time is still valid. A pause may have begun since the
// reservation.
func (p *pace) open(slot time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !slot.Before(p.paused)
}

func (p *pace) succeeded() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failures, p.success = 0, time.Now()
	p.rate = min(maxRate, p.rate+faster)
}

// throttled lowers the rate after throttling. after is the portal's Retry-After.
func (p *pace) throttled(after time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if now.Sub(p.cut) >= time.Second {
		p.cut, p.rate = now, max(minRate, p.rate*slower)
	}
	p.failures++
	if p.failures > 2*workers { // lowering the rate is not enough
		after = max(after, p.backoff(p.failures-2*workers))
	}
	p.pause(now.Add(after))
}

// failed pauses all calls after a failure other than throttling.
func (p *pace) failed(after time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failures++
	p.pause(time.Now().Add(max(after, p.backoff((p.failures+workers-1)/workers))))
}

// backoff returns the pause after a number of failures.
func (*pace) backoff(failures int) time.Duration {
	return min(maxPause, firstPause<<min(failures-1, 10))
}

// pause delays all calls until a time, but not beyond the end of the listing.
func (p *pace) pause(until time.Time) {
	if end := p.success.Add(stallTimeout); until.After(end) {
		until = end
	}
	if until.After(p.paused) {
		p.paused = until
	}
}

// idle returns the time since the last success.
func (p *pace) idle() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Since(p.success)
}

// state returns the rate, and whether failures delay the calls.
func (p *pace) state() (rate float64, failing bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.rate, p.failures > 0
}
