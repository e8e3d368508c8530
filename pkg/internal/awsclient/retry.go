package awsclient

import (
	"context"
	"math/rand/v2"
	"time"
)

// Retries says how often a failed call is tried again, and how long it waits before each
// try. Every wait is random, between zero and a limit that doubles with each try ("full
// jitter"), so that processes that failed together do not try again together.
type Retries struct {
	unanswered int           // tries of a call that AWS does not answer
	answered   int           // tries of a call that is throttled or answered with 5xx; 0: no limit
	first      time.Duration // limit of the wait after the first try
	longest    time.Duration // limit of every wait
	retryAfter time.Duration // the longest Retry-After that is obeyed; a call with a longer one fails
	try        time.Duration // time limit of one try; 0: that of the call
}

// The two settings.
var (
	// ForUser fails soon: a user waits for the answer, and can start the command again.
	ForUser = Retries{unanswered: 3, answered: 3, first: 500 * time.Millisecond, longest: 2 * time.Second, retryAfter: 10 * time.Second}
	// ForNode goes on until the call's time ends. Thousands of nodes may start at once,
	// and AWS throttles most of their calls. The waits are longer for the same reason.
	// pkg/internal/kubelet simulates them (TestFleet).
	ForNode = Retries{unanswered: 3, first: 4 * time.Second, longest: time.Minute, retryAfter: time.Minute, try: defaultPhase}
)

// Wait returns the wait before the next try, without a Retry-After of the server. jitter
// returns a random duration from 0 to its argument. try counts from 1. There is no next
// try if ok is false.
func (r Retries) Wait(try int, answered bool, jitter func(time.Duration) time.Duration) (wait time.Duration, ok bool) {
	limit := r.unanswered
	if answered {
		limit = r.answered
	}
	if limit > 0 && try >= limit {
		return 0, false
	}
	longest := r.longest
	if try < 20 { // a larger shift would overflow
		longest = min(longest, r.first<<(try-1))
	}
	return jitter(longest), true
}

// Pace continues the tries of earlier processes. It counts the tries that AWS answered with
// throttling or 5xx.
type Pace interface {
	Tries() int            // that failed so far
	Failed(next time.Time) // one more has failed, and the next one is due then
}

// WithPace returns a Client whose calls continue where p stopped.
func (c *Client) WithPace(p Pace) *Client {
	o := c.o
	o.pace = p
	return &Client{o: o, link: c.link}
}

// Jitter returns a random duration from 0 to d.
func Jitter(d time.Duration) time.Duration { return rand.N(d + 1) }

// retrier decides whether a failed try is retried, and waits before the next one.
type retrier struct {
	Retries
	now    func() time.Time
	sleep  func(context.Context, time.Duration) error
	jitter func(time.Duration) time.Duration // from 0 to the argument
}

func newRetrier(r Retries, now func() time.Time) retrier {
	return retrier{Retries: r, now: now, sleep: sleep, jitter: Jitter}
}

// next reports whether there is another try, and waits before it. try counts from 1.
func (r retrier) next(ctx context.Context, p policy, try int, o outcome) bool {
	if ctx.Err() != nil || !p.retries(o) {
		return false
	}
	if o.pace != nil && !o.failed {
		try = o.pace.Tries() + 1
	}
	wait, ok := r.Wait(try, !o.failed, r.jitter)
	if !ok {
		return false
	}
	if o.stale {
		return true // not a failure of the service: no reason to wait
	}
	if after, ok := parseRetryAfter(o.retryAfter, r.now()); ok {
		if after > r.retryAfter {
			return false
		}
		wait = max(wait, after)
	}
	if o.pace != nil && !o.failed {
		o.pace.Failed(r.now().Add(wait))
	}
	// A wait beyond the deadline would end in a timeout that hides the cause.
	if end, ok := ctx.Deadline(); ok && time.Until(end) <= wait {
		return false
	}
	return r.sleep(ctx, wait) == nil
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
