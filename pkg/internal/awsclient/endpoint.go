package awsclient

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/signin"
	"github.com/aws/aws-sdk-go-v2/service/sso"
	"github.com/aws/aws-sdk-go-v2/service/ssooidc"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	smithyendpoints "github.com/aws/smithy-go/endpoints"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

// service is an AWS service's name in faults and in settings.
type service struct {
	name     string  // name in a Fault
	variable env.Var // AWS_ENDPOINT_URL_...
	key      string  // key in a [services] section
}

var (
	portalService = service{"sso", env.AWSEndpointURLSSO, "sso"}
	oidcService   = service{"sso-oidc", env.AWSEndpointURLSSOOIDC, "sso_oidc"}
	ecrService    = service{"ecr", env.AWSEndpointURLECR, "ecr"}
	publicService = service{"ecr-public", env.AWSEndpointURLECRPublic, "ecr_public"}
	stsService    = service{"sts", env.AWSEndpointURLSTS, "sts"}
	signinService = service{"signin", env.AWSEndpointURLSignin, "signin"}
)

func serviceOf(reg registry.Registry) service {
	if reg.Service == registry.Public {
		return publicService
	}
	return ecrService
}

// Endpoint returns the URL of the API that issues r's tokens: an override, or r's API host,
// with FIPS and dual-stack as in r's name. It is part of the login cache key. The error is
// a *Fault with Kind InsecureEndpoint.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
func (c *Client) Endpoint(reg registry.Registry) (string, error) { return Endpoint(c.o, reg) }

// Endpoint does the same without a Client.
func Endpoint(o Options, reg registry.Registry) (string, error) {
	u, err := o.withActiveProfile().override(serviceOf(reg))
	if err != nil || u != "" {
		return u, err
	}
	return "https://" + reg.APIHost(), nil
}

func (o Options) withActiveProfile() Options {
	if o.Profile == "" {
		o.Profile = activeProfile(o.Env)
	}
	return o
}

// otherFIPSEndpoint returns the second name of an ECR FIPS endpoint, or "" for other
// endpoints. AWS's endpoint rules use api.ecr-fips.REGION; its older tables and its
// endpoints page use ecr-fips.REGION.
func otherFIPSEndpoint(endpoint string) string {
	if rest, ok := strings.CutPrefix(endpoint, "https://api.ecr-fips."); ok {
		return "https://ecr-fips." + rest
	}
	return ""
}

// OIDCEndpoint returns the base URL of sso-oidc in a region, without a trailing slash. The
// browser's /authorize page is below it. The error is a *Fault.
func (c *Client) OIDCEndpoint(region string) (string, error) {
	region = strings.ToLower(region) // as in host names
	u, err := c.regional(oidcService, region, func(ctx context.Context, fips, dual bool) (smithyendpoints.Endpoint, error) {
		return ssooidc.NewDefaultEndpointResolverV2().ResolveEndpoint(ctx, ssooidc.EndpointParameters{Region: &region, UseFIPS: &fips, UseDualStack: &dual})
	})
	return strings.TrimSuffix(u, "/"), err
}

// PortalEndpoint returns the base URL of the SSO portal in a region. The error is a *Fault.
func (c *Client) PortalEndpoint(region string) (string, error) {
	region = strings.ToLower(region)
	return c.regional(portalService, region, func(ctx context.Context, fips, dual bool) (smithyendpoints.Endpoint, error) {
		return sso.NewDefaultEndpointResolverV2().ResolveEndpoint(ctx, sso.EndpointParameters{Region: &region, UseFIPS: &fips, UseDualStack: &dual})
	})
}

// STSEndpoint returns the endpoint of STS. region applies if neither the environment nor
// the profile specifies one.
func (c *Client) STSEndpoint(region string) (string, error) {
	region = c.ownRegion(region)
	return c.regional(stsService, region, func(ctx context.Context, fips, dual bool) (smithyendpoints.Endpoint, error) {
		return sts.NewDefaultEndpointResolverV2().ResolveEndpoint(ctx, sts.EndpointParameters{Region: &region, UseFIPS: &fips, UseDualStack: &dual})
	})
}

// signinEndpoint returns the endpoint of the service that renews `aws login` sessions.
func (c *Client) signinEndpoint(region string) (string, error) {
	return c.regional(signinService, region, func(ctx context.Context, fips, dual bool) (smithyendpoints.Endpoint, error) {
		return signin.NewDefaultEndpointResolverV2().ResolveEndpoint(ctx, signin.EndpointParameters{Region: &region, UseFIPS: &fips, UseDualStack: &dual})
	})
}

// regional returns the override for a service's endpoint, or the endpoint in the SDK's
// rules for the region.
func (c *Client) regional(s service, region string, resolve func(ctx context.Context, fips, dual bool) (smithyendpoints.Endpoint, error)) (string, error) {
	u, err := c.o.override(s)
	if err != nil || u != "" {
		return u, err
	}
	// The SDK builds a host name from any text: oidc.s3.amazonaws.com is a bucket that
	// anyone may own (aws-sdk-net#4150).
	if !registry.IsRegion(region) {
		return "", &Fault{Kind: Other, Service: s.name, cause: fmt.Sprintf("%q is not a region", clean(region))}
	}
	e, err := resolve(context.Background(), c.o.fips(), c.o.dualStack())
	if err != nil {
		return "", &Fault{Kind: Other, Service: s.name, Err: err, cause: fmt.Sprintf("no %s endpoint in region %s with these FIPS and dual-stack settings", s.name, region)}
	}
	return e.URI.String(), nil
}

// fips and dualStack are the settings for SSO, STS and signin. ECR's endpoint depends on
// the registry's host name.
func (o Options) fips() bool { return o.flag(env.AWSUseFIPSEndpoint, "use_fips_endpoint") }

func (o Options) dualStack() bool {
	return o.flag(env.AWSUseDualStackEndpoint, "use_dualstack_endpoint")
}

func (o Options) flag(v env.Var, key string) bool {
	if o.Env.Get(v) != "" {
		return o.Env.True(v)
	}
	return strings.EqualFold(o.key(key), "true")
}

// override returns the service endpoint from a setting, or "" if there is none.
func (o Options) override(s service) (string, error) {
	for _, set := range o.settings(s) {
		if set.value == "" {
			continue
		}
		if why := whyInsecure(set.value); why != "" {
			return "", &Fault{Kind: InsecureEndpoint, Service: s.name, Variable: set.variable, Fix: o.editCommand(), cause: set.name() + " " + why}
		}
		return set.value, nil
	}
	return "", nil
}

// setting is a setting that may contain an endpoint.
type setting struct{ value, variable, where string }

func (s setting) name() string {
	if s.variable != "" {
		return s.variable
	}
	return s.where
}

// settings lists the settings for a service's endpoint. The first one that is set applies.
func (o Options) settings(s service) []setting {
	if o.ignored() {
		return nil
	}
	of := fmt.Sprintf(" of profile %q", o.Profile)
	return []setting{
		{value: o.Env.Get(s.variable), variable: s.variable.Name()},
		{value: o.Env.Get(env.AWSEndpointURL), variable: env.AWSEndpointURL.Name()},
		{value: o.section(s.key), where: s.key + " endpoint_url in the services" + of},
		{value: o.key("endpoint_url"), where: "endpoint_url" + of},
	}
}

func (o Options) ignored() bool {
	if o.Env.Get(env.AWSIgnoreEndpointURLs) != "" {
		return o.Env.True(env.AWSIgnoreEndpointURLs)
	}
	return strings.EqualFold(o.key("ignore_configured_endpoint_urls"), "true")
}

// editCommand returns the command that opens the AWS configuration file, or "" if there is
// none.
func (o Options) editCommand() string {
	if o.Config == nil || o.Config.Paths.Config == "" {
		return ""
	}
	return hint.EditCommand(o.Config.Paths.Config, o.Home, 0)
}

// section returns endpoint_url from the profile's [services] section.
func (o Options) section(key string) string {
	name := o.key("services")
	if name == "" || o.Config == nil {
		return ""
	}
	var found *awsconfig.Services
	for _, s := range o.Config.Services {
		if s.Name == name {
			found = s // the last one with this name, as in the SDK
		}
	}
	if found == nil {
		return ""
	}
	return found.Services[key]["endpoint_url"]
}

// whyInsecure returns why an endpoint is rejected, or "".
func whyInsecure(endpoint string) string {
	u, err := url.Parse(endpoint)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "" || u.Opaque != "" || u.Scheme != "https" && u.Scheme != "http":
		return "is not an http or https URL"
	case u.User != nil:
		return "contains a user name, which is not allowed"
	case u.RawQuery != "" || u.Fragment != "" || u.ForceQuery:
		return "contains a query or a fragment, which is not allowed"
	case u.Scheme == "http" && !IsLoopback(u.Hostname()):
		return "is plain http to another machine, which is not allowed"
	}
	return ""
}

// IsLoopback reports whether host, a URL's host without the port, is localhost or a
// loopback address. dial checks where the name leads.
func IsLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

// checkScheme is the last check before a connection: plain http is allowed only to this
// machine and to link-local services.
func (l *link) checkScheme(u *url.URL) error {
	if u.Scheme == "https" || u.Scheme == "http" && (IsLoopback(u.Hostname()) || isLinkLocal(u.Hostname())) {
		return nil
	}
	return &Fault{Kind: InsecureEndpoint, cause: clean(u.Scheme+"://"+u.Host) + " is plain http to another machine, which is not allowed"}
}

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
func (c *Client) RegistryPing(ctx context.Context, reg registry.Registry, auth Authorization) (status int, err error) {
	ctx, call, cancel := c.begin(ctx, "", "GET /v2/", retryNever)
	defer cancel()
	call.json = false
	url := "https://" + reg.Host + "/v2/"
	if reg.Service == registry.Public {
		// A public registry accepts only bearer tokens, and issues one for a login.
		url = "https://" + reg.Host + "/token/?scope=aws&service=" + reg.Host
	}
	if err = c.sendPlain(ctx, http.MethodGet, url, &auth); err != nil {
		return 0, call.fault(err)
	}
	return call.notes().status, nil
}

// sendPlain makes a request without the SDK. The response is in the call's notes.
func (c *Client) sendPlain(ctx context.Context, method, url string, auth *Authorization) error {
	req, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return &Fault{Kind: Other, cause: fmt.Sprintf("%q is not a URL", clean(url))}
	}
	if auth != nil {
		req.SetBasicAuth(auth.Username, auth.Password.Reveal())
	}
	req.Header.Set("User-Agent", "check") // the transport prepends our name; by default, Go sends its own
	resp, err := c.link.Do(req)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// EndpointSetting is the setting that overrides a service's endpoint: its description (""
// if there is none) and the command that removes it, or opens its file.
type EndpointSetting struct{ Name, Next string }

// OIDCSetting returns the setting that overrides the endpoint of sso-oidc.
func (c *Client) OIDCSetting() EndpointSetting { return c.o.endpointSetting(oidcService) }

// PortalSetting returns the setting that overrides the endpoint of the SSO portal.
func (c *Client) PortalSetting() EndpointSetting { return c.o.endpointSetting(portalService) }

// STSSetting returns the setting that overrides the endpoint of STS.
func (c *Client) STSSetting() EndpointSetting { return c.o.endpointSetting(stsService) }

// ECRSetting returns the setting that overrides the result of Endpoint.
func (c *Client) ECRSetting(reg registry.Registry) EndpointSetting {
	return c.o.withActiveProfile().endpointSetting(serviceOf(reg))
}

func (o Options) endpointSetting(s service) EndpointSetting {
	for _, set := range o.settings(s) {
		if set.value != "" {
			return EndpointSetting{set.name(), (&Fault{Variable: set.variable, Fix: o.editCommand()}).Next()}
		}
	}
	return EndpointSetting{}
}
