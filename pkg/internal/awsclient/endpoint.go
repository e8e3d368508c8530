package awsclient

import (
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/signin"
	"github.com/aws/aws-sdk-go-v2/service/sso"
	"github.com/aws/aws-sdk-go-v2/service/ssooidc"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	smithyendpoints "github.com/aws/smithy-go/endpoints"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

// service is the name of an AWS service in our faults and in settings.
type service struct {
	name     string  // in a Fault
	variable env.Var // AWS_ENDPOINT_URL_...
	key      string  // in a [services] section
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

// Endpoint returns the URL of the API that issues r's tokens: an override, or the API
// host of r, with FIPS and dual stack as in the name of r. It is a part of the token
// cache's key. The error is a *Fault, Kind InsecureEndpoint.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
func (c *Client) Endpoint(reg registry.Registry) (string, error) { return Endpoint(c.o, reg) }

// Endpoint is the same before there is a Client.
func Endpoint(o Options, reg registry.Registry) (string, error) {
	if o.Profile == "" {
		o.Profile = activeProfile(o.Env)
	}
	u, err := o.override(serviceOf(reg))
	if err != nil || u != "" {
		return u, err
	}
	return "https://" + reg.APIHost(), nil
}

// otherFIPSEndpoint returns the second name of a FIPS endpoint of ECR, "" for other
// endpoints. AWS's endpoint rules say api.ecr-fips.REGION; its older tables and its
// endpoints page say ecr-fips.REGION.
func otherFIPSEndpoint(endpoint string) string {
	if rest, ok := strings.CutPrefix(endpoint, "https://api.ecr-fips."); ok {
		return "https://ecr-fips." + rest
	}
	return ""
}

// OIDCEndpoint returns the base URL of sso-oidc in a region, without a slash at the end:
// the browser's /authorize page is below it. The error is a *Fault.
func (c *Client) OIDCEndpoint(region string) (string, error) {
	region = strings.ToLower(region) // as it is in a host name
	u, err := c.regional(oidcService, region, func(ctx context.Context, fips, dual bool) (smithyendpoints.Endpoint, error) {
		return ssooidc.NewDefaultEndpointResolverV2().ResolveEndpoint(ctx, ssooidc.EndpointParameters{Region: &region, UseFIPS: &fips, UseDualStack: &dual})
	})
	return strings.TrimSuffix(u, "/"), err
}

// PortalEndpoint returns the base URL of the SSO portal in a region. The error is a
// *Fault.
func (c *Client) PortalEndpoint(region string) (string, error) {
	region = strings.ToLower(region)
	return c.regional(portalService, region, func(ctx context.Context, fips, dual bool) (smithyendpoints.Endpoint, error) {
		return sso.NewDefaultEndpointResolverV2().ResolveEndpoint(ctx, sso.EndpointParameters{Region: &region, UseFIPS: &fips, UseDualStack: &dual})
	})
}

// stsEndpoint is the same for STS.
func (c *Client) stsEndpoint(region string) (string, error) {
	return c.regional(stsService, region, func(ctx context.Context, fips, dual bool) (smithyendpoints.Endpoint, error) {
		return sts.NewDefaultEndpointResolverV2().ResolveEndpoint(ctx, sts.EndpointParameters{Region: &region, UseFIPS: &fips, UseDualStack: &dual})
	})
}

// signinEndpoint is the same for the service that renews `aws login` sessions.
func (c *Client) signinEndpoint(region string) (string, error) {
	return c.regional(signinService, region, func(ctx context.Context, fips, dual bool) (smithyendpoints.Endpoint, error) {
		return signin.NewDefaultEndpointResolverV2().ResolveEndpoint(ctx, signin.EndpointParameters{Region: &region, UseFIPS: &fips, UseDualStack: &dual})
	})
}

// regional returns the override of a service's endpoint, else the endpoint that the SDK's
// rules give for the region.
func (c *Client) regional(s service, region string, resolve func(ctx context.Context, fips, dual bool) (smithyendpoints.Endpoint, error)) (string, error) {
	u, err := c.o.override(s)
	if err != nil || u != "" {
		return u, err
	}
	// The SDK makes a host name of any text: oidc.s3.amazonaws.com is a bucket that
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

// fips and dualStack are the switches for SSO, STS and signin. ECR's endpoint follows the
// host name of the registry.
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

// override returns the endpoint of a service that a setting names, "" without one.
func (o Options) override(s service) (string, error) {
	for _, set := range o.settings(s) {
		if set.value == "" {
			continue
		}
		if why := whyInsecure(set.value); why != "" {
			return "", &Fault{Kind: InsecureEndpoint, Service: s.name, Variable: set.variable, cause: set.name() + " " + why}
		}
		return set.value, nil
	}
	return "", nil
}

// setting is a place that may hold an endpoint.
type setting struct{ value, variable, where string }

func (s setting) name() string {
	if s.variable != "" {
		return s.variable
	}
	return s.where
}

// settings lists the settings of a service's endpoint. The first that is set is used.
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

// section returns endpoint_url in the [services] section that the profile names.
func (o Options) section(key string) string {
	name := o.key("services")
	if name == "" || o.Config == nil {
		return ""
	}
	var found *awsconfig.Services
	for _, s := range o.Config.Services {
		if s.Name == name {
			found = s // the last one of a name, as in the SDK
		}
	}
	if found == nil {
		return ""
	}
	return found.Services[key]["endpoint_url"]
}

// whyInsecure returns why an endpoint is refused, "" when it is not.
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

// IsLoopback reports whether host, the host of a URL without its port, is the name
// localhost or a loopback address. dial checks where the name leads.
func IsLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

// checkScheme is the last check before a connection: plain http is for this machine and
// link-local services only.
func (l *link) checkScheme(u *url.URL) error {
	if u.Scheme == "https" || u.Scheme == "http" && (IsLoopback(u.Hostname()) || isLinkLocal(u.Hostname())) {
		return nil
	}
	return &Fault{Kind: InsecureEndpoint, cause: clean(u.Scheme+"://"+u.Host) + " is plain http to another machine, which is not allowed"}
}
