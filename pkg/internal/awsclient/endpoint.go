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

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

// service is how the settings name one of the services.
type service struct {
	name     string  // ours, in a Fault
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

func serviceOf(r registry.Registry) service {
	if r.Service == registry.Public {
		return publicService
	}
	return ecrService
}

// Endpoint returns the URL of the API that issues r's tokens: an override, or
// the API host of r itself, FIPS and dual-stack as its name says. It is a part
// of the token cache's key. The error is a *Fault, Kind InsecureEndpoint.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
func (c *Client) Endpoint(r registry.Registry) (string, error) { return Endpoint(c.o, r) }

// Endpoint is the same for a Client that need not be there yet.
func Endpoint(o Options, r registry.Registry) (string, error) {
	if o.Profile == "" {
		o.Profile = activeProfile(o.Env)
	}
	u, err := o.override(serviceOf(r))
	if err != nil || u != "" {
		return u, err
	}
	return "https://" + r.APIHost(), nil
}

// olderEndpoint returns the other name of a FIPS endpoint of ECR, "" without one. AWS's
// endpoint rules say api.ecr-fips.REGION; its older tables and its endpoints page say
// ecr-fips.REGION.
func olderEndpoint(endpoint string) string {
	if rest, ok := strings.CutPrefix(endpoint, "https://api.ecr-fips."); ok {
		return "https://ecr-fips." + rest
	}
	return ""
}

// OIDCEndpoint returns the base URL of sso-oidc in a region, without a slash at
// the end: where the browser's /authorize page is.
func (c *Client) OIDCEndpoint(region string) (string, error) {
	u, err := c.o.override(oidcService)
	if err != nil || u != "" {
		return strings.TrimSuffix(u, "/"), err
	}
	region = strings.ToLower(region) // as it is in a host name
	if err := checkRegion(oidcService, region); err != nil {
		return "", err
	}
	fips, dual := c.o.flags()
	e, err := ssooidc.NewDefaultEndpointResolverV2().ResolveEndpoint(context.Background(),
		ssooidc.EndpointParameters{Region: &region, UseFIPS: &fips, UseDualStack: &dual})
	if err != nil {
		return "", noEndpoint(oidcService, region, err)
	}
	return e.URI.String(), nil
}

// portalEndpoint is the same for the SSO portal.
func (c *Client) portalEndpoint(region string) (string, error) {
	u, err := c.o.override(portalService)
	if err != nil || u != "" {
		return u, err
	}
	region = strings.ToLower(region)
	if err := checkRegion(portalService, region); err != nil {
		return "", err
	}
	fips, dual := c.o.flags()
	e, err := sso.NewDefaultEndpointResolverV2().ResolveEndpoint(context.Background(),
		sso.EndpointParameters{Region: &region, UseFIPS: &fips, UseDualStack: &dual})
	if err != nil {
		return "", noEndpoint(portalService, region, err)
	}
	return e.URI.String(), nil
}

// stsEndpoint is the same for STS.
func (c *Client) stsEndpoint(region string) (string, error) {
	u, err := c.o.override(stsService)
	if err != nil || u != "" {
		return u, err
	}
	if err := checkRegion(stsService, region); err != nil {
		return "", err
	}
	fips, dual := c.o.flags()
	e, err := sts.NewDefaultEndpointResolverV2().ResolveEndpoint(context.Background(),
		sts.EndpointParameters{Region: &region, UseFIPS: &fips, UseDualStack: &dual})
	if err != nil {
		return "", noEndpoint(stsService, region, err)
	}
	return e.URI.String(), nil
}

// signinEndpoint is the same for the service behind `aws login`.
func (c *Client) signinEndpoint(region string) (string, error) {
	u, err := c.o.override(signinService)
	if err != nil || u != "" {
		return u, err
	}
	if err := checkRegion(signinService, region); err != nil {
		return "", err
	}
	fips, dual := c.o.flags()
	e, err := signin.NewDefaultEndpointResolverV2().ResolveEndpoint(context.Background(),
		signin.EndpointParameters{Region: &region, UseFIPS: &fips, UseDualStack: &dual})
	if err != nil {
		return "", noEndpoint(signinService, region, err)
	}
	return e.URI.String(), nil
}

func noEndpoint(s service, region string, err error) error {
	return &Fault{Kind: Other, Service: s.name, Err: err, cause: fmt.Sprintf("no %s endpoint in region %s with these FIPS and dual-stack settings", s.name, region)}
}

// checkRegion refuses what is no region before the SDK makes a host name of it:
// oidc.s3.amazonaws.com is somebody's bucket (aws-sdk-net#4150).
func checkRegion(s service, region string) error {
	parts := strings.Split(region, "-")
	last := len(parts) - 1
	ok := len(region) <= 63 && last >= 2 && len(parts[0]) >= 2 && only(parts[last], "0123456789") && !strings.Contains(region, "fips")
	for _, p := range parts[:last] {
		ok = ok && only(p, "abcdefghijklmnopqrstuvwxyz")
	}
	if ok {
		return nil
	}
	return &Fault{Kind: Other, Service: s.name, cause: fmt.Sprintf("%q is not a region", clean(region))}
}

func only(s, set string) bool { return s != "" && strings.Trim(s, set) == "" }

// flags are the FIPS and dual-stack switches for SSO. ECR follows the
// registry's host name instead.
func (o Options) flags() (fips, dual bool) {
	flag := func(v env.Var, key string) bool {
		if o.Env.Get(v) != "" {
			return o.Env.True(v)
		}
		return strings.EqualFold(o.key(key), "true")
	}
	return flag(env.AWSUseFIPSEndpoint, "use_fips_endpoint"), flag(env.AWSUseDualStackEndpoint, "use_dualstack_endpoint")
}

// override returns the endpoint that the settings put in place of a service's
// own, "" without one.
func (o Options) override(s service) (string, error) {
	for _, set := range o.settings(s) {
		if set.value == "" {
			continue
		}
		if why := insecure(set.value); why != "" {
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

// settings lists the places for a service's endpoint, the strongest first.
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

// section looks up endpoint_url in the [services] section that the profile
// names.
func (o Options) section(key string) string {
	name := o.key("services")
	if name == "" || o.Config == nil {
		return ""
	}
	var found *awsconfig.Services
	for _, s := range o.Config.Services {
		if s.Name == name {
			found = s // the last one counts, as in the SDK
		}
	}
	if found == nil {
		return ""
	}
	return found.Services[key]["endpoint_url"]
}

// insecure says why an endpoint is not used, "" when it is fine.
func insecure(endpoint string) string {
	u, err := url.Parse(endpoint)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "" || u.Opaque != "" || u.Scheme != "https" && u.Scheme != "http":
		return "is not an http or https URL, refused"
	case u.User != nil:
		return "holds a user name, refused"
	case u.RawQuery != "" || u.Fragment != "" || u.ForceQuery:
		return "holds a query or a fragment, refused"
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return "is plain http to another machine, refused"
	}
	return ""
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

// metadataNets are where container and instance credentials come from; plain
// http there never leaves the machine's own network.
var metadataNets = [...]netip.Prefix{
	netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("fd00:ec2::/32"),
}

// guard is the last check before a packet: plain http goes to this machine only.
func (l *link) guard(u *url.URL) error {
	if u.Scheme == "https" || u.Scheme == "http" && isLoopback(u.Hostname()) {
		return nil
	}
	if ip, err := netip.ParseAddr(u.Hostname()); err == nil && u.Scheme == "http" {
		for _, p := range metadataNets {
			if p.Contains(ip.Unmap()) {
				return nil
			}
		}
	}
	return &Fault{Kind: InsecureEndpoint, cause: clean(u.Scheme+"://"+u.Host) + " is plain http to another machine, refused"}
}
