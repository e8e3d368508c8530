package awstest

import (
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// client is a registered OIDC client.
type client struct {
	id, secret, region string
	redirects, grants  []string
	scopes             []string
	expires            time.Time
}

const clientTTL = 90 * 24 * time.Hour

func (c *client) may(grant string) bool { return slices.Contains(c.grants, grant) }

// refreshes reports whether a sign-in with this client returns a refresh token. The client
// must have the scope and, in the authorization code flow, the refresh_token grant.
func (c *client) refreshes(grant string) bool {
	if !slices.Contains(c.scopes, "sso:account:access") {
		return false
	}
	return grant == grantDevice || c.may("refresh_token")
}

func (a *AWS) registerClient(q *request) answer {
	var in struct {
		ClientName, ClientType, IssuerURL string
		Scopes, RedirectURIs, GrantTypes  []string
	}
	if !q.decode(&in) {
		return q.fail(400, "invalid_request", "")
	}
	a.key(q, in.ClientName)
	code, dev := slices.Contains(in.GrantTypes, "authorization_code"), slices.Contains(in.GrantTypes, grantDevice)
	switch {
	case in.ClientName == "" || in.ClientType == "":
		return q.fail(400, "invalid_request", "clientName and clientType are required")
	case in.ClientType != "public":
		return q.fail(400, "invalid_client_metadata", "only public clients are supported")
	case len(in.Scopes) > 25:
		return q.fail(400, "invalid_scope", "too many scopes")
	case code && dev:
		return q.fail(400, "invalid_scope", "")
	case code && len(in.RedirectURIs) == 0, slices.ContainsFunc(in.RedirectURIs, func(u string) bool { return !isLoopbackOrTLS(u) }):
		return q.fail(400, "invalid_redirect_uri", "")
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if code && !a.hasInstance(in.IssuerURL, q.region) {
		return q.fail(400, "invalid_request", "Invalid issuer url provided")
	}
	c := a.newClient(q.region, in.Scopes, in.GrantTypes, in.RedirectURIs)
	return q.ok(object{
		"clientId": c.id, "clientSecret": c.secret, "clientIdIssuedAt": a.Now().Unix(), "clientSecretExpiresAt": c.expires.Unix(),
	})
}

// newClient registers a client. Without grants, the client gets the device code grant, as
// in RegisterClient. Call with mu held.
func (a *AWS) newClient(region string, scopes, grants, redirects []string) *client {
	if len(grants) == 0 {
		grants = []string{grantDevice, "refresh_token"}
	}
	c := &client{
		id: random64(22) + region, secret: a.secret("eyJraWQiOiJrZXktMTU2NDAyODA5OSIsImFsZyI6IkhTMzg0In0.", 640), region: region,
		scopes: scopes, grants: grants, redirects: redirects, expires: a.Now().Add(clientTTL).Truncate(time.Second),
	}
	a.state.clients[c.id] = c
	return c
}

// hasInstance reports whether a start URL belongs to an instance in this region. Call with
// mu held.
func (a *AWS) hasInstance(startURL, region string) bool {
	home, ok := a.state.instances[trimURL(startURL)]
	return ok && (region == "" || home.region == region)
}

// clientOf checks a client ID and secret. It returns invalid_client if one is wrong. Call
// with mu held.
func (a *AWS) clientOf(q *request, id, secret string) (*client, answer) {
	c := a.state.clients[id]
	switch {
	case c == nil, c.secret != secret, q.region != "" && c.region != "" && c.region != q.region:
		return nil, q.fail(http.StatusUnauthorized, "invalid_client", "Invalid client provided")
	case !a.Now().Before(c.expires):
		return nil, q.fail(http.StatusUnauthorized, "invalid_client", "Client registration has expired")
	}
	return c, answer{}
}

func isLoopbackOrTLS(u string) bool {
	p, err := url.Parse(u)
	if err != nil || p.Host == "" || p.Fragment != "" {
		return false
	}
	return p.Scheme == "https" || p.Scheme == "http" && isLoopback(p.Hostname())
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// redirectAllowed reports whether a redirect URI is registered. The client selects the port
// of a loopback redirect at sign-in, so a URI registered without a port matches any port
// (RFC 8252, 7.3).
func (c *client) redirectAllowed(uri string) bool {
	got, err := url.Parse(uri)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(c.redirects, func(registered string) bool {
		want, err := url.Parse(registered)
		if err != nil {
			return false
		}
		if want.Port() == "" && isLoopback(want.Hostname()) {
			bare := *got
			bare.Host = strings.TrimSuffix(got.Host, ":"+got.Port())
			return bare.String() == want.String()
		}
		return uri == registered
	})
}
