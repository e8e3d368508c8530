package login

import (
	"context"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
)

// client returns the registration to use: the kept one if it fits, else a new
// one, which signIn saves. fresh asks for a new one in any case, since the service
// did not want the kept one.
func (f *flow) client(ctx context.Context, forCode, fresh bool) (reg registration, kept bool, err error) {
	session := f.in.Session
	path, err := f.clientPath(forCode)
	if err != nil {
		return registration{}, false, err
	}
	if !fresh {
		if reg, ok := readRegistration(path, forCode, f.in.Now()); ok {
			return reg, true, nil
		}
	}
	in := awsclient.RegisterInput{
		ClientName: clientName(session.Name),
		Scopes:     wantedScopes(session.Scopes, forCode),
	}
	in.GrantTypes = grants(forCode)
	if forCode {
		in.RedirectURIs = []string{redirectWithoutPort}
		in.IssuerURL = f.startURL
	}
	got, err := f.in.OIDC.RegisterClient(ctx, f.region, in)
	if err != nil {
		return registration{}, false, err
	}
	reg = registration{ClientID: got.ClientID, ClientSecret: got.ClientSecret, ExpiresAt: got.ExpiresAt,
		Scopes: in.Scopes, GrantTypes: in.GrantTypes}
	// Saved with the token: a sign-in that was denied leaves no file behind. An error
	// costs the next sign-in a registration, and that is all.
	f.saveClient = func() { _ = writeRegistration(path, reg) }
	return reg, false, nil
}

func (f *flow) clientPath(forCode bool) (string, error) {
	s := f.in.Session
	return registrationPath(f.in.Home, s.StartURL, f.region, s.Name, s.Scopes, forCode)
}

func (f *flow) forgetClient() {
	if path, err := f.clientPath(true); err == nil {
		_ = safefile.Remove(path)
	}
}

// sdk is the registration as awsclient takes it.
func (r registration) sdk() awsclient.Registration {
	return awsclient.Registration{ClientID: r.ClientID, ClientSecret: r.ClientSecret, ExpiresAt: r.ExpiresAt}
}
