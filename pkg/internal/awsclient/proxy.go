package awsclient

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpproxy"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
)

// proxyRule returns the Proxy function of http.Transport: Go's own rule, applied to e.
// Only https uses a proxy, by CONNECT: plain http is for loopback and the metadata
// addresses, and a proxy would see its secrets.
func proxyRule(e env.Set) (func(*http.Request) (*url.URL, error), error) {
	source := env.HTTPSProxy
	if e.Get(source) == "" {
		source = env.HTTPSProxyLower
	}
	rule := httpproxy.Config{
		HTTPSProxy: escapeUser(e.Get(source)),
		NoProxy:    cmp.Or(e.Get(env.NoProxy), e.Get(env.NoProxyLower)),
	}
	if err := checkProxy(source, rule.HTTPSProxy); err != nil {
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

// checkProxy refuses addresses that the rule cannot use. Its error does not contain the
// address, which may have a password; the rule's own does.
func checkProxy(source env.Var, raw string) error {
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
	return &Fault{Kind: Network, Variable: source.Name(), cause: fmt.Sprintf("%s is not the address of a proxy", source.Name())}
}

// escapeUser escapes the characters that a URL does not allow in the user name and
// password of a proxy's address, such as a percent sign that begins no escape. The AWS
// CLI, curl and Python accept them unescaped.
func escapeUser(address string) string {
	start := 0
	if i := strings.Index(address, "://"); i >= 0 {
		start = i + len("://")
	}
	end := len(address)
	if i := strings.IndexAny(address[start:], "/?#"); i >= 0 {
		end = start + i
	}
	at := strings.LastIndexByte(address[start:end], '@')
	if at < 0 {
		return address
	}
	var user strings.Builder
	for i, c := range []byte(address[start : start+at]) {
		if c == '%' && isEscape(address[start+i:]) || c != '%' && allowedInUser(c) {
			user.WriteByte(c)
		} else {
			fmt.Fprintf(&user, "%%%02X", c)
		}
	}
	return address[:start] + user.String() + address[start+at:]
}

func isEscape(s string) bool {
	if len(s) < 3 {
		return false
	}
	_, err := strconv.ParseUint(s[1:3], 16, 8)
	return err == nil && s[1] != '+' && s[1] != '-'
}

// allowedInUser reports whether RFC 3986 allows c in userinfo; the percent sign excluded.
func allowedInUser(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~!$&'()*+,;=:", c) >= 0
}

func proxyScheme(s string) bool {
	return s == "http" || s == "https" || s == "socks5" || s == "socks5h"
}

// portOf returns the port of a URL.
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
