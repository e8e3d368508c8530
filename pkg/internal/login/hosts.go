package login

import (
	"net/url"
	"regexp"
	"strings"
	"sync"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
)

// portalSuffixes and portalHosts are the addresses of IAM Identity Center that
// AWS owns (AWS CLI, customizations/sso). Never "*.amazonaws.com": anyone can
// own a bucket there.
var (
	portalSuffixes = []string{
		".app.aws", ".portal.amazonaws.com", ".portal.amazonaws.com.cn", ".app.amazonwebservices.com.cn",
		".portal.amazonaws.eu", ".api.amazonwebservices.eu", ".awsapps.com", ".awsapps.cn",
	}
	portalHosts = []string{
		"identitycenter.amazonaws.com", "identitycenter.amazonaws.com.cn",
		"identitycenter.amazonaws.eu", "identitycenter.us-gov.amazonaws.com",
	}
	regionLabel = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z]{2,4}(-[a-z]+){1,2}-[0-9]{1,2}$`) })
	deviceHost  = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^device\.sso\.([a-z0-9-]+)\.amazonaws\.(com|com\.cn|eu)$`)
	})
)

// portalSuffix returns the suffix by which AWS owns host, the host itself for
// those named in full, "" for all others.
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

// plainHost reports whether a host consists of labels of ASCII letters, digits and
// hyphens, and of dots between them. Browsers and resolvers read other characters in
// their own ways: some end the host at a semicolon or a backslash.
func plainHost(host string) bool {
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || strings.Trim(label, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return false
		}
	}
	return true
}

// hostRegion finds the region in a portal's host, such as
// ssoins-1234.portal.eu-west-1.app.aws: the label before the suffix. The names
// under awsapps are the customers' own and may look like a region.
func hostRegion(host string) string {
	host = strings.ToLower(host)
	suffix := portalSuffix(host)
	if suffix == "" || suffix == host || strings.HasPrefix(suffix, ".awsapps.") {
		return ""
	}
	labels := strings.Split(strings.TrimSuffix(host, suffix), ".")
	if last := labels[len(labels)-1]; len(labels) > 1 && regionLabel().MatchString(last) {
		return last
	}
	return ""
}

// trusted reports whether the verification URL that a server named may be
// opened: https at a host of AWS's, of the sign-in region, or of the start URL
// the person configured; or the very loopback address that the person set as
// the sign-in endpoint.
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
