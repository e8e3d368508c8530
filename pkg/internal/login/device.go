package login

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/crash"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/ssotoken"
)

// The life of a device code when the service names none, and what we believe
// at most.
const (
	defaultCodeLife = 10 * time.Minute
	maxCodeLife     = time.Hour
)

// byDevice signs in with a device code (RFC 8628).
func (f *flow) byDevice(ctx context.Context) (ssotoken.Token, error) {
	reg, device, err := f.startDevice(ctx)
	if err != nil {
		return ssotoken.Token{}, err
	}
	life := device.ExpiresIn
	if life <= 0 {
		life = defaultCodeLife
	}
	until := f.in.Now().Add(min(life, maxCodeLife))
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	f.showCode(ctx, device)
	defer f.in.Screen.Waiting(until)()

	var token ssotoken.Token
	p := poller{interval: device.Interval, deadline: until, now: f.in.Now, slowed: f.slowed}
	err = p.run(ctx, func(ctx context.Context) (answer, error) {
		asked := f.in.Now()
		last, cancel := f.patient(ctx)
		defer cancel()
		grant, err := f.in.OIDC.TokenByDevice(last, f.region, reg.sdk(), device.DeviceCode)
		if err == nil {
			token = f.token(grant, reg, asked)
		}
		return judge(err), err
	})
	return token, err
}

// startDevice registers a client and asks for a code; a kept registration that
// the service no longer knows is replaced once.
func (f *flow) startDevice(ctx context.Context) (registration, awsclient.Device, error) {
	reg, kept, err := f.client(ctx, false, false)
	if err != nil {
		return reg, awsclient.Device{}, err
	}
	device, err := f.in.OIDC.StartDevice(ctx, f.region, reg.sdk(), f.startURL)
	if kept && unknownClient(err) {
		if reg, _, err = f.client(ctx, false, true); err != nil {
			return reg, awsclient.Device{}, err
		}
		device, err = f.in.OIDC.StartDevice(ctx, f.region, reg.sdk(), f.startURL)
	}
	return reg, device, err
}

// showCode shows the code and where it goes, and opens that page if it is
// surely AWS's: a server that is not what it seems must not choose what the
// person's browser opens.
func (f *flow) showCode(ctx context.Context, d awsclient.Device) {
	endpoint, _ := f.in.OIDC.OIDCEndpoint(f.region)
	good := func(u string) bool { return trusted(u, f.in.Session.StartURL, endpoint, f.region) }
	c := Code{
		UserCode: hint.Clean(d.UserCode, 40), URL: hint.Clean(d.VerificationURI, 500), FullURL: hint.Clean(d.VerificationURIComplete, 500),
		Session: f.label(), Trusted: good(d.VerificationURI),
	}
	if f.in.Session.Name != "" {
		c.Client = hint.Clean(clientName(f.in.Session.Name), 100)
	}
	page := d.VerificationURIComplete
	if page == "" {
		page = d.VerificationURI
	}
	c.Trusted = c.Trusted && good(page)
	if c.Trusted && !f.in.NoBrowser && f.in.Browser.CanOpen() == nil {
		c.Opening = true
		crash.Go(func() { _ = f.in.Browser.Open(ctx, page) })
	}
	f.in.Screen.Code(c)
}

// slowed says once why it takes longer. A clock that runs fast, as in some
// virtual machines, makes us ask too early again and again.
func (f *flow) slowed(n int, interval time.Duration) {
	if n == 3 {
		f.in.Screen.Line(fmt.Sprintf("AWS keeps asking to be asked less often (now every %s); the clock of this machine may run fast.", interval))
	}
}

// judge sorts what the service said by RFC 8628, section 3.5.
func judge(err error) answer {
	if err == nil {
		return done
	}
	fault, ok := errors.AsType[*awsclient.Fault](err)
	if !ok {
		return over
	}
	switch fault.Kind {
	case awsclient.AuthorizationPending:
		return pending
	case awsclient.SlowDown:
		return slowDown
	case awsclient.Network, awsclient.Timeout, awsclient.TLS, awsclient.NotAWS, awsclient.Server, awsclient.Throttled:
		return trouble
	}
	return over
}
