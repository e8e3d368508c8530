package awsclient

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

var (
	broken    = outcome{failed: true, sent: true}
	unsent    = outcome{failed: true}
	stale     = outcome{failed: true, sent: true, stale: true}
	permanent = outcome{failed: true, permanent: true}
)

func retryAfter(status int, s string) outcome { return outcome{status: status, retryAfter: s} }

// dateIn returns a date on synctest's clock.
func dateIn(d time.Duration) string {
	return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Add(d).Format(http.TimeFormat)
}

// retryCases are the test cases of TestRetries.
var retryCases = []struct {
	name   string
	policy policy
	try    int
	outcome
	again bool
	wait  time.Duration
}{
	{"success", retryAlways, 1, outcome{status: 200}, false, 0},
	{"refusal", retryAlways, 1, outcome{status: 400, code: "AccessDeniedException"}, false, 0},
	{"500 waits", retryAlways, 1, outcome{status: 500}, true, 500 * time.Millisecond},
	{"second wait is twice as long", retryAlways, 2, outcome{status: 503}, true, time.Second},
	{"three tries are the limit", retryAlways, 3, outcome{status: 500}, false, 0},
	{"429", retryAlways, 1, outcome{status: 429}, true, 500 * time.Millisecond},
	{"ECR throttles with 400", retryAlways, 1, outcome{status: 400, code: "ThrottlingException"}, true, 500 * time.Millisecond},
	{"STS cannot reach the issuer of a token", retryAlways, 1, outcome{status: 400, code: "IDPCommunicationError"}, true, 500 * time.Millisecond},
	{"OIDC's slow_down", retryAlways, 1, outcome{status: 400, code: "SlowDownException"}, false, 0},
	{"broken connection", retryAlways, 1, broken, true, 500 * time.Millisecond},
	{"bad certificate", retryAlways, 1, permanent, false, 0},
	{"preopened connection is replaced at once", retryAlways, 1, stale, true, 0},
	{"refresh that may have arrived", retryUnlessSent, 1, broken, false, 0},
	{"refresh that cannot have arrived", retryUnlessSent, 1, unsent, true, 500 * time.Millisecond},
	{"refresh answered with 500", retryUnlessSent, 1, outcome{status: 500}, true, 500 * time.Millisecond},
	{"poll answered with 500", retryNever, 1, outcome{status: 500}, false, 0},
	{"metadata service is called once", retryNever, 1, unsent, false, 0},
	{"Retry-After 1", retryAlways, 1, retryAfter(503, "1"), true, time.Second},
	{"Retry-After 0 does not shorten the wait", retryAlways, 1, retryAfter(503, "0"), true, 500 * time.Millisecond},
	{"Retry-After 9 fits", retryAlways, 1, retryAfter(429, "9"), true, 9 * time.Second},
	{"Retry-After 10 does not fit the phase", retryAlways, 1, retryAfter(429, "10"), false, 0},
	{"Retry-After 3600", retryAlways, 1, retryAfter(503, "3600"), false, 0},
	{"Retry-After -1", retryAlways, 1, retryAfter(503, "-1"), true, 500 * time.Millisecond},
	{"Retry-After soon", retryAlways, 1, retryAfter(503, "soon"), true, 500 * time.Millisecond},
	{"Retry-After a date", retryAlways, 1, retryAfter(503, dateIn(3*time.Second)), true, 3 * time.Second},
	{"Retry-After a date in the past", retryAlways, 1, retryAfter(503, dateIn(-time.Hour)), true, 500 * time.Millisecond},
	{"Retry-After a date in an hour", retryAlways, 1, retryAfter(503, dateIn(time.Hour)), false, 0},
}

func TestRetries(t *testing.T) {
	const phase = 10 * time.Second
	for _, tt := range retryCases {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRetrier(ForUser, time.Now)
				r.jitter = func(d time.Duration) time.Duration { return d }
				ctx, cancel := context.WithTimeout(t.Context(), phase)
				defer cancel()
				start := time.Now()
				if again := r.next(ctx, tt.policy, tt.try, tt.outcome); again != tt.again {
					t.Errorf("retry: %t", again)
				}
				if d := time.Since(start); d != tt.wait {
					t.Errorf("waited %s, want %s", d, tt.wait)
				}
			})
		})
	}
}

// STS returns errors as XML. Throttling is retried.
func TestSTSErrors(t *testing.T) {
	for body, want := range map[string]answer{
		`<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>Throttling</Code><Message>Rate exceeded</Message></Error></ErrorResponse>`: {code: "Throttling", message: "Rate exceeded"},
		"\n<ErrorResponse><Error><Code>ExpiredTokenException</Code></Error></ErrorResponse>":                                                                                         {code: "ExpiredTokenException"},
		"<ErrorResponse><Error><Code>cut": {},
	} {
		var a answer
		a.readError("", []byte(body))
		if a != want {
			t.Errorf("%s: got %+v", body, a)
		}
	}
}

// A node retries until the end of the call, with longer waits.
func TestNodeRetries(t *testing.T) {
	longest := func(d time.Duration) time.Duration { return d }
	for try, want := range map[int]time.Duration{1: 4 * time.Second, 2: 8 * time.Second, 4: 32 * time.Second, 5: time.Minute, 100: time.Minute} {
		if wait, ok := ForNode.Wait(try, true, longest); !ok || wait != want {
			t.Errorf("try %d: %v, %v", try, wait, ok)
		}
	}
	if _, ok := ForNode.Wait(3, false, longest); ok {
		t.Error("fourth try without a response")
	}
}

func TestRetriesEndWithContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Millisecond, cancel)
		r := newRetrier(ForUser, time.Now)
		r.jitter = func(d time.Duration) time.Duration { return d }
		if r.next(ctx, retryAlways, 1, outcome{status: 500}) {
			t.Error("retried after the context ended")
		}
	})
}

func FuzzParseRetryAfter(f *testing.F) {
	for _, s := range []string{"1", "0", "-1", " 30 ", "3600", "1e3", "99999999999999999999", "Wed, 21 Oct 2015 07:28:00 GMT",
		"Wednesday, 21-Oct-15 07:28:00 GMT", "Wed Oct 21 07:28:00 2015", "", "\x00"} {
		f.Add(s)
	}
	now := time.Date(2015, 10, 21, 7, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, s string) {
		d, ok := parseRetryAfter(s, now)
		if ok && d < 0 {
			t.Errorf("%q: negative %s", s, d)
		}
		if !ok {
			return
		}
		if at := now.Add(d); at.Nanosecond() == 0 && at.Year() < 9999 {
			if again, ok := parseRetryAfter(at.UTC().Format(http.TimeFormat), now); !ok || again != d {
				t.Errorf("%q is %s, as a date %s", s, d, again)
			}
		}
	})
}
