package awsclient

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
)

const (
	maxBody    = 1 << 20 // bytes in a response, decompressed
	maxMessage = 200     // runes of a server's message in an error
)

var errTooLarge = errors.New("response larger than 1 MiB")

// readBody replaces the body with an in-memory copy, decompressed and up to maxBody bytes
// long.
func readBody(resp *http.Response) error {
	defer resp.Body.Close()
	read := readCapped
	// The request does not allow compression, but a server or proxy may still use it.
	if strings.EqualFold(resp.Header.Get("Content-Encoding"), "gzip") {
		read = readGzip
		resp.Header.Del("Content-Encoding")
	}
	b, err := read(resp.Body)
	if err != nil {
		return err
	}
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(b)), int64(len(b))
	return nil
}

// readGzip decompresses while reading, so that a decompression bomb takes no more than
// maxBody.
func readGzip(r io.Reader) ([]byte, error) {
	z, err := gzip.NewReader(r)
	if errors.Is(err, io.EOF) {
		return nil, nil // an empty body
	}
	var b []byte
	if err == nil {
		b, err = readCapped(z)
	}
	corrupt := new(flate.CorruptInputError)
	if errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum) || errors.As(err, corrupt) {
		return nil, &badAnswerError{err}
	}
	return b, err
}

func readCapped(r io.Reader) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxBody+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxBody {
		return nil, &badAnswerError{errTooLarge}
	}
	return b, nil
}

// badAnswerError means that the response cannot be read. A retry would get the same
// response.
type badAnswerError struct{ err error }

func (e *badAnswerError) Error() string { return e.err.Error() }
func (e *badAnswerError) Unwrap() error { return e.err }

// answer is the part of a response that distinguishes AWS from a captive portal, and one
// error from another. It is read here because the SDK's types hide OAuth's error and
// error_description (their ErrorMessage is empty).
type answer struct {
	html, json, empty bool
	code              string // exception name, "UnauthorizedException"
	oauth             string // RFC 6749 error, "invalid_grant"
	message           string // sanitized and truncated
	text              string // plain-text error instead of JSON, sanitized and truncated
}

func readAnswer(resp *http.Response) answer {
	body, _ := io.ReadAll(resp.Body)
	resp.Body = io.NopCloser(bytes.NewReader(body))
	a := classify(resp.Header.Get("Content-Type"), body)
	if resp.StatusCode >= 400 {
		a.readError(resp.Header.Get("X-Amzn-ErrorType"), body)
	}
	return a
}

func classify(contentType string, body []byte) answer {
	media, _, _ := mime.ParseMediaType(contentType)
	text := bytes.ToLower(bytes.TrimSpace(body[:min(len(body), 512)]))
	return answer{
		html:  media == "text/html" || bytes.HasPrefix(text, []byte("<!doctype html")) || bytes.HasPrefix(text, []byte("<html")),
		json:  strings.Contains(media, "json") || media == "" && bytes.HasPrefix(text, []byte("{")),
		empty: len(text) == 0,
	}
}

func (a *answer) readError(header string, body []byte) {
	var e struct {
		Type    string `json:"__type"`
		Code    string `json:"code"`
		Error   string `json:"error"`
		Text    string `json:"error_description"`
		Reason  string `json:"reason"`
		Message string `json:"message"` // encoding/json ignores case, so this includes Message
	}
	if bytes.HasPrefix(bytes.TrimSpace(body), []byte("<ErrorResponse")) {
		a.readXML(body)
		return
	}
	// Unmarshal sets the fields that have the right type and leaves the others empty.
	if err := json.Unmarshal(body, &e); err != nil && !a.html {
		a.text = hint.Clean(strings.TrimSpace(string(body)), maxMessage)
	}
	for _, name := range []string{header, e.Type, e.Code} {
		if a.code = shapeName(name); a.code != "" {
			break
		}
	}
	a.oauth = hint.Clean(e.Error, 64)
	for _, m := range []string{e.Text, e.Message} {
		if m != "" && a.message == "" {
			a.message = m
		}
	}
	if e.Reason != "" {
		a.message += " (" + e.Reason + ")"
	}
	a.message = hint.Clean(strings.TrimSpace(a.message), maxMessage)
}

// readXML parses an STS error.
func (a *answer) readXML(body []byte) {
	var e struct {
		Error struct{ Code, Message string }
	}
	if xml.Unmarshal(body, &e) == nil {
		a.code, a.message = shapeName(e.Error.Code), hint.Clean(strings.TrimSpace(e.Error.Message), maxMessage)
	}
}

// shapeName returns the exception name in "com.amazonaws.x#NameException" and
// "NameException:http://...".
func shapeName(s string) string {
	s, _, _ = strings.Cut(s, ":")
	if i := strings.LastIndexByte(s, '#'); i >= 0 {
		s = s[i+1:]
	}
	return hint.Clean(strings.TrimSpace(s), 64)
}

// fromAWS reports whether AWS sent the response, not a captive portal or a proxy. AWS does
// not redirect any of our calls. Its front ends return HTML with some 5xx responses.
func (a answer) fromAWS(resp *http.Response, wantJSON bool) bool {
	switch s := resp.StatusCode; {
	case s >= 500:
		return true
	case s >= 300 && s < 400:
		return false
	default:
		return !a.html && (a.json || a.empty || s >= 400 || !wantJSON)
	}
}

// printable reports whether a token contains only visible ASCII, as required in headers and
// files.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7F {
			return false
		}
	}
	return true
}

// skew returns how far the server's clock is ahead of ours, based on its Date header, which
// has a precision of one second.
func (l *link) skew(resp *http.Response) (time.Duration, bool) {
	t, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return 0, false
	}
	return t.Sub(l.now()).Round(time.Second), true
}

// outcome is everything that determines whether a try is retried.
type outcome struct {
	failed     bool // no complete response
	sent       bool // at least part of the request may have reached the server
	stale      bool // a preopened connection broke
	permanent  bool // a retry would fail too (certificate, response too large)
	status     int
	code       string // service error code
	retryAfter string // Retry-After header
	pace       Pace   // nil: count this call's tries
}

func (p policy) retries(o outcome) bool {
	switch {
	case p == retryNever || o.permanent:
		return false
	case o.failed:
		return p == retryAlways || !o.sent
	default:
		// STS could not reach the issuer of a web identity token. A retry may succeed.
		return o.status >= 500 || throttled(o.status, o.code) || o.code == "IDPCommunicationError"
	}
}

// throttled reports whether an error means throttling, using the names of all AWS services;
// ECR returns it with status 400. OIDC's SlowDownException is not included, because the
// poller handles it.
func throttled(status int, code string) bool {
	switch code {
	case "ThrottlingException", "Throttling", "ThrottledException", "RequestThrottledException", "RequestThrottled",
		"TooManyRequestsException", "RequestLimitExceeded", "BandwidthLimitExceeded", "LimitExceededException",
		"PriorRequestNotComplete", "TransactionInProgressException":
		return true
	}
	return status == http.StatusTooManyRequests
}

// parseRetryAfter parses a Retry-After header, which is a number of seconds or a date (RFC
// 9110, section 10.2.3). It ignores negative and invalid values.
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

// Retries defines how often a failed call is retried and how long to wait before each try.
// All waits are random, from zero to a limit that doubles with each try ("full jitter"), so
// that processes that failed together do not retry together.
type Retries struct {
	unanswered int           // tries without a response from AWS
	answered   int           // tries that are throttled or get a 5xx; 0: no limit
	first      time.Duration // limit of the first wait
	longest    time.Duration // limit of all waits
	retryAfter time.Duration // maximum Retry-After; with a longer one, the call fails
	try        time.Duration // time limit of a try; 0: the call's limit
	squeezed   int           // up to this try, shorten waits that exceed the call's end
}

// The two retry settings.
var (
	// ForUser fails soon: a user is waiting for the response and can retry the command.
	ForUser = Retries{unanswered: 3, answered: 3, first: 500 * time.Millisecond, longest: 2 * time.Second, retryAfter: 10 * time.Second}
	// ForNode retries until the end of the call. Thousands of nodes may start at the same
	// time, and AWS throttles most of their calls, so the waits are longer.
	// pkg/internal/kubelet simulates them (TestFleet).
	ForNode = Retries{unanswered: 3, first: 4 * time.Second, longest: time.Minute, retryAfter: time.Minute, try: defaultPhase, squeezed: 6}
)

// squeezeLeft is the rest of a call that is too short for another try.
const squeezeLeft = time.Second

// Wait returns the wait before the next try if the server did not send Retry-After. jitter
// returns a random duration from 0 to its argument. try starts at 1. ok is false if there
// is no next try.
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

// WaitWithin is Wait for a call that ends after left. In the first tries, a longer wait is
// replaced with a random time in the rest of the call. Otherwise, of a thousand nodes that
// start at once, some would draw a wait that is too long and fail although ECR could serve
// them. After more tries, the load is too high for that.
func (r Retries) WaitWithin(left time.Duration, try int, answered bool, jitter func(time.Duration) time.Duration) (wait time.Duration, ok bool) {
	wait, ok = r.Wait(try, answered, jitter)
	if ok && wait >= left && try <= r.squeezed && left > squeezeLeft {
		wait = jitter(left - squeezeLeft/2)
	}
	return wait, ok
}

// Pace continues the tries of earlier processes. It counts tries that AWS throttled or
// answered with 5xx.
type Pace interface {
	Tries() int            // failed tries so far
	Failed(next time.Time) // records another failed try and the time of the next one
}

// WithPace returns a Client whose calls continue where p left off.
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
	jitter func(time.Duration) time.Duration // random, from 0 to the argument
}

func newRetrier(r Retries, now func() time.Time) retrier {
	return retrier{Retries: r, now: now, sleep: Sleep, jitter: Jitter}
}

// next reports whether there is another try, and waits for it. try starts at 1.
func (r retrier) next(ctx context.Context, p policy, try int, o outcome) bool {
	if ctx.Err() != nil || !p.retries(o) {
		return false
	}
	if o.pace != nil && !o.failed {
		try = o.pace.Tries() + 1
	}
	left := time.Duration(math.MaxInt64)
	if end, ok := ctx.Deadline(); ok {
		left = time.Until(end)
	}
	wait, ok := r.WaitWithin(left, try, !o.failed, r.jitter)
	if !ok {
		return false
	}
	if o.stale {
		return true // not a service failure, so do not wait
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
	if left <= wait {
		return false
	}
	return r.sleep(ctx, wait) == nil
}

// Sleep waits for d before the next call. If ctx ends before that, it returns the cause.
func Sleep(ctx context.Context, d time.Duration) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
