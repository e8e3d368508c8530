package awsclient

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

// The calls that only doctor makes. They use the same transport as all other calls (proxy,
// certificates, limits, no redirect), so that the other calls have the same result. They are
// not retried: doctor reports the current state.

// Reach sends an empty request without credentials to the service at endpoint, a base
// URL such as Endpoint returns. Any answer of the service is a success, a refusal too.
// skew is the service's clock minus ours, 0 when the answer has no date. Errors: *Fault,
// Kind NotAWS for a page of a captive portal or a proxy.
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
	// Some front ends of AWS refuse in HTML. The certificate has proved already that they
	// are AWS's.
	if f, ok := errors.AsType[*Fault](err); ok && f.Kind == NotAWS && call.notes().status >= http.StatusBadRequest {
		return call.notes().skew, nil
	}
	return call.notes().skew, call.fault(err)
}

// RegistryPing sends a login to the registry, as Docker clients do, and returns the HTTP
// status: 200 when the registry accepts it, 401 when the login is not valid, 403 when the
// identity may not use the registry. The error is a *Fault when no registry answered.
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

// sendPlain makes one request without the SDK. The answer is in the notes of the call.
func (c *Client) sendPlain(ctx context.Context, method, url string, login *Authorization) error {
	req, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return &Fault{Kind: Other, cause: fmt.Sprintf("%q is not a URL", clean(url))}
	}
	if login != nil {
		req.SetBasicAuth(login.Username, login.Password.Reveal())
	}
	req.Header.Set("User-Agent", "check") // the transport puts our name before it; without one Go sends its own
	resp, err := c.link.Do(req)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// EndpointSetting is the setting that replaces a service's endpoint: its description, ""
// without one, and the environment variable, "" for a setting of the AWS configuration.
type EndpointSetting struct{ Name, Variable string }

// OIDCSetting returns the setting that replaces the endpoint of sso-oidc.
func (c *Client) OIDCSetting() EndpointSetting { return c.o.endpointSetting(oidcService) }

// PortalSetting returns the setting that replaces the endpoint of the SSO portal.
func (c *Client) PortalSetting() EndpointSetting { return c.o.endpointSetting(portalService) }

func (o Options) endpointSetting(s service) EndpointSetting {
	for _, set := range o.settings(s) {
		if set.value != "" {
			return EndpointSetting{Name: set.name(), Variable: set.variable}
		}
	}
	return EndpointSetting{}
}
