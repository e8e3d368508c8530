// Package awstest is a stateful fake of AWS in one process on loopback: IAM Identity Center
// (sso-oidc and the portal), STS, ECR, ECR Public, the credential endpoints of containers
// and instances, and the registries.
//
// Clients use the real host names over TLS through its CONNECT proxy. Like the real
// services, the fake checks signatures, bearer tokens, PKCE and single-use refresh tokens.
// It can inject named faults (see Kind).
//
// The fake makes no outside connections and writes no secrets to its call log. It depends
// only on the standard library, pkg/registry of go-containerregistry, and this project's
// internal env package. Tests import it; shell scripts use cmd/awstest. Released binaries
// must not import it.
package awstest

import (
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// Options configures the fake. The zero value responds without delay and uses AWS's
// lifetimes.
//
// Set SignatureClock if the client signs requests with a clock other than Clock.
//
// InMemory is for testing/synctest: only Transport connects to the fake, over pipes and
// without TLS. Down is the only connection fault that works in this mode.
//
// AWSChain issues certificates like AWS's (RSA 2048: root, intermediate, leaf), so that a
// TLS handshake takes the client as long as one with AWS. Generating them is slow.
type Options struct {
	Clock          func() time.Time     // service clock; nil: time.Now
	SignatureClock func() time.Time     // clock for signature checks; nil: Clock
	RTT            time.Duration        // round-trip time of a connect, a TLS handshake and each request
	ServiceTime    map[Op]time.Duration // processing time of an operation or a service, added to RTT
	AccessTokenTTL time.Duration        // 0: 1 h, or SessionTTL without a refresh token
	SessionTTL     time.Duration        // lifetime of refresh tokens, from the sign-in; 0: 8 h
	RoleTTL        time.Duration        // role credentials; 0: 1 h
	PasswordTTL    time.Duration        // ECR passwords; 0: 12 h
	DeviceCodeTTL  time.Duration        // device codes; 0: 10 min
	AutoApprove    bool                 // approve every device code at once
	ProxyUser      string               // "user:password" required by the proxy; "": none
	InMemory       bool                 // use pipes instead of the network
	AWSChain       bool                 // issue certificates like AWS's
	Dir            string               // directory of the CA file; "": a temporary one, removed by Close
}

// AWS is a running fake. Its methods are safe for concurrent use.
type AWS struct {
	opt         Options
	dir         string
	ownDir      bool
	ca          *authority
	untrustedCA func() (*authority, error) // a CA that no client trusts, for WrongCA
	advance     atomic.Int64
	piped       atomic.Int64 // open connections
	closing     chan struct{}
	limits      sync.Map // of Limit: Op -> *bucket

	mu      sync.Mutex // guards everything below
	state   state
	faults  []*activeFault
	calls   []*Call
	conns   []Connection
	secrets []string
	net     network
}

// New starts a fake on free loopback ports. The caller must call Close.
func New(o Options) (*AWS, error) {
	o.SessionTTL = cmp.Or(o.SessionTTL, 8*time.Hour)
	o.RoleTTL = cmp.Or(o.RoleTTL, time.Hour)
	o.PasswordTTL = cmp.Or(o.PasswordTTL, 12*time.Hour)
	o.DeviceCodeTTL = cmp.Or(o.DeviceCodeTTL, 10*time.Minute)
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.SignatureClock == nil {
		o.SignatureClock = o.Clock
	}
	a := &AWS{opt: o, dir: o.Dir, closing: make(chan struct{}), state: newState()}
	if err := a.start(); err != nil {
		a.Close()
		return nil, err
	}
	return a, nil
}

func (a *AWS) start() (err error) {
	if a.dir == "" {
		if a.dir, err = os.MkdirTemp("", "awstest-"); err != nil {
			return err
		}
		a.ownDir = true
	}
	if a.ca, err = newAuthority("awstest root", a.opt.AWSChain); err != nil {
		return err
	}
	a.untrustedCA = sync.OnceValues(func() (*authority, error) { return newAuthority("an unknown root", false) })
	if err = os.WriteFile(a.CAFile(), a.ca.pem, 0o644); err != nil {
		return err
	}
	if a.opt.InMemory {
		return a.openProxy()
	}
	return errors.Join(a.serveTLS(), a.openProxy())
}

// Close closes all connections and listeners and removes the files that New created.
func (a *AWS) Close() {
	a.mu.Lock()
	select {
	case <-a.closing:
		a.mu.Unlock()
		return
	default:
	}
	close(a.closing)
	a.mu.Unlock()
	a.closeNetwork()
	if a.ownDir {
		os.RemoveAll(a.dir)
	}
}

// CAFile returns the path of the PEM file with the root certificate (for SSL_CERT_FILE or
// AWS_CA_BUNDLE).
func (a *AWS) CAFile() string { return filepath.Join(a.dir, "awstest-ca.pem") }

// Now returns the service time: Options.Clock plus all calls to Advance.
func (a *AWS) Now() time.Time { return a.advanced(a.opt.Clock) }

func (a *AWS) advanced(clock func() time.Time) time.Time {
	return clock().Add(time.Duration(a.advance.Load()))
}

// Advance moves the service clock by d, which may be negative. Tokens expire accordingly.
func (a *AWS) Advance(d time.Duration) { a.advance.Add(int64(d)) }
