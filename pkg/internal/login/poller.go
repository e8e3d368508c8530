package login

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// The numbers of RFC 8628, sections 3.2 and 3.5, and our own bounds: a server
// that names no sensible interval is asked neither in a loop nor once an hour.
const (
	defaultInterval = 5 * time.Second
	slowDownStep    = 5 * time.Second
	maxInterval     = 60 * time.Second
)

// errPollExpired ends a poll whose deadline passed without an answer.
var errPollExpired = errors.New("nobody answered in time")

// answer is what one try came to.
type answer int

const (
	done     answer = iota // the try has kept its result
	pending                // the person has not answered yet
	slowDown               // asked too often: five seconds more, for good
	trouble                // the network failed; RFC 8628 3.5 goes on
	over                   // the end: refused, expired, or not to be mended
)

// poller asks again and again until somebody answers. It knows an interval, a
// deadline and how to wait; it knows no HTTP, AWS or terminal.
type poller struct {
	interval time.Duration    // between two tries; 0 = RFC 8628's five seconds
	deadline time.Time        // wall clock: when the server forgets the code
	now      func() time.Time // wall clock, so that a suspended laptop notices
	slowed   func(n int, interval time.Duration)
}

// run calls try, first after one interval, until it says done (nil) or over
// (its error), ctx ends (its cause), or the deadline has passed and one more
// try brought nothing: an error that is errPollExpired and wraps the last
// network trouble when there was one.
func (p *poller) run(ctx context.Context, try func(context.Context) (answer, error)) error {
	interval := firstInterval(p.interval)
	slowDowns := 0
	for {
		if err := wait(ctx, min(interval, p.left())); err != nil {
			return err
		}
		// Looked at before the try: after a suspend the deadline may be long
		// past, and yet the person may have agreed on another device.
		last := p.left() <= 0
		said, err := try(ctx)
		switch said {
		case done:
			return nil
		case over:
			return err
		case slowDown:
			slowDowns++
			interval = min(interval+slowDownStep, maxInterval)
			if p.slowed != nil {
				p.slowed(slowDowns, interval)
			}
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if last {
			if said == trouble && err != nil {
				return fmt.Errorf("%w: %w", errPollExpired, err)
			}
			return errPollExpired
		}
	}
}

func (p *poller) left() time.Duration {
	return max(0, p.deadline.Sub(p.now().Round(0)))
}

func firstInterval(asked time.Duration) time.Duration {
	if asked <= 0 {
		return defaultInterval
	}
	return min(asked, maxInterval)
}

// wait sleeps for d or until ctx ends.
func wait(ctx context.Context, d time.Duration) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}
