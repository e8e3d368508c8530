// Package awsclient makes all calls to AWS: SSO sign-in and portal, ECR's
// authorization tokens, and the SDK's credential providers for profiles without SSO.
// Every failure is one error type, Fault.
//
// It never reads or writes our own files and never prints. It does not choose the
// command that fixes an error: its callers do. It is on floor 3, may import floors 0 to
// 2, and is the only importer of the AWS SDK. credhelper, login and doctor call it.
//
// The AWS files are read by awsconfig alone, by the rules of the AWS CLI. The SDK's
// configuration loader and its credential providers get values, and what the loader
// reads in the process environment is dropped.
package awsclient

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
)

// defaultPhase is the time limit of one call with all its tries.
const defaultPhase = 10 * time.Second

// Options configures a Client; only Env is needed in production.
type Options struct {
	Env  env.Set
	Home string // for "~" in ca_bundle; "" leaves such a path alone

	// Config is the AWS configuration, for endpoint_url, services, ca_bundle
	// and the FIPS and dual-stack keys. nil: the environment only.
	Config *awsconfig.Config

	// Profile is the profile that these keys are read from. "": AWS_PROFILE,
	// AWS_DEFAULT_PROFILE, "default", as in the SDKs. See WithProfile.
	Profile string

	Now       func() time.Time  // nil: time.Now
	Transport http.RoundTripper // nil: our own, by the proxy and CA rules; Open needs an *http.Transport
	Logger    *slog.Logger      // nil: none. Debug lines: service, operation, host, status, milliseconds
	UserAgent string            // put before the SDK's own
	Phase     time.Duration     // time limit of one call, retries included; 0: 10 s
}

// Client talks to AWS. It may be used from several goroutines.
type Client struct {
	o    Options
	link *link
}

// New makes a Client. It opens no connection, and begins to read the root certificates
// in the background. The error is a *Fault about the proxy variable.
func New(o Options) (*Client, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelError + 1}))
	}
	if o.Phase <= 0 {
		o.Phase = defaultPhase
	}
	if o.Profile == "" {
		o.Profile = activeProfile(o.Env)
	}
	l, err := newLink(o)
	if err != nil {
		return nil, err
	}
	return &Client{o: o, link: l}, nil
}

// WithProfile returns a Client that uses the endpoint, FIPS, dual-stack and ca_bundle
// keys of that profile. Both Clients share connections and certificates unless the
// profile names another bundle.
func (c *Client) WithProfile(name string) (*Client, error) {
	if name == "" || name == c.o.Profile {
		return c, nil
	}
	o := c.o
	o.Profile = name
	if caBundle(o) == caBundle(c.o) {
		return &Client{o: o, link: c.link}, nil
	}
	return New(o)
}

// Web returns a client for pages outside of AWS, such as a vanity start URL. It uses the
// same proxy, certificates and time limit. Its errors are *Fault.
func (c *Client) Web() *http.Client {
	return &http.Client{Transport: webTransport{c.link}, Timeout: c.o.Phase}
}

// webTransport describes errors as calls of AWS do.
type webTransport struct{ link *link }

// RoundTrip implements http.RoundTripper.
func (w webTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	c := &call{}
	ctx := withCall(req.Context(), c)
	c.note(func(n *callNotes) { n.host, n.tries = req.URL.Host, 1 })
	resp, err := w.link.roundTrip(req.WithContext(ctx))
	if err != nil {
		return nil, c.fault(err)
	}
	return resp, nil
}

// Close closes preopened and idle connections.
func (c *Client) Close() { c.link.close() }

// activeProfile is the profile that the SDKs use when none is named.
func activeProfile(e env.Set) string {
	for _, v := range []env.Var{env.AWSProfile, env.AWSDefaultProfile} {
		if name := e.Get(v); name != "" {
			return name
		}
	}
	return "default"
}

// key returns a key of the profile, "" when it is not set.
func (o Options) key(name string) string {
	if o.Config == nil {
		return ""
	}
	p, ok := o.Config.Profile(o.Profile)
	if !ok {
		return ""
	}
	return p.Keys().Get(name)
}

// begin starts one call. It returns a context with the call's deadline and the notes
// that the transport takes for a Fault.
func (c *Client) begin(ctx context.Context, service, op string, retry policy) (context.Context, *call, context.CancelFunc) {
	notes := &call{service: service, op: op, retry: retry, phase: c.o.Phase, json: true}
	ctx, cancel := context.WithTimeout(ctx, c.o.Phase)
	return withCall(ctx, notes), notes, cancel
}

// policy is which failures of a call are retried.
type policy int

const (
	retryAlways     policy = iota // connection errors, 5xx, 429 and throttling
	retryUnlessSent               // the same, but connection errors only if nothing was sent: the request spends a single-use token
	retryNever                    // the device-code poller has its own loop; most machines have no instance metadata service
)

// call is one API call and the notes of the transport about it. The SDK's credential
// cache uses a goroutine of its own, so the notes need a lock.
type call struct {
	service, op string
	retry       policy
	phase       time.Duration
	json        bool // every answer must be JSON

	// hasOtherHost: the caller tries another host name when this one does not resolve.
	hasOtherHost bool

	mu sync.Mutex
	callNotes
}

type callNotes struct {
	host   string
	status int // of the last answer, 0 without
	tries  int
	skew   time.Duration // the server's clock minus ours
	answer answer        // of the last try

	proxy    string // host of the proxy that the try uses, "" without one
	tunneled bool   // the proxy has connected us, at this try or an earlier one

	noMetadata bool // the instance metadata service did not answer
}

type callKey struct{}

func withCall(ctx context.Context, c *call) context.Context {
	return context.WithValue(ctx, callKey{}, c)
}

// callFrom returns the call of ctx. A request that the SDK makes by itself gets notes
// that are not read.
func callFrom(ctx context.Context) *call {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		return c
	}
	return &call{}
}

func (c *call) note(change func(*callNotes)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.callNotes)
}

func (c *call) notes() callNotes {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.callNotes
}
