package awsclient

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

// What doctor asks beyond the calls of a get. The rules of the transport (proxy,
// certificates, caps, no redirect) are those of every other call, so that an
// answer here says something about those; nothing is tried twice, since doctor
// tells what is there now.

// PortalEndpoint returns the base URL of the SSO portal in a region, overrides
// included. The error is a *Fault.
func (c *Client) PortalEndpoint(region string) (string, error) { return c.portalEndpoint(region) }

// Reach sends an empty request, without any credentials, to the service at
// endpoint, a base URL such as Endpoint returns. Any answer of the service will
// do, a refusal too. skew is the service's clock minus ours, 0 when the answer
// has no date. Errors: *Fault, Kind NotAWS for a portal's or a proxy's page.
func (c *Client) Reach(ctx context.Context, endpoint string) (skew time.Duration, err error) {
	ctx, call, cancel := c.begin(ctx, "", "HEAD", never)
	defer cancel()
	call.json = false
	err = c.plain(ctx, http.MethodHead, endpoint, nil)
	if older := olderEndpoint(endpoint); older != "" && unresolved(err) {
		if again := c.plain(ctx, http.MethodHead, older, nil); !unresolved(again) {
			err = again
		}
	}
	if err == nil {
		return call.notes().skew, nil
	}
	// AWS's own front ends refuse in HTML at times; the certificate has said
	// already who they are.
	if f, ok := errors.AsType[*Fault](err); ok && f.Kind == NotAWS && call.notes().status >= http.StatusBadRequest {
		return call.notes().skew, nil
	}
	return call.notes().skew, call.fault(err)
}

// RegistryPing shows a login to the registry itself, as Docker clients do, and
// returns the HTTP status: 200 when the registry takes it, 401 when it does not
// know it, 403 when the identity may not use the registry. The error is a *Fault
// when no registry answered.
// https://distribution.github.io/distribution/spec/api/#api-version-check
func (c *Client) RegistryPing(ctx context.Context, r registry.Registry, login Authorization) (status int, err error) {
	ctx, call, cancel := c.begin(ctx, "", "GET /v2/", never)
	defer cancel()
	call.json = false
	url := "https://" + r.Host + "/v2/"
	if r.Service == registry.Public {
		// A public registry knows bearer tokens only, and gives one for a login.
		url = "https://" + r.Host + "/token/?scope=aws&service=" + r.Host
	}
	if err = c.plain(ctx, http.MethodGet, url, &login); err != nil {
		return 0, call.fault(err)
	}
	return call.notes().status, nil
}

// plain makes one request that is not the SDK's; what came back is in the notes.
func (c *Client) plain(ctx context.Context, method, url string, login *Authorization) error {
	req, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return &Fault{Kind: Other, cause: fmt.Sprintf("%q is no URL", clean(url))}
	}
	if login != nil {
		req.SetBasicAuth(login.Username, login.Password.Reveal())
	}
	req.Header.Set("User-Agent", "check") // after our own name; without one Go would name itself
	resp, err := c.link.Do(req)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// EndpointSetting is what puts an endpoint in place of a service's own: its name in
// words, "" when nothing does, and the environment variable, "" for a setting of the
// AWS configuration.
type EndpointSetting struct{ Name, Variable string }

// OIDCSetting and PortalSetting tell what decides where the SSO token is sent.
func (c *Client) OIDCSetting() EndpointSetting { return c.o.endpointSetting(oidcService) }

// PortalSetting is the same for the portal.
func (c *Client) PortalSetting() EndpointSetting { return c.o.endpointSetting(portalService) }

func (o Options) endpointSetting(s service) EndpointSetting {
	for _, set := range o.settings(s) {
		if set.value != "" {
			return EndpointSetting{Name: set.name(), Variable: set.variable}
		}
	}
	return EndpointSetting{}
}
