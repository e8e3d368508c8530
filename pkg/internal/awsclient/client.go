// Package awsclient makes all AWS calls: SSO sign-in and portal, ECR authorization tokens,
// and the SDK's credential providers for profiles without SSO. All failures are of one
// error type, Fault.
//
// The package does not read or write our own files, print anything, or choose the command
// that fixes an error; its callers do. It is the only package that imports the AWS SDK.
// credhelper, login and doctor call it.
//
// Only awsconfig reads the AWS files, by the rules of the AWS CLI. The SDK's configuration
// loader and credential providers receive values, and everything that the loader reads from
// the process environment is discarded.
package awsclient

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecrpublic"
	"github.com/aws/aws-sdk-go-v2/service/signin"
	"github.com/aws/aws-sdk-go-v2/service/sso"
	"github.com/aws/aws-sdk-go-v2/service/ssooidc"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/logging"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
)

// defaultPhase is the time limit of a call, including retries.
const defaultPhase = 10 * time.Second

// stepLimits are the time limits of single steps of a call.
type stepLimits struct {
	dial, handshake time.Duration
	metadata        time.Duration // a call to the instance metadata service, which most machines do not have
}

var defaultSteps = stepLimits{dial: 5 * time.Second, handshake: 5 * time.Second, metadata: time.Second}

// Options configures a Client. Only Env is required in production.
type Options struct {
	Env  env.Set
	Home string // for "~" in ca_bundle; "": do not expand it

	// Config is the AWS configuration, for endpoint_url, services, ca_bundle and the FIPS
	// and dual-stack keys. nil: use only the environment.
	Config *awsconfig.Config

	// Profile is the profile from which these keys are read. If "", it is AWS_PROFILE,
	// AWS_DEFAULT_PROFILE or "default", as in the SDKs. See WithProfile.
	Profile string

	Now       func() time.Time  // nil: time.Now
	Transport http.RoundTripper // nil: our own, with the proxy and CA rules; Open requires an *http.Transport
	Logger    *slog.Logger      // nil: none. Debug lines contain service, operation, host, status, milliseconds
	UserAgent string            // prepended to the SDK's
	Phase     time.Duration     // time limit of a call, including retries; 0: 10 s
	Retries   Retries           // zero: ForUser

	pace  Pace       // see WithPace
	steps stepLimits // zero: defaultSteps

	// Unattended means that no user has a terminal. A credential_process gets its own
	// process group, and calls to the instance metadata service are retried like other
	// calls.
	Unattended bool
}

// Client calls AWS. It is safe for concurrent use.
type Client struct {
	o    Options
	link *link
}

// New creates a Client. It does not connect, and starts to read the root certificates in
// the background. The error is a *Fault about the proxy variable.
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
	if o.steps == (stepLimits{}) {
		o.steps = defaultSteps
	}
	if o.Retries == (Retries{}) {
		o.Retries = ForUser
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

// WithProfile returns a Client that uses the profile's endpoint, FIPS, dual-stack and
// ca_bundle settings. The Clients share connections and certificates unless the profile has
// a different bundle.
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

// Web returns a client for pages outside AWS, such as a vanity start URL. It uses the same
// proxy, certificates and time limit. Its errors are *Fault.
func (c *Client) Web() *http.Client {
	return &http.Client{Transport: webTransport{c.link}, Timeout: c.o.Phase}
}

// webTransport describes errors like those of AWS calls.
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

// activeProfile is the profile that the SDKs use by default.
func activeProfile(e env.Set) string {
	name, _ := e.Profile()
	return cmp.Or(name, "default")
}

// key returns a key of the profile, or "" if it is not set.
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

// responseTimeout is how long AWS may take to respond: the limit of one try, or of the
// whole call.
func (o Options) responseTimeout() time.Duration { return cmp.Or(o.Retries.try, o.Phase) }

// begin starts a call. It returns a context with the call's deadline and the notes that the
// transport records for a Fault.
func (c *Client) begin(ctx context.Context, service, op string, retry policy) (context.Context, *call, context.CancelFunc) {
	notes := &call{service: service, op: op, retry: retry, tryLimit: c.o.Retries.try, pace: c.o.pace, json: true}
	ctx, cancel := context.WithTimeout(ctx, c.o.Phase)
	return withCall(ctx, notes), notes, cancel
}

// policy determines which failures of a call are retried.
type policy int

const (
	retryAlways     policy = iota // connection errors, 5xx, 429 and throttling
	retryUnlessSent               // like retryAlways, but connection errors only if nothing was sent: the request uses up a single-use token
	retryNever                    // the device code poller has its own loop; most machines have no instance metadata service
)

// call is an API call and the transport's notes about it. The SDK's credential cache uses
// another goroutine, so the notes need a lock.
type call struct {
	service, op string
	retry       policy
	pace        Pace          // nil: none
	tryLimit    time.Duration // time limit of each try; 0: the call's limit
	json        bool          // all responses must be JSON

	// hasOtherHost means that the caller tries another host name if this one cannot be
	// resolved.
	hasOtherHost bool

	mu sync.Mutex
	callNotes
}

type callNotes struct {
	host       string
	status     int // of the last response; 0: none
	tries      int
	skew       time.Duration // the server's clock minus ours
	answer     answer        // last response
	retryAfter time.Duration // from the last response; 0: none

	proxy    string // proxy host used by the try; "": none
	tunneled bool   // the proxy connected, in this try or an earlier one

	noMetadata bool // the instance metadata service did not respond
}

type callKey struct{}

func withCall(ctx context.Context, c *call) context.Context {
	return context.WithValue(ctx, callKey{}, c)
}

// callFrom returns the call of ctx. For requests that the SDK makes itself, it returns
// notes that are not read.
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

// portal returns a client for the SSO portal in a region.
func (c *Client) portal(region string) (*sso.Client, error) {
	endpoint, err := c.PortalEndpoint(region)
	if err != nil {
		return nil, err
	}
	return sso.NewFromConfig(c.config(region, endpoint, anonymous())), nil
}

// oidc returns a client for the sign-in service in a region.
func (c *Client) oidc(region string) (*ssooidc.Client, error) {
	endpoint, err := c.OIDCEndpoint(region)
	if err != nil {
		return nil, err
	}
	return ssooidc.NewFromConfig(c.config(region, endpoint, anonymous())), nil
}

// signin returns a client for the service that renews `aws login` sessions.
func (c *Client) signin(region string) (*signin.Client, error) {
	region = c.ownRegion(region)
	endpoint, err := c.signinEndpoint(region)
	if err != nil {
		return nil, err
	}
	return signin.NewFromConfig(c.config(region, endpoint, anonymous())), nil
}

// sts returns a client for the Security Token Service.
func (c *Client) sts(region string, keys aws.CredentialsProvider) (*sts.Client, error) {
	endpoint, err := c.STSEndpoint(region)
	if err != nil {
		return nil, err
	}
	return sts.NewFromConfig(c.config(c.ownRegion(region), endpoint, keys), func(o *sts.Options) { o.HTTPSignerV4 = c.link.signer() }), nil
}

// ownRegion returns the region from the environment or the profile, or else the given one.
func (c *Client) ownRegion(region string) string {
	return cmp.Or(c.o.Env.Get(env.AWSRegion), c.o.Env.Get(env.AWSDefaultRegion), c.o.key("region"), region)
}

// ecr returns a client for ECR. The endpoint already includes FIPS and dual-stack.
func (c *Client) ecr(region, endpoint string, keys aws.CredentialsProvider) *ecr.Client {
	return ecr.NewFromConfig(c.config(region, endpoint, keys), func(o *ecr.Options) { o.HTTPSignerV4 = c.link.signer() })
}

// ecrPublic returns a client for ECR Public.
func (c *Client) ecrPublic(region, endpoint string, keys aws.CredentialsProvider) *ecrpublic.Client {
	return ecrpublic.NewFromConfig(c.config(region, endpoint, keys), func(o *ecrpublic.Options) { o.HTTPSignerV4 = c.link.signer() })
}

// anonymous is for calls with the token in the body or a header.
func anonymous() aws.CredentialsProvider { return aws.AnonymousCredentials{} }

// config returns the shared configuration with the values for one service client.
func (c *Client) config(region, endpoint string, keys aws.CredentialsProvider) aws.Config {
	cfg := c.link.config()
	cfg.Region, cfg.BaseEndpoint, cfg.Credentials = region, &endpoint, keys
	return cfg
}

// loadConfig creates the configuration shared by all service clients. The SDK's loader only
// receives values: it opens no files or connections.
func loadConfig(client aws.HTTPClient) aws.Config {
	retryer := func() aws.Retryer { return aws.NopRetryer{} } // the transport retries
	cfg := aws.Config{HTTPClient: client, Retryer: retryer, Logger: logging.Nop{}, DefaultsMode: aws.DefaultsModeLegacy}
	// The loader would read the file in AWS_CA_BUNDLE for the SDK's own HTTP client. The
	// transport already reads it.
	if env.FromOS().Get(env.AWSCABundle) == "" {
		loaded, err := config.LoadDefaultConfig(context.Background(),
			config.WithHTTPClient(client), config.WithRetryer(retryer), config.WithLogger(logging.Nop{}),
			config.WithDefaultsMode(aws.DefaultsModeLegacy), config.WithCredentialsProvider(anonymous()),
			config.WithSharedConfigFiles([]string{}), config.WithSharedCredentialsFiles([]string{}),
		)
		// The loader fails because of variables that no call needs: AWS_MAX_ATTEMPTS=x,
		// AWS_RETRY_MODE=legacy, or an AWS_PROFILE that does not exist.
		if err == nil {
			cfg = loaded
		}
	}
	return withoutEnvironment(cfg)
}

// withoutEnvironment discards what the loader read from the process environment, because
// all settings come from Options.Env and awsconfig. Service clients read the FIPS,
// dual-stack and endpoint variables from ConfigSources. The SDK's own clock correction
// works between the tries of its retryer; see timedSigner.
func withoutEnvironment(cfg aws.Config) aws.Config {
	return aws.Config{
		HTTPClient: cfg.HTTPClient, Retryer: cfg.Retryer, Logger: cfg.Logger, DefaultsMode: cfg.DefaultsMode, DisableClockSkewCorrection: true,
	}
}

// retryInServerTime makes a signed call. If the service rejects the signature and its clock
// differs from ours by more than five minutes, the call is retried with the service's time,
// and so are all later calls, as in AWS's other SDKs. The error is a *Fault, with Kind
// ClockSkew if the second call also failed.
func (c *Client) retryInServerTime(call *call, request func() error) error {
	err := request()
	if err == nil {
		return nil
	}
	fault := call.fault(err)
	if c.adoptServerTime(fault) {
		return call.fault(request())
	}
	return fault
}

// adoptServerTime reports whether err is such a rejection. If so, later calls are signed
// with the service's time.
func (c *Client) adoptServerTime(err error) bool {
	f, ok := errors.AsType[*Fault](err)
	if !ok || !mayBeClockSkew(f) || (f.Skew-c.link.ahead()).Abs() <= maxSkew {
		return false
	}
	c.link.offset.Store(int64(f.Skew))
	return true
}

// serverTime is how far AWS's clock is ahead of ours; 0 until AWS rejects our time.
type serverTime struct{ offset atomic.Int64 }

func (t *serverTime) ahead() time.Duration { return time.Duration(t.offset.Load()) }

// signer signs with the server's time. The SDK's own correction works between the tries of
// its retryer, which is not used.
func (t *serverTime) signer() *timedSigner { return &timedSigner{v4.NewSigner(), t} }

type timedSigner struct {
	signer *v4.Signer
	time   *serverTime
}

// SignHTTP implements the HTTPSignerV4 interface of each service.
func (s *timedSigner) SignHTTP(ctx context.Context, keys aws.Credentials, r *http.Request, payloadHash, service, region string,
	now time.Time, options ...func(*v4.SignerOptions)) error {
	return s.signer.SignHTTP(ctx, keys, r, payloadHash, service, region, now.Add(s.time.ahead()), options...)
}
