package login

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awscache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/crash"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
)

// The default lifetime of a device code, and the maximum accepted lifetime.
const (
	defaultCodeTTL = 10 * time.Minute
	maxCodeTTL     = time.Hour
)

// byDevice signs in with a device code (RFC 8628).
func (f *flow) byDevice(ctx context.Context) (awscache.Token, error) {
	reg, device, err := f.startDevice(ctx)
	if err != nil {
		return awscache.Token{}, err
	}
	life := device.ExpiresIn
	if life <= 0 {
		life = defaultCodeTTL
	}
	until := f.in.Now().Add(min(life, maxCodeTTL))
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	f.showCode(ctx, device)
	defer f.in.Screen.WaitStarted(until)()

	var token awscache.Token
	p := poller{interval: device.Interval, deadline: until, now: f.in.Now, slowed: f.slowed}
	err = p.run(ctx, func(ctx context.Context) (pollResult, error) {
		sent := f.in.Now()
		fetchCtx, cancel := f.fetchContext(ctx)
		defer cancel()
		grant, err := f.in.OIDC.TokenByDevice(fetchCtx, f.region, reg.sdk(), device.DeviceCode)
		if err == nil {
			token = f.token(grant, reg, sent)
		}
		return pollResultOf(err), err
	})
	return token, err
}

// startDevice registers a client and requests a code. It replaces a saved registration once
// if the service does not know it.
func (f *flow) startDevice(ctx context.Context) (registration, awsclient.Device, error) {
	reg, saved, err := f.client(ctx, deviceFlow, false)
	if err != nil {
		return reg, awsclient.Device{}, err
	}
	device, err := f.in.OIDC.StartDevice(ctx, f.region, reg.sdk(), f.startURL)
	if saved && unknownClient(err) {
		if reg, _, err = f.client(ctx, deviceFlow, true); err != nil {
			return reg, awsclient.Device{}, err
		}
		device, err = f.in.OIDC.StartDevice(ctx, f.region, reg.sdk(), f.startURL)
	}
	return reg, device, err
}

// showCode shows the code and the page to enter it on, and opens that page if its URL is
// trusted: a server outside AWS must not choose what the user's browser opens.
func (f *flow) showCode(ctx context.Context, d awsclient.Device) {
	endpoint, _ := f.in.OIDC.OIDCEndpoint(f.region)
	isTrusted := func(u string) bool { return trusted(u, f.in.Session.StartURL, endpoint, f.region) }
	c := Code{
		UserCode: hint.Clean(d.UserCode, 40), URL: hint.Clean(d.VerificationURI, 500), FullURL: hint.Clean(d.VerificationURIComplete, 500),
		Session: f.label(), Trusted: isTrusted(d.VerificationURI),
	}
	if f.in.Session.Name != "" {
		c.Client = hint.Clean(clientName(f.in.Session.Name), 100)
	}
	page := d.VerificationURIComplete
	if page == "" {
		page = d.VerificationURI
	}
	c.Trusted = c.Trusted && isTrusted(page)
	if c.Trusted && !f.in.NoBrowser && f.in.Browser.CanOpen() == nil {
		c.BrowserOpening = f.opens(ctx, page)
	}
	f.in.Screen.Code(c)
}

// openTime is how long the device flow waits for the browser command to fail. A broken one
// fails sooner; a working one may run until the page is closed.
const openTime = time.Second

// opens reports whether the browser starts with the page.
func (f *flow) opens(ctx context.Context, page string) bool {
	failed := make(chan error, 1)
	crash.Go(func() { failed <- f.in.Browser.Open(ctx, page) })
	select {
	case err := <-failed:
		return err == nil
	case <-time.After(openTime):
	case <-ctx.Done():
	}
	return true
}

// slowed explains once why the sign-in takes longer. If the clock runs fast, as in some
// virtual machines, every poll is too early.
func (f *flow) slowed(n int, interval time.Duration) {
	if n == 3 {
		f.in.Screen.Line(fmt.Sprintf("AWS is slowing down the requests (now one every %s). This computer's clock may be fast.", interval))
	}
}

// pollResultOf classifies the service's response according to RFC 8628, section 3.5.
func pollResultOf(err error) pollResult {
	if err == nil {
		return pollDone
	}
	fault, ok := errors.AsType[*awsclient.Fault](err)
	if !ok {
		return pollFailed
	}
	switch fault.Kind {
	case awsclient.AuthorizationPending:
		return pollPending
	case awsclient.SlowDown:
		return pollSlowDown
	case awsclient.Network, awsclient.Timeout, awsclient.TLS, awsclient.NotAWS, awsclient.Server, awsclient.Throttled:
		return pollNetwork
	}
	return pollFailed
}

// Intervals from RFC 8628, sections 3.2 and 3.5, and our own maximum: a response with an
// interval of a day must not stop the polling.
const (
	defaultInterval = 5 * time.Second
	slowDownStep    = 5 * time.Second
	maxInterval     = 60 * time.Second
)

// errPollExpired means that the deadline passed without an approval.
var errPollExpired = errors.New("the code was not approved in time")

// pollResult is the result of one poll.
type pollResult int

const (
	pollDone     pollResult = iota // the caller has the token
	pollPending                    // the user has not approved yet
	pollSlowDown                   // too many polls: increase the interval permanently
	pollNetwork                    // network failure; continue (RFC 8628, section 3.5)
	pollFailed                     // denied, expired, or another permanent error
)

// poller polls until there is a result. It implements intervals and the deadline, and is
// independent of HTTP, AWS and terminals.
type poller struct {
	interval time.Duration    // between polls; 0: RFC 8628's five seconds
	deadline time.Time        // wall clock: when the server's code expires
	now      func() time.Time // wall clock, which continues while a laptop is suspended
	slowed   func(n int, interval time.Duration)
}

// run calls try, after an initial interval, until it returns pollDone (nil) or pollFailed
// (its error), ctx ends (its cause), or a last try after the deadline has no result
// (errPollExpired, which wraps the last network error, if any).
func (p *poller) run(ctx context.Context, try func(context.Context) (pollResult, error)) error {
	interval := firstInterval(p.interval)
	slowDowns := 0
	for {
		if err := awsclient.Sleep(ctx, min(interval, p.left())); err != nil {
			return err
		}
		// Determine this before the try: after a suspend, the deadline may be long past,
		// but the user may have approved the code on another device.
		last := p.left() <= 0
		result, err := try(ctx)
		switch result {
		case pollDone:
			return nil
		case pollFailed:
			return err
		case pollSlowDown:
			slowDowns++
			interval = min(interval+slowDownStep, maxInterval)
			if p.slowed != nil {
				p.slowed(slowDowns, interval)
			}
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if last {
			if result == pollNetwork && err != nil {
				return fmt.Errorf("%w: %w", errPollExpired, err)
			}
			return errPollExpired
		}
	}
}

func (p *poller) left() time.Duration {
	return max(0, p.deadline.Sub(p.now().Round(0)))
}

func firstInterval(requested time.Duration) time.Duration {
	if requested <= 0 {
		return defaultInterval
	}
	return min(requested, maxInterval)
}
