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
	maxBody    = 1 << 20 // bytes of an answer, decompressed
	maxMessage = 200     // runes of a server's message that errors repeat
)

var errTooLarge = errors.New("response larger than 1 MiB")

// readBody replaces the body by one in memory, decompressed and at most maxBody long.
func readBody(resp *http.Response) error {
	defer resp.Body.Close()
	read := readCapped
	// The request allows no compression, but a server or a proxy may still send it.
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

// readGzip decompresses while it reads, so that a decompression bomb costs maxBody.
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

// badAnswerError is an answer that cannot be read. A retry would get the same answer.
type badAnswerError struct{ err error }

func (e *badAnswerError) Error() string { return e.err.Error() }
func (e *badAnswerError) Unwrap() error { return e.err }

// answer is the part of an answer that distinguishes AWS from a captive portal, and one
// error from another. It is read here because the SDK's types hide OAuth's error and
// error_description (their ErrorMessage is empty).
type answer struct {
	html, json, empty bool
	code              string // exception name, "UnauthorizedException"
	oauth             string // RFC 6749 error, "invalid_grant"
	message           string // cleaned and capped
	text              string // an error in plain text instead of JSON, cleaned and capped
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
		Message string `json:"message"` // encoding/json ignores case: Message too
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

// readXML reads an error of STS.
func (a *answer) readXML(body []byte) {
	var e struct {
		Error struct{ Code, Message string }
	}
	if xml.Unmarshal(body, &e) == nil {
		a.code, a.message = shapeName(e.Error.Code), hint.Clean(strings.TrimSpace(e.Error.Message), maxMessage)
	}
}

// shapeName returns the exception of "com.amazonaws.x#NameException" and
// "NameException:http://...".
func shapeName(s string) string {
	s, _, _ = strings.Cut(s, ":")
	if i := strings.LastIndexByte(s, '#'); i >= 0 {
		s = s[i+1:]
	}
	return hint.Clean(strings.TrimSpace(s), 64)
}

// fromAWS reports whether AWS sent the answer, not a captive portal or a proxy. AWS
// redirects none of our calls. Its front ends send HTML with some 5xx answers.
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

// printable reports whether a token has visible ASCII only, as headers and files need.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7F {
			return false
		}
	}
	return true
}

// skew returns how far the server's clock is ahead of ours, by its Date header, which
// has whole seconds.
func (l *link) skew(resp *http.Response) (time.Duration, bool) {
	t, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return 0, false
	}
	return t.Sub(l.now()).Round(time.Second), true
}

// outcome is what a retry of a try depends on.
type outcome struct {
	failed     bool // no complete answer
	sent       bool // at least a part of the request may have reached the server
	stale      bool // the connection was preopened and broke
	permanent  bool // a retry would fail in the same way (a certificate, an answer that is too large)
	status     int
	code       string // the service's error code
	retryAfter string // the header
	pace       Pace   // nil: the call's own tries count
}

func (p policy) retries(o outcome) bool {
	switch {
	case p == retryNever || o.permanent:
		return false
	case o.failed:
		return p == retryAlways || !o.sent
	default:
		// STS could not reach the issuer of a web identity token. A later try may succeed.
		return o.status >= 500 || throttled(o.status, o.code) || o.code == "IDPCommunicationError"
	}
}

// throttled reports whether an error is throttling, by the names that AWS services give
// it; ECR sends it with status 400. OIDC's SlowDownException is not one of them: the
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

// parseRetryAfter reads a Retry-After header, seconds or a date (RFC 9110
// section 10.2.3). Negative and unreadable values are ignored.
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
	squeezed   int           // up to this try, a wait beyond the call's end is made shorter
}

// The two settings.
var (
	// ForUser fails soon: a user waits for the answer, and can start the command again.
	ForUser = Retries{unanswered: 3, answered: 3, first: 500 * time.Millisecond, longest: 2 * time.Second, retryAfter: 10 * time.Second}
	// ForNode goes on until the call's time ends. Thousands of nodes may start at once,
	// and AWS throttles most of their calls. The waits are longer for the same reason.
	// pkg/internal/kubelet simulates them (TestFleet).
	ForNode = Retries{unanswered: 3, first: 4 * time.Second, longest: time.Minute, retryAfter: time.Minute, try: defaultPhase, squeezed: 6}
)

// squeezeLeft is the rest of a call that is too short for another try.
const squeezeLeft = time.Second

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

// WaitWithin is Wait for a call that ends after left. In the first tries, a wait that would be
// longer becomes a random time in the rest of the call: of a thousand nodes that start at
// once, some draw a wait that is too long, and would fail although ECR could serve them.
// After more tries the load is too high for that.
func (r Retries) WaitWithin(left time.Duration, try int, answered bool, jitter func(time.Duration) time.Duration) (wait time.Duration, ok bool) {
	wait, ok = r.Wait(try, answered, jitter)
	if ok && wait >= left && try <= r.squeezed && left > squeezeLeft {
		wait = jitter(left - squeezeLeft/2)
	}
	return wait, ok
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
	return retrier{Retries: r, now: now, sleep: Sleep, jitter: Jitter}
}

// next reports whether there is another try, and waits before it. try counts from 1.
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
