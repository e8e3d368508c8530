package awsclient

import (
	"context"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	maxTries      = 3
	firstBackoff  = 500 * time.Millisecond // doubled for each further try
	maxRetryAfter = 10 * time.Second
)

// retrier decides whether a failed try is repeated, and waits.
type retrier struct {
	now    func() time.Time
	sleep  func(context.Context, time.Duration) error
	jitter func(time.Duration) time.Duration // anything from 0 to the argument
}

func newRetrier(now func() time.Time) retrier {
	return retrier{now: now, sleep: sleep, jitter: func(d time.Duration) time.Duration { return rand.N(d + 1) }}
}

// outcome is one try, as far as repeating it is concerned.
type outcome struct {
	failed     bool // no complete answer
	sent       bool // at least a part of the request may have reached the server
	stale      bool // the connection had been opened ahead and died
	permanent  bool // the failure would only repeat itself (a certificate, an answer that is too large)
	status     int
	code       string // the service's error code
	retryAfter string // the header
}

// next waits before another try and reports whether there is to be one. try
// counts from 1.
func (r retrier) next(ctx context.Context, p policy, try int, o outcome) bool {
	if try >= maxTries || ctx.Err() != nil || !p.repeats(o) {
		return false
	}
	if o.stale {
		return true // it says nothing about the service: no reason to wait
	}
	wait := r.jitter(firstBackoff << (try - 1))
	if after, ok := parseRetryAfter(o.retryAfter, r.now()); ok {
		if after > maxRetryAfter {
			return false
		}
		wait = max(wait, after)
	}
	// A wait that outlasts the phase would end in a timeout that hides the cause.
	if end, ok := ctx.Deadline(); ok && time.Until(end) <= wait {
		return false
	}
	return r.sleep(ctx, wait) == nil
}

func (p policy) repeats(o outcome) bool {
	switch {
	case p == never || p == metadata || o.permanent:
		return false
	case o.failed:
		return p == always || !o.sent
	default:
		return o.status >= 500 || throttled(o.status, o.code)
	}
}

// throttled knows the names that AWS services give throttling; ECR's comes with
// status 400. OIDC's SlowDownException is none of them: it talks to the poller.
func throttled(status int, code string) bool {
	switch code {
	case "ThrottlingException", "Throttling", "ThrottledException", "RequestThrottledException", "RequestThrottled",
		"TooManyRequestsException", "RequestLimitExceeded", "BandwidthLimitExceeded", "LimitExceededException",
		"PriorRequestNotComplete", "TransactionInProgressException":
		return true
	}
	return status == http.StatusTooManyRequests
}

// parseRetryAfter reads a Retry-After header, seconds or a date (RFC 9110
// section 10.2.3). Negative and unreadable values do not count.
func parseRetryAfter(s string, now time.Time) (time.Duration, bool) {
	s = strings.TrimSpace(s)
	if n, err := strconv.ParseUint(s, 10, 31); err == nil {
		return time.Duration(n) * time.Second, true
	}
	t, err := http.ParseTime(s)
	if err != nil {
		return 0, false
	}
	d := t.Sub(now)
	return d, d >= 0
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
