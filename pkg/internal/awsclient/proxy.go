package awsclient

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/http/httpproxy"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
)

// proxyRule returns what http.Transport asks for a proxy: Go's own rule, applied
// to the Env we were given. Only https goes through one, by CONNECT: plain http
// is for loopback and the metadata addresses, and a proxy would see its secrets.
func proxyRule(e env.Set) (func(*http.Request) (*url.URL, error), error) {
	rule := httpproxy.Config{
		HTTPSProxy: cmp.Or(e.Get(env.HTTPSProxy), e.Get(env.HTTPSProxyLower)),
		NoProxy:    cmp.Or(e.Get(env.NoProxy), e.Get(env.NoProxyLower)),
	}
	if err := checkProxy(rule.HTTPSProxy); err != nil {
		return nil, err
	}
	proxy := rule.ProxyFunc()
	return func(r *http.Request) (*url.URL, error) {
		if r.URL.Scheme != "https" {
			return nil, nil
		}
		return proxy(r.URL)
	}, nil
}

// checkProxy refuses what the rule could not use. Its error never shows the
// value, which may hold a password; the rule's own does.
func checkProxy(raw string) error {
	if raw == "" {
		return nil
	}
	text := raw
	if !strings.Contains(raw, "://") {
		text = "http://" + raw
	}
	if u, err := url.Parse(text); err == nil && u.Hostname() != "" && proxyScheme(u.Scheme) {
		return nil
	}
	return &Fault{Kind: Network, cause: fmt.Sprintf("%s is not the address of a proxy", env.HTTPSProxy.Name())}
}

func proxyScheme(s string) bool {
	return s == "http" || s == "https" || s == "socks5" || s == "socks5h"
}

// portOf is the port that a URL leads to.
func portOf(u *url.URL) string {
	switch port := u.Port(); {
	case port != "":
		return port
	case u.Scheme == "https":
		return "443"
	default:
		return "80"
	}
}
