// Package awsclient owns every conversation with AWS: SSO sign-in and portal,
// ECR's authorization tokens, and the SDK's credential chain for what is not
// SSO. It turns whatever goes wrong on that road into one error type, Fault.
//
// It never reads or writes our own files, never prints, and gives no advice:
// the use-cases add the command that helps. It may import floors 0 to 2 and is
// the only importer of the AWS SDK (floor 3). credhelper, login and doctor call
// it.
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
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
)

// defaultPhase bounds one call with all its tries.
const defaultPhase = 10 * time.Second

// Options configures a Client; only Env is needed in production.
type Options struct {
	Env  env.Set
	Home string // for "~" in ca_bundle; "" leaves such a path alone

	// Config is the AWS configuration, for endpoint_url, services, ca_bundle
	// and the FIPS and dual-stack keys. nil: the environment only.
	Config *awsconfig.Config

	// Profile is whose of these keys count. "": AWS_PROFILE,
	// AWS_DEFAULT_PROFILE, "default", as in the SDKs. See WithProfile.
	Profile string

	Now       func() time.Time  // nil: time.Now
	Transport http.RoundTripper // nil: our own, by the proxy and CA rules; an *http.Transport can also be pre-opened
	Logger    *slog.Logger      // nil: none. Debug lines: service, operation, host, status, milliseconds
	UserAgent string            // goes before the SDK's own
	Phase     time.Duration     // of one call, retries included; 0: 10 s
}

// Client talks to AWS. It may be used from several goroutines.
type Client struct {
	o    Options
	link *link
}

// New makes a Client. It opens no connection, but begins to read the root
// certificates in the background. The error is a *Fault about the proxy
// variable.
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

// WithProfile returns a Client that goes by that profile's endpoint, FIPS,
// dual-stack and ca_bundle keys; connections and certificates are shared unless
// the profile names a bundle of its own.
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

// Web returns a client for a page that is not AWS's, such as a vanity start URL:
// the same proxy and certificates, and one phase of time. Its errors are *Fault.
func (c *Client) Web() *http.Client {
	return &http.Client{Transport: web{c.link}, Timeout: c.o.Phase}
}

// web words what goes wrong on the way to a page as it does for AWS's services.
type web struct{ link *link }

// RoundTrip implements http.RoundTripper.
func (w web) RoundTrip(req *http.Request) (*http.Response, error) {
	c := &call{}
	ctx := withCall(req.Context(), c)
	c.note(func(n *callNotes) { n.host, n.tries = req.URL.Host, 1 })
	resp, err := w.link.roundTrip(req.WithContext(ctx))
	if err != nil {
		return nil, c.fault(err)
	}
	return resp, nil
}

// Close closes pre-opened and idle connections.
func (c *Client) Close() { c.link.close() }

// activeProfile is the SDKs' choice when no profile is named.
func activeProfile(e env.Set) string {
	for _, v := range []env.Var{env.AWSProfile, env.AWSDefaultProfile} {
		if name := e.Get(v); name != "" {
			return name
		}
	}
	return "default"
}

// key returns a key of the profile in use, "" when there is none.
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

// begin starts one call: its deadline and the notes that the transport takes
// for a Fault.
func (c *Client) begin(ctx context.Context, service, op string, again policy) (context.Context, *call, context.CancelFunc) {
	notes := &call{service: service, op: op, again: again, phase: c.o.Phase, json: true}
	ctx, cancel := context.WithTimeout(ctx, c.o.Phase)
	return withCall(ctx, notes), notes, cancel
}
