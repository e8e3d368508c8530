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

// Options configures the fake. The zero value is a fast service with the lifetimes of
// AWS.
//
// SignatureClock is for a client whose requests are not signed with the time of Clock.
//
// Piped is for testing/synctest: only Transport connects to the fake, over pipes and
// without TLS. Of the faults of a connection, only Down works with it.
//
// AWSChain makes certificates like those of AWS (RSA 2048: root, intermediate, leaf), so
// that a handshake takes a client as long as at AWS. Creating them is slow.
type Options struct {
	Clock           func() time.Time     // the clock of the services; nil: time.Now
	SignatureClock  func() time.Time     // to check the dates of signatures; nil: Clock
	RTT             time.Duration        // round trip: connect, TLS handshake and each request cost one
	ServiceTime     map[Op]time.Duration // extra time of an operation or a service, on top of RTT
	AccessTokenLife time.Duration        // 0: 1 h, or the session's life without a refresh token
	SessionLife     time.Duration        // how long refresh tokens work after a sign-in; 0: 8 h
	RoleLife        time.Duration        // role credentials; 0: 1 h
	ECRLife         time.Duration        // ECR passwords; 0: 12 h
	DeviceLife      time.Duration        // device codes; 0: 10 min
	DeviceInterval  int                  // seconds between polls, from StartDeviceAuthorization; 0: 1
	PageSize        int                  // accounts or roles per page without max_result; 0: 20
	AutoApprove     bool                 // approve every device code at once
	ProxyUser       string               // "user:password" that the proxy requires; "": none
	Piped           bool                 // pipes instead of a network
	AWSChain        bool                 // certificates like those of AWS
	Dir             string               // of the CA file; "": temporary, until Close
}

// AWS is one running fake. Its methods are safe for concurrent use.
type AWS struct {
	opt     Options
	dir     string
	ownDir  bool
	ca      *authority
	strange *authority // a CA that no client trusts, for WrongCA
	advance atomic.Int64
	piped   atomic.Int64 // connections that are open
	closing chan struct{}
	limits  sync.Map // of Limit: Op -> *bucket

	mu      sync.Mutex // guards everything below
	state   state
	faults  []*armed
	calls   []*Call
	conns   []Connection
	secrets []string
	net     network
}

// New starts a fake on free loopback ports. The caller must call Close.
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
	if a.strange, err = newAuthority("an unknown root", false); err != nil {
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

// CAFile returns the path of the PEM file with the root certificate, for SSL_CERT_FILE or
// AWS_CA_BUNDLE.
func (a *AWS) CAFile() string { return filepath.Join(a.dir, "awstest-ca.pem") }

// Now returns the time of the services: Options.Clock plus what Advance added.
func (a *AWS) Now() time.Time { return a.advanced(a.opt.Clock) }

func (a *AWS) advanced(clock func() time.Time) time.Time {
	return clock().Add(time.Duration(a.advance.Load()))
}

// Advance moves the clock of the services by d, which may be negative. Tokens expire
// accordingly.
func (a *AWS) Advance(d time.Duration) { a.advance.Add(int64(d)) }
