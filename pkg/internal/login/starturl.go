package login

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

// resolveTimeout is the limit for following a vanity start URL.
const resolveTimeout = 10 * time.Second

// ErrNoRedirect means that a start URL is not on an AWS host and does not lead to one.
var ErrNoRedirect = errors.New("is not an AWS access portal and does not redirect to one")

// StartURL is the portal that a configured start URL leads to.
type StartURL struct {
	URL    string // the AWS portal's start URL, for the sign-in service
	Region string // the SSO region in its host name; "": none
	Vanity bool   // URL is the target of a redirect
}

// ResolveStartURL follows a vanity start URL (a company host that redirects to its portal)
// like the AWS CLI since 2.35.13: it sends HEAD, or GET if the host returns 405 or 501, and
// follows one redirect, whose target must be https on an AWS host. A start URL on an AWS
// host is returned unchanged, without a request. The errors contain the start URL; the
// error is ErrNoRedirect if the host does not redirect.
func ResolveStartURL(ctx context.Context, client *http.Client, startURL string) (StartURL, error) {
	u, err := url.Parse(startURL)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http" {
		return StartURL{}, fmt.Errorf("start URL %q is not a valid URL", startURL)
	}
	if portalSuffix(u.Hostname()) != "" {
		return StartURL{URL: startURL, Region: hostRegion(u.Hostname())}, nil
	}
	if client == nil {
		return StartURL{}, fmt.Errorf("start URL %s: %w", startURL, ErrNoRedirect)
	}
	ctx, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	status, target, err := redirect(ctx, client, http.MethodHead, startURL)
	if err == nil && (status == http.StatusMethodNotAllowed || status == http.StatusNotImplemented) {
		_, target, err = redirect(ctx, client, http.MethodGet, startURL)
	}
	if err != nil {
		return StartURL{}, fmt.Errorf("start URL %s: %w", startURL, err)
	}
	if target == nil {
		return StartURL{}, fmt.Errorf("start URL %s %w", startURL, ErrNoRedirect)
	}
	if target.Scheme != "https" || target.User != nil || portalSuffix(target.Hostname()) == "" || target.Port() != "" {
		return StartURL{}, fmt.Errorf("start URL %s redirects to %q, which is not an AWS access portal",
			startURL, hint.Clean(target.Scheme+"://"+target.Host, 100))
	}
	return StartURL{URL: target.String(), Region: hostRegion(target.Hostname()), Vanity: true}, nil
}

// redirect sends one request and returns the status and, for a redirect, its target.
func redirect(ctx context.Context, client *http.Client, method, from string) (int, *url.URL, error) {
	once := *client
	once.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	req, err := http.NewRequestWithContext(ctx, method, from, nil)
	if err != nil {
		return 0, nil, err
	}
	resp, err := once.Do(req)
	if err != nil {
		// The client's error repeats the method and URL; the caller adds the URL.
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err
		}
		return 0, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	switch resp.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		target, err := resp.Location()
		if err != nil {
			return resp.StatusCode, nil, err
		}
		return resp.StatusCode, target, nil
	}
	return resp.StatusCode, nil, nil
}

// portalSuffixes and portalHosts are the IAM Identity Center hosts that AWS owns (AWS CLI,
// customizations/sso). "*.amazonaws.com" is not included: anyone can have an S3 bucket
// there.
var (
	portalSuffixes = []string{
		".app.aws", ".portal.amazonaws.com", ".portal.amazonaws.com.cn", ".app.amazonwebservices.com.cn",
		".portal.amazonaws.eu", ".api.amazonwebservices.eu", ".awsapps.com", ".awsapps.cn",
	}
	portalHosts = []string{
		"identitycenter.amazonaws.com", "identitycenter.amazonaws.com.cn",
		"identitycenter.amazonaws.eu", "identitycenter.us-gov.amazonaws.com",
	}
	deviceHost = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^device\.sso\.([a-z0-9-]+)\.amazonaws\.(com|com\.cn|eu)$`)
	})
)

// portalSuffix returns host's portal suffix, host itself if it is in portalHosts, or "" for
// a non-AWS host.
func portalSuffix(host string) string {
	if !plainHost(host) {
		return ""
	}
	host = strings.ToLower(host)
	for _, h := range portalHosts {
		if host == h {
			return h
		}
	}
	for _, s := range portalSuffixes {
		if strings.HasSuffix(host, s) && len(host) > len(s) {
			return s
		}
	}
	return ""
}

// plainHost reports whether host consists of dot-separated labels of ASCII letters, digits
// and hyphens. Browsers and resolvers disagree about other characters: some end the host at
// a semicolon or a backslash.
func plainHost(host string) bool {
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || strings.Trim(label, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return false
		}
	}
	return true
}

// hostRegion returns the region in a portal's host, such as
// ssoins-1234.portal.eu-west-1.app.aws: the label before the suffix. Customers choose the
// names below awsapps, which can look like a region.
func hostRegion(host string) string {
	host = strings.ToLower(host)
	suffix := portalSuffix(host)
	if suffix == "" || suffix == host || strings.HasPrefix(suffix, ".awsapps.") {
		return ""
	}
	labels := strings.Split(strings.TrimSuffix(host, suffix), ".")
	if last := labels[len(labels)-1]; len(labels) > 1 && registry.IsRegion(last) {
		return last
	}
	return ""
}

// trusted reports whether a verification URL from the server may be opened: https on an AWS
// portal, on the sign-in region's device page or on the configured start URL's host, or the
// loopback address that is configured as the sign-in endpoint.
func trusted(rawURL, startURL, endpoint, region string) bool {
	u, err := url.Parse(rawURL)
	if err != nil || u.User != nil || u.Host == "" {
		return false
	}
	if own, err := url.Parse(endpoint); err == nil && awsclient.IsLoopback(own.Hostname()) && u.Scheme == own.Scheme && u.Host == own.Host {
		return true
	}
	if !plainHost(u.Hostname()) || u.Scheme != "https" || u.Port() != "" && u.Port() != "443" {
		return false
	}
	host := strings.ToLower(u.Hostname())
	if m := deviceHost().FindStringSubmatch(host); m != nil && m[1] == region {
		return true
	}
	start, err := url.Parse(startURL)
	return portalSuffix(host) != "" || err == nil && start.Scheme == "https" && strings.EqualFold(start.Hostname(), host)
}
