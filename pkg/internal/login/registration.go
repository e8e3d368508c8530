package login

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/clijson"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

const (
	// defaultScope is what the AWS CLI asks for in the code flow; without it
	// there is no refresh token.
	defaultScope = "sso:account:access"
	// registrationMargin is how long a registration must still last.
	registrationMargin = 15 * time.Minute
	maxRegistration    = 1 << 20
)

// registration is a client that the sign-in service knows, saved in the format of
// the AWS CLI.
type registration struct {
	ClientID     string
	ClientSecret secret.Secret
	ExpiresAt    time.Time
	Scopes       []string
	GrantTypes   []string // nil: a client of the device flow
}

// codeGrants are the grant types of a client of the code flow. A client of the
// device flow names none: registered with both kinds, AWS refuses it or breaks.
var codeGrants = []string{"authorization_code", "refresh_token"}

func (r registration) forCode() bool { return slices.Contains(r.GrantTypes, "authorization_code") }

// registrationPath is the file of a session's client of one flow, in the directory of
// the AWS CLI's registrations but under a name of our own: the SHA-1 of what the client
// was registered for. The AWS CLI has one name for both flows. Releases before 2.22 do
// not look at the flow, and cannot sign in when they find a client of the code flow.
// session "" is the legacy layout.
func registrationPath(home, startURL, region, session string, scopes []string, forCode bool) (string, error) {
	o := clijson.Object{
		{Key: "grantTypes", Value: appendStrings(nil, grants(forCode))},
		{Key: "region", Value: clijson.String(region)},
		{Key: "scopes", Value: appendStrings(nil, scopes)},
		{Key: "session_name", Value: clijson.String(session)},
		{Key: "startUrl", Value: clijson.String(startURL)},
		{Key: "tool", Value: clijson.String(hint.Program)},
	}
	return env.AWSCacheFile(home, "sso", o.Append(nil))
}

// grants are the grant types that a client of a flow is registered with.
func grants(forCode bool) []string {
	if forCode {
		return codeGrants
	}
	return nil
}

func appendStrings(b []byte, list []string) []byte {
	b = append(b, '[')
	for i, s := range list {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = clijson.AppendString(b, s)
	}
	return append(b, ']')
}

// readRegistration returns what is kept at path if it is of the wanted flow
// and lasts for another quarter of an hour. Whatever is wrong with the file:
// there is none.
func readRegistration(path string, forCode bool, now time.Time) (registration, bool) {
	data, err := safefile.Read(path, maxRegistration)
	if err != nil {
		return registration{}, false
	}
	r, ok := parseRegistration(data)
	if !ok || r.forCode() != forCode || r.ExpiresAt.Before(now.Add(registrationMargin)) {
		return registration{}, false
	}
	return r, true
}

func parseRegistration(data []byte) (registration, bool) {
	o, err := clijson.Parse(data)
	if err != nil {
		return registration{}, false
	}
	id, idErr := o.Text("clientId")
	key, keyErr := o.Text("clientSecret")
	expires, untilErr := o.Time("expiresAt")
	if idErr != nil || keyErr != nil || untilErr != nil || id == "" || key == "" {
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

// marshalRegistration gives the AWS CLI's bytes, field order included.
func marshalRegistration(r registration) []byte {
	b := []byte(`{"clientId": `)
	b = clijson.AppendString(b, r.ClientID)
	b = append(b, `, "clientSecret": `...)
	b = clijson.AppendString(b, r.ClientSecret.Reveal())
	b = append(b, `, "expiresAt": `...)
	b = clijson.AppendString(b, clijson.FormatTime(r.ExpiresAt))
	if len(r.Scopes) > 0 {
		b = appendStrings(append(b, `, "scopes": `...), r.Scopes)
	}
	if len(r.GrantTypes) > 0 {
		b = appendStrings(append(b, `, "grantTypes": `...), r.GrantTypes)
	}
	return append(b, '}')
}

// writeRegistration keeps r for the next sign-in. An error costs that one a
// registration and nothing more.
func writeRegistration(path string, r registration) error {
	if err := safefile.MakeDir(filepath.Dir(path)); err != nil {
		return err
	}
	return safefile.Write(path, marshalRegistration(r), 0o600)
}

// wantedScopes are those to register with: the code flow has a default, the
// device flow takes what is configured.
func wantedScopes(configured []string, forCode bool) []string {
	if len(configured) == 0 && forCode {
		return []string{defaultScope}
	}
	return configured
}

// clientName is the name of our client on the page where a person approves a sign-in.
func clientName(session string) string {
	if session == "" {
		return hint.Program
	}
	return hint.Program + "-" + session
}
