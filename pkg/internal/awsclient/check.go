package awsclient

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

// Calls made only by doctor. They use the same transport as all other calls (proxy,
// certificates, limits, no redirects) to get the same results. They are not retried,
// because doctor reports the current state.

// Reach sends an empty request without credentials to the service at endpoint, a base URL
// such as one returned by Endpoint. Any response from the service is a success, even an
// error. skew is the service's clock minus ours, or 0 if the response has no date. It
// returns a *Fault, with Kind NotAWS for a page from a captive portal or a proxy.
func (c *Client) Reach(ctx context.Context, endpoint string) (skew time.Duration, err error) {
	ctx, call, cancel := c.begin(ctx, "", "HEAD", retryNever)
	defer cancel()
	call.json = false
	err = c.sendPlain(ctx, http.MethodHead, endpoint, nil)
	if other := otherFIPSEndpoint(endpoint); other != "" && unresolved(err) {
		if otherErr := c.sendPlain(ctx, http.MethodHead, other, nil); !unresolved(otherErr) {
			err = otherErr
		}
	}
	if err == nil {
		return call.notes().skew, nil
	}
	// Some AWS front ends return errors as HTML. The certificate has already proved that
	// they belong to AWS.
	if f, ok := errors.AsType[*Fault](err); ok && f.Kind == NotAWS && call.notes().status >= http.StatusBadRequest {
		return call.notes().skew, nil
	}
	return call.notes().skew, call.fault(err)
}

// RegistryPing sends a login to the registry, like Docker clients, and returns the HTTP
// status: 200 if the registry accepts it, 401 if the login is invalid, 403 if the identity
// has no access to the registry. The error is a *Fault if no registry responded.
// https://distribution.github.io/distribution/spec/api/#api-version-check
func (c *Client) RegistryPing(ctx context.Context, reg registry.Registry, login Authorization) (status int, err error) {
	ctx, call, cancel := c.begin(ctx, "", "GET /v2/", retryNever)
	defer cancel()
	call.json = false
	url := "https://" + reg.Host + "/v2/"
	if reg.Service == registry.Public {
		// A public registry accepts only bearer tokens, and issues one for a login.
		url = "https://" + reg.Host + "/token/?scope=aws&service=" + reg.Host
	}
	if err = c.sendPlain(ctx, http.MethodGet, url, &login); err != nil {
		return 0, call.fault(err)
	}
	return call.notes().status, nil
}

// sendPlain makes a request without the SDK. The response is in the call's notes.
func (c *Client) sendPlain(ctx context.Context, method, url string, login *Authorization) error {
	req, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return &Fault{Kind: Other, cause: fmt.Sprintf("%q is not a URL", clean(url))}
	}
	if login != nil {
		req.SetBasicAuth(login.Username, login.Password.Reveal())
	}
	req.Header.Set("User-Agent", "check") // the transport prepends our name; by default, Go sends its own
	resp, err := c.link.Do(req)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// EndpointSetting is the setting that overrides a service's endpoint: its description (""
// if there is none) and the environment variable ("" for a setting in the AWS
// configuration).
type EndpointSetting struct{ Name, Variable string }

// OIDCSetting returns the setting that overrides the endpoint of sso-oidc.
func (c *Client) OIDCSetting() EndpointSetting { return c.o.endpointSetting(oidcService) }

// PortalSetting returns the setting that overrides the endpoint of the SSO portal.
func (c *Client) PortalSetting() EndpointSetting { return c.o.endpointSetting(portalService) }

func (o Options) endpointSetting(s service) EndpointSetting {
	for _, set := range o.settings(s) {
		if set.value != "" {
			return EndpointSetting{Name: set.name(), Variable: set.variable}
		}
	}
	return EndpointSetting{}
}
