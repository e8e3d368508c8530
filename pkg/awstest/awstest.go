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

// Options configures the fake; the zero value is a fast service with AWS's usual lifetimes.
type Options struct {
	Clock           func() time.Time     // what time it is for the services; nil: time.Now
	SignatureClock  func() time.Time     // what dates of signatures are held against, for a client whose signer has a clock of its own; nil: Clock
	RTT             time.Duration        // per connection: connect, TLS handshake and each request cost one
	ServiceTime     map[Op]time.Duration // time an operation (or a whole service) takes to answer, on top of RTT
	AccessTokenLife time.Duration        // SSO access token; 0: 1 h, or the session's life when it cannot be refreshed
	SessionLife     time.Duration        // how long refresh tokens work after a sign-in; 0: 8 h
	RoleLife        time.Duration        // role credentials; 0: 1 h
	ECRLife         time.Duration        // ECR passwords; 0: 12 h
	DeviceLife      time.Duration        // device codes; 0: 10 min
	DeviceInterval  int                  // seconds between polls, as StartDeviceAuthorization says; 0: 1
	PageSize        int                  // accounts or roles a page when the caller names no max_result; 0: 20
	AutoApprove     bool                 // a person approves every device code at once
	ProxyUser       string               // "user:password" the proxy asks for; "": none
	Piped           bool                 // no network at all: only Transport leads here, over pipes, without TLS; for testing/synctest. No fault of a connection but Down
	AWSChain        bool                 // certificates as AWS's: root, intermediate and leaf of RSA 2048, to cost a client what they do; slow to make
	Dir             string               // where the CA file goes; "": a temporary directory that Close removes
}

// AWS is one running fake. All its methods may be called from several goroutines.
type AWS struct {
	opt     Options
	dir     string
	ownDir  bool
	ca      *authority
	strange *authority // a CA nobody trusts, for WrongCA
	advance atomic.Int64
	piped   atomic.Int64 // connections that are open
	closing chan struct{}

	mu      sync.Mutex // guards everything below
	state   state
	faults  []*armed
	calls   []*Call
	conns   []Connection
	secrets []string
	net     network
}

// New starts a fake on loopback ports of its own. The caller closes it.
func New(o Options) (*AWS, error) {
	o.SessionLife = cmp.Or(o.SessionLife, 8*time.Hour)
	o.RoleLife = cmp.Or(o.RoleLife, time.Hour)
	o.ECRLife = cmp.Or(o.ECRLife, 12*time.Hour)
	o.DeviceLife = cmp.Or(o.DeviceLife, 10*time.Minute)
	o.DeviceInterval = cmp.Or(o.DeviceInterval, 1)
	o.PageSize = cmp.Or(o.PageSize, 20)
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
	if a.strange, err = newAuthority("somebody else's root", false); err != nil {
		return err
	}
	if err = os.WriteFile(a.CAFile(), a.ca.pem, 0o644); err != nil {
		return err
	}
	if a.opt.Piped {
		return a.openProxy()
	}
	return errors.Join(a.serveTLS(), a.openProxy())
}

// Close ends every connection and listener and removes what New made on disk.
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

// CAFile is the PEM file with the root certificate, for SSL_CERT_FILE or AWS_CA_BUNDLE.
func (a *AWS) CAFile() string { return filepath.Join(a.dir, "awstest-ca.pem") }

// Now is the services' time: the clock of the options plus what Advance added.
func (a *AWS) Now() time.Time { return a.advanced(a.opt.Clock) }

func (a *AWS) advanced(clock func() time.Time) time.Time {
	return clock().Add(time.Duration(a.advance.Load()))
}

// Advance moves the services' clock, backwards too; tokens expire accordingly.
func (a *AWS) Advance(d time.Duration) { a.advance.Add(int64(d)) }
