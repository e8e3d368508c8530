package login

import (
	"context"
	"errors"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/crash"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/ssotoken"
)

// browserError says that the browser's way is barred on this machine: no
// loopback port, or no browser that starts.
type browserError struct{ err error }

func (e *browserError) Error() string { return e.err.Error() }
func (e *browserError) Unwrap() error { return e.err }

// byCode signs in with an authorization code and PKCE (RFC 7636, RFC 8252). A
// kept registration that the service no longer knows costs a second round.
func (f *flow) byCode(ctx context.Context) (ssotoken.Token, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, f.in.Timeout, ErrTimeout)
	defer cancel()
	token, kept, err := f.codeRound(ctx, false)
	if kept && unknownClient(err) && ctx.Err() == nil {
		f.in.Screen.Line("AWS no longer knows this computer's registration; signing in once more with a new one.")
		token, _, err = f.codeRound(ctx, true)
	}
	return token, err
}

func (f *flow) codeRound(ctx context.Context, fresh bool) (token ssotoken.Token, kept bool, err error) {
	state, verifier := newState(), newVerifier()
	// Bound before anything else: see listen.
	cb, err := listen(f.label(), state)
	if err != nil {
		return token, false, &browserError{err}
	}
	defer func() { cb.close(err, f.command()) }()
	reg, kept, err := f.client(ctx, true, fresh)
	if err != nil {
		return token, kept, err
	}
	endpoint, err := f.in.OIDC.OIDCEndpoint(f.region)
	if err != nil {
		return token, kept, err
	}
	page := authorizeURL(endpoint, reg.ClientID, cb.redirectURI(), state, wantedScopes(f.in.Session.Scopes, true), verifier)
	code, err := f.askBrowser(ctx, cb, page)
	if err != nil {
		if kept {
			// A client that AWS has forgotten shows up as an error page in the
			// browser, of which nothing comes back here: register anew next
			// time, in case it was that.
			f.forgetClient()
		}
		return token, kept, err
	}
	asked := f.in.Now()
	last, cancel := f.patient(ctx)
	defer cancel()
	grant, err := f.in.OIDC.TokenByCode(last, f.region, reg.sdk(), code, cb.redirectURI(), verifier)
	if err != nil {
		return token, kept, err
	}
	return f.token(grant, reg, asked), kept, nil
}

// askBrowser opens the page, or shows it when nothing is to be opened, and
// waits for the code.
func (f *flow) askBrowser(ctx context.Context, cb *callback, page string) (secret.Secret, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	opened := make(chan error, 1)
	if f.in.NoBrowser {
		f.in.Screen.Visit(page)
	} else {
		f.in.Screen.Opening(page)
		// Beside the waiting: a browser's command may end only when the
		// page does.
		crash.Go(func() { opened <- f.in.Browser.Open(ctx, page) })
	}
	if until, ok := ctx.Deadline(); ok {
		defer f.in.Screen.Waiting(until)()
	}
	crash.Go(func() {
		select {
		case err := <-opened:
			if err != nil {
				cancel(&browserError{err})
			}
		case <-ctx.Done():
		}
	})
	code, err := cb.wait(ctx)
	if _, ok := errors.AsType[*browserError](err); ok {
		// A command that ends badly after the page has come back did its work.
		select {
		case r := <-cb.received:
			return r.code, r.err
		default:
		}
	}
	return code, err
}
