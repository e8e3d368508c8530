package login

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"strings"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awscache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/crash"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

// browserError means that the browser sign-in does not work on this machine: no loopback
// port is available, or no browser starts.
type browserError struct{ err error }

func (e *browserError) Error() string { return e.err.Error() }
func (e *browserError) Unwrap() error { return e.err }

// byCode signs in with an authorization code and PKCE (RFC 7636, RFC 8252). It retries once
// if the service does not know the saved registration.
func (f *flow) byCode(ctx context.Context) (awscache.Token, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, f.in.Timeout, ErrTimeout)
	defer cancel()
	token, saved, err := f.tryCode(ctx, false)
	if saved && unknownClient(err) && ctx.Err() == nil {
		f.in.Screen.Line("AWS no longer recognizes the registration of this computer. Signing in again with a new one.")
		token, _, err = f.tryCode(ctx, true)
	}
	return token, err
}

// tryCode runs the code flow once. saved reports whether it used a saved registration;
// fresh prevents that.
func (f *flow) tryCode(ctx context.Context, fresh bool) (token awscache.Token, saved bool, err error) {
	state, verifier := newState(), newVerifier()
	cb, err := listen(f.in.listen, state) // must come first, see listen
	if err != nil {
		return token, false, &browserError{err}
	}
	defer func() { cb.close(f.resultPage(err)) }()
	reg, saved, err := f.client(ctx, codeFlow, fresh)
	if err != nil {
		return token, saved, err
	}
	endpoint, err := f.in.OIDC.OIDCEndpoint(f.region)
	if err != nil {
		return token, saved, err
	}
	page := authorizeURL(endpoint, reg.ClientID, cb.redirectURI(), state, wantedScopes(f.in.Session.Scopes, codeFlow), verifier)
	code, err := f.openAndWait(ctx, cb, page)
	if err != nil {
		if saved {
			// If AWS does not know the client, the browser shows an error page and there is
			// no callback. In case that was the reason, register again next time.
			f.forgetClient()
		}
		return token, saved, err
	}
	sent := f.in.Now()
	fetchCtx, cancel := f.fetchContext(ctx)
	defer cancel()
	grant, err := f.in.OIDC.TokenByCode(fetchCtx, f.region, reg.sdk(), code, cb.redirectURI(), verifier)
	if err != nil {
		return token, saved, err
	}
	return f.token(grant, reg, sent), saved, nil
}

// resultPage is the final page in the browser.
func (f *flow) resultPage(err error) page {
	if err != nil {
		return failurePage(f.label(), err.Error(), f.command())
	}
	return successPage(f.label())
}

// openAndWait opens the page (or only shows it with NoBrowser) and waits for the code.
func (f *flow) openAndWait(ctx context.Context, cb *callback, page string) (secret.Secret, error) {
	if f.in.NoBrowser {
		f.in.Screen.Visit(f.label(), page)
		return f.waitForCode(ctx, cb)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the link that the browser loads
	f.in.Screen.BrowserOpening(f.label())
	opened := make(chan error, 1)
	// Use a goroutine, because some browser commands exit only when the page is closed.
	crash.Go(func() { opened <- f.in.Browser.Open(ctx, page) })
	select {
	case err := <-opened:
		if err == nil {
			f.in.Screen.BrowserOpened(page)
			return f.waitForCode(ctx, cb)
		}
		// The command failed, but if the code has arrived, use it.
		select {
		case r := <-cb.received:
			return r.code, r.err
		default:
			return secret.Secret{}, &browserError{err}
		}
	case r := <-cb.received:
		return r.code, r.err
	case <-ctx.Done():
		return secret.Secret{}, context.Cause(ctx)
	}
}

// waitForCode shows that the sign-in is waiting for the user.
func (f *flow) waitForCode(ctx context.Context, cb *callback) (secret.Secret, error) {
	if until, ok := ctx.Deadline(); ok {
		defer f.in.Screen.WaitStarted(until)()
	}
	return cb.wait(ctx)
}

// verifierBytes result in 64 characters, the length of the AWS CLI's verifiers. RFC 7636,
// section 4.1, allows 43 to 128.
const verifierBytes = 48

// newVerifier returns a PKCE code verifier. All base64url characters are unreserved, as
// required by RFC 7636, section 4.1.
func newVerifier() secret.Secret {
	b := make([]byte, verifierBytes)
	_, _ = rand.Read(b) // crypto/rand never returns an error
	return secret.New(base64.RawURLEncoding.EncodeToString(b))
}

// challenge returns the S256 code challenge of RFC 7636, section 4.2. The plain method is
// not implemented, so a downgrade is not possible.
func challenge(verifier secret.Secret) string {
	sum := sha256.Sum256([]byte(verifier.Reveal()))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// newState returns the state parameter, which is opaque to the service (RFC 6749, section
// 4.1.1): 26 characters with at least 128 random bits.
func newState() secret.Secret { return secret.New(rand.Text()) }

// authorizeURL returns the page on which the user signs in: the endpoint's /authorize,
// which is not in any service model. Parameters, order and escaping match the AWS CLI,
// which uses "scopes" for RFC 6749's "scope".
func authorizeURL(endpoint, clientID, redirectURI string, state secret.Secret, scopes []string, verifier secret.Secret) string {
	var b strings.Builder
	b.WriteString(strings.TrimRight(endpoint, "/"))
	b.WriteString("/authorize?response_type=code")
	for _, p := range [][2]string{
		{"client_id", clientID},
		{"redirect_uri", redirectURI},
		{"state", state.Reveal()},
		{"code_challenge_method", "S256"},
		{"scopes", strings.Join(scopes, " ")},
		{"code_challenge", challenge(verifier)},
	} {
		b.WriteString("&" + p[0] + "=" + percentEncode(p[1]))
	}
	return b.String()
}

// percentEncode escapes according to RFC 3986: a space becomes %20, not '+'.
func percentEncode(s string) string {
	return strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
}
