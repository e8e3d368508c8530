package login

import (
	"context"
	"encoding/json"
	"path/filepath"
	"slices"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awscache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

const (
	// defaultScope is the AWS CLI's default for the code flow. Without it, there is no
	// refresh token.
	defaultScope = "sso:account:access"
	// registrationMargin is how long a saved registration must remain valid to be used.
	registrationMargin = 15 * time.Minute
	maxRegistration    = 1 << 20 // bytes in a registration file
)

// registration is a client registered with the sign-in service, saved in the AWS CLI's
// format.
type registration struct {
	ClientID     string
	ClientSecret secret.Secret
	ExpiresAt    time.Time
	Scopes       []string
	GrantTypes   []string // nil: device flow client
}

// flowKind is the flow that a client is registered for. AWS rejects a client registered for
// both flows.
type flowKind int

const (
	codeFlow flowKind = iota
	deviceFlow
)

// codeGrants are the grant types of a code flow client. A device flow client has none.
var codeGrants = []string{"authorization_code", "refresh_token"}

// kind returns the flow that the client is registered for.
func (r registration) kind() flowKind {
	if slices.Contains(r.GrantTypes, "authorization_code") {
		return codeFlow
	}
	return deviceFlow
}

// sdk converts the registration for awsclient.
func (r registration) sdk() awsclient.Registration {
	return awsclient.Registration{ClientID: r.ClientID, ClientSecret: r.ClientSecret, ExpiresAt: r.ExpiresAt}
}

// client returns the registration to use: the saved one if it is valid, or a new one, which
// signIn saves. With fresh, it is always new, because the service rejected the saved one.
func (f *flow) client(ctx context.Context, kind flowKind, fresh bool) (reg registration, saved bool, err error) {
	session := f.in.Session
	path, err := f.clientPath(kind)
	if err != nil {
		return registration{}, false, err
	}
	if !fresh {
		if reg, ok := readRegistration(path, kind, f.in.Now()); ok {
			return reg, true, nil
		}
	}
	in := awsclient.RegisterInput{
		ClientName: clientName(session.Name),
		Scopes:     wantedScopes(session.Scopes, kind),
		GrantTypes: grants(kind),
	}
	if kind == codeFlow {
		in.RedirectURIs = []string{redirectWithoutPort}
		in.IssuerURL = f.startURL
	}
	got, err := f.in.OIDC.RegisterClient(ctx, f.region, in)
	if err != nil {
		return registration{}, false, err
	}
	reg = registration{ClientID: got.ClientID, ClientSecret: got.ClientSecret, ExpiresAt: got.ExpiresAt,
		Scopes: in.Scopes, GrantTypes: in.GrantTypes}
	// Save the registration with the token, so that a denied sign-in leaves no files. If
	// saving fails, the next sign-in registers again.
	f.saveClient = func() { _ = writeRegistration(path, reg) }
	return reg, false, nil
}

func (f *flow) clientPath(kind flowKind) (string, error) {
	session := f.in.Session
	return registrationPath(f.in.Home, session.StartURL, f.region, session.Name, session.Scopes, kind)
}

func (f *flow) forgetClient() {
	if path, err := f.clientPath(codeFlow); err == nil {
		_ = safefile.Remove(path)
	}
}

// registrationPath returns the file of a session's client for one of the flows. It is in
// the AWS CLI's registration directory, but has our own name: the SHA-1 of the values that
// the client was registered with. The AWS CLI uses one name for both flows, and its
// releases before 2.22 do not check the flow, so they could not sign in with a code flow
// client. session is "" for the legacy format.
func registrationPath(home, startURL, region, session string, scopes []string, kind flowKind) (string, error) {
	o := awscache.Object{
		{Key: "grantTypes", Value: jsonStrings(grants(kind))},
		{Key: "region", Value: awscache.JSONString(region)},
		{Key: "scopes", Value: jsonStrings(scopes)},
		{Key: "session_name", Value: awscache.JSONString(session)},
		{Key: "startUrl", Value: awscache.JSONString(startURL)},
		{Key: "tool", Value: awscache.JSONString(hint.Program)},
	}
	return env.AWSCacheFile(home, "sso", o.Append(nil))
}

// grants returns the grant types to register for a flow.
func grants(kind flowKind) []string {
	if kind == codeFlow {
		return codeGrants
	}
	return nil
}

// wantedScopes returns the scopes to register. Only the code flow has a default.
func wantedScopes(configured []string, kind flowKind) []string {
	if len(configured) == 0 && kind == codeFlow {
		return []string{defaultScope}
	}
	return configured
}

// clientName is the name of our client on the approval page.
func clientName(session string) string {
	if session == "" {
		return hint.Program
	}
	return hint.Program + "-" + session
}

// readRegistration returns the registration saved at path if it is for the given flow and
// remains valid long enough. An unreadable or unusable file counts as missing.
func readRegistration(path string, kind flowKind, now time.Time) (registration, bool) {
	data, err := safefile.Read(path, maxRegistration)
	if err != nil {
		return registration{}, false
	}
	r, ok := parseRegistration(data)
	if !ok || r.kind() != kind || r.ExpiresAt.Before(now.Add(registrationMargin)) {
		return registration{}, false
	}
	return r, true
}

func parseRegistration(data []byte) (registration, bool) {
	o, err := awscache.ParseObject(data)
	if err != nil {
		return registration{}, false
	}
	id, idErr := o.Text("clientId")
	key, keyErr := o.Text("clientSecret")
	expires, expiresErr := o.Time("expiresAt")
	if idErr != nil || keyErr != nil || expiresErr != nil || id == "" || key == "" {
		return registration{}, false
	}
	r := registration{ClientID: id, ClientSecret: secret.New(key), ExpiresAt: expires}
	for _, m := range o {
		switch m.Key {
		case "scopes":
			err = json.Unmarshal(m.Value, &r.Scopes)
		case "grantTypes":
			err = json.Unmarshal(m.Value, &r.GrantTypes)
		}
		if err != nil {
			return registration{}, false
		}
	}
	return r, true
}

// marshalRegistration returns the AWS CLI's bytes, in its field order.
func marshalRegistration(r registration) []byte {
	o := awscache.Object{
		{Key: "clientId", Value: awscache.JSONString(r.ClientID)},
		{Key: "clientSecret", Value: awscache.JSONString(r.ClientSecret.Reveal())},
		{Key: "expiresAt", Value: awscache.JSONString(awscache.FormatTime(r.ExpiresAt))},
	}
	if len(r.Scopes) > 0 {
		o = append(o, awscache.Member{Key: "scopes", Value: jsonStrings(r.Scopes)})
	}
	if len(r.GrantTypes) > 0 {
		o = append(o, awscache.Member{Key: "grantTypes", Value: jsonStrings(r.GrantTypes)})
	}
	return o.Append(nil)
}

// jsonStrings returns a JSON array in the format of Python's json.dumps.
func jsonStrings(list []string) json.RawMessage {
	b := []byte{'['}
	for i, s := range list {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = awscache.AppendJSONString(b, s)
	}
	return append(b, ']')
}

// writeRegistration saves r for the next sign-in.
func writeRegistration(path string, r registration) error {
	if err := safefile.MakeDir(filepath.Dir(path)); err != nil {
		return err
	}
	return safefile.Write(path, marshalRegistration(r), 0o600)
}
