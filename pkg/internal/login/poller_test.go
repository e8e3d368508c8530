package login

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

var (
	errPollRefused = errors.New("refused")
	errPollOffline = errors.New("network is unreachable")
)

// pollTry is one poll.
type pollTry struct {
	says pollResult
	err  error
	jump time.Duration // jump of the wall clock after the try, as after a suspend
}

// pollerCases are the test cases of TestPoller.
var pollerCases = map[string]struct {
	interval, life time.Duration
	tries          []pollTry // the last one is repeated
	want           []int     // seconds from the start to each try
	err            error
}{
	"asks once when the answer is there": {
		interval: time.Second, life: time.Minute, tries: []pollTry{{says: pollDone}}, want: []int{1}},
	"waits five seconds when no interval came": {
		life: time.Minute, tries: []pollTry{{says: pollPending}, {says: pollDone}}, want: []int{5, 10}},
	"waits five seconds when the interval is negative": {
		interval: -time.Hour, life: time.Minute, tries: []pollTry{{says: pollDone}}, want: []int{5}},
	"huge interval is a minute": {
		interval: 24 * time.Hour, life: time.Hour, tries: []pollTry{{says: pollPending}, {says: pollDone}}, want: []int{60, 120}},
	"each slow_down adds five seconds permanently": {
		interval: time.Second, life: time.Hour,
		tries: []pollTry{{says: pollSlowDown}, {says: pollPending}, {says: pollSlowDown}, {says: pollPending}, {says: pollDone}},
		want:  []int{1, 7, 13, 24, 35}},
	"endless slow_down: one minute at most": {
		interval: 55 * time.Second, life: time.Hour,
		tries: []pollTry{{says: pollSlowDown}, {says: pollSlowDown}, {says: pollSlowDown}, {says: pollDone}},
		want:  []int{55, 115, 175, 235}},
	"network error is not the end": {
		interval: time.Second, life: time.Minute,
		tries: []pollTry{{says: pollNetwork, err: errPollOffline}, {says: pollNetwork, err: errPollOffline}, {says: pollDone}}, want: []int{1, 2, 3}},
	"refusal is the end": {
		interval: time.Second, life: time.Minute, tries: []pollTry{{says: pollPending}, {says: pollFailed, err: errPollRefused}}, want: []int{1, 2}, err: errPollRefused},
	"server's expiry ends it, with one try at the end": {
		interval: 4 * time.Second, life: 10 * time.Second, tries: []pollTry{{says: pollPending}}, want: []int{4, 8, 10}, err: errPollExpired},
	"at the end the network is named": {
		interval: 4 * time.Second, life: 5 * time.Second, tries: []pollTry{{says: pollNetwork, err: errPollOffline}}, want: []int{4, 5}, err: errPollOffline},
	"code that is expired already is tried once": {
		interval: time.Second, life: -time.Hour, tries: []pollTry{{says: pollPending}}, want: []int{0}, err: errPollExpired},
	"after a suspend one more try, which may succeed": {
		interval: 5 * time.Second, life: 10 * time.Minute, tries: []pollTry{{says: pollPending, jump: 8 * time.Hour}, {says: pollDone}}, want: []int{5, 5}},
	"after a suspend one more try, then the end": {
		interval: 5 * time.Second, life: 10 * time.Minute, tries: []pollTry{{says: pollPending, jump: 8 * time.Hour}, {says: pollPending}}, want: []int{5, 5}, err: errPollExpired},
}

func TestPoller(t *testing.T) {
	for name, c := range pollerCases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				var jumped time.Duration
				var got []int
				p := poller{interval: c.interval, deadline: start.Add(c.life), now: func() time.Time { return time.Now().Add(jumped) }}
				err := p.run(t.Context(), func(context.Context) (pollResult, error) {
					next := c.tries[min(len(got), len(c.tries)-1)]
					got = append(got, int(time.Since(start)/time.Second))
					jumped += next.jump
					return next.says, next.err
				})
				if !errors.Is(err, c.err) {
					t.Errorf("error %v, want %v", err, c.err)
				}
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Errorf("seconds of the tries (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestPollerEndsWithContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		why := errors.New("the user pressed Ctrl-C")
		ctx, cancel := context.WithTimeoutCause(t.Context(), 12*time.Second, why)
		defer cancel()
		p := poller{deadline: time.Now().Add(time.Hour), now: time.Now}
		start := time.Now()
		err := p.run(ctx, func(context.Context) (pollResult, error) { return pollPending, nil })
		if !errors.Is(err, why) || time.Since(start) != 12*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

func TestPollerCountsSlowDowns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen []time.Duration
		p := poller{interval: time.Second, deadline: time.Now().Add(20 * time.Second), now: time.Now,
			slowed: func(n int, interval time.Duration) {
				if n != len(seen)+1 {
					t.Errorf("count %d after %d", n, len(seen))
				}
				seen = append(seen, interval)
			}}
		_ = p.run(t.Context(), func(context.Context) (pollResult, error) { return pollSlowDown, nil })
		if diff := cmp.Diff([]time.Duration{6 * time.Second, 11 * time.Second, 16 * time.Second, 21 * time.Second}, seen); diff != "" {
			t.Error(diff)
		}
	})
}
