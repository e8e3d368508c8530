package awsclient

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/env"
)

// proxyRule returns what http.Transport asks for a proxy. Only https goes
// through one, by CONNECT: plain http is for loopback and the metadata
// addresses, and a proxy would see its secrets.
//
// The rule is Go's (golang.org/x/net/http/httpproxy), applied to the Env we were
// given. The lower-case names have no row in env; for them Go's own function
// answers, from the process environment.
func proxyRule(e env.Set) (func(*http.Request) (*url.URL, error), error) {
	raw := e.Get(env.HTTPSProxy)
	if raw == "" {
		return onlyHTTPS(http.ProxyFromEnvironment), nil
	}
	proxy, err := parseProxy(raw)
	if err != nil {
		return nil, err
	}
	none := parseNoProxy(e.Get(env.NoProxy))
	return onlyHTTPS(func(r *http.Request) (*url.URL, error) {
		if none.covers(r.URL.Hostname(), portOf(r.URL)) {
			return nil, nil
		}
		return proxy, nil
	}), nil
}

func onlyHTTPS(next func(*http.Request) (*url.URL, error)) func(*http.Request) (*url.URL, error) {
	return func(r *http.Request) (*url.URL, error) {
		if r.URL.Scheme != "https" {
			return nil, nil
		}
		return next(r)
	}
}

// parseProxy takes a URL or HOST:PORT. Its error never shows the value, which
// may hold a password.
func parseProxy(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || !proxyScheme(u.Scheme) {
		if u, err = url.Parse("http://" + raw); err != nil || u.Host == "" {
			return nil, &Fault{Kind: Network, cause: fmt.Sprintf("%s is not the address of a proxy", env.HTTPSProxy.Name())}
		}
	}
	return u, nil
}

func proxyScheme(s string) bool {
	return s == "http" || s == "https" || s == "socks5" || s == "socks5h"
}

// noProxy is a NO_PROXY list: "*", domains (with their subdomains; only
// subdomains after a leading dot or "*."), addresses, networks, each with an
// optional port.
type noProxy struct {
	all   bool
	nets  []netip.Prefix
	hosts []noProxyHost
}

type noProxyHost struct {
	name, port string
	subOnly    bool
	ip         netip.Addr
}

func parseNoProxy(s string) (n noProxy) {
	for item := range strings.SplitSeq(s, ",") {
		item = strings.ToLower(strings.TrimSpace(item))
		if item == "*" {
			return noProxy{all: true}
		}
		if p, err := netip.ParsePrefix(item); err == nil {
			n.nets = append(n.nets, p.Masked())
			continue
		}
		var h noProxyHost
		h.name = item
		if host, port, err := net.SplitHostPort(item); err == nil {
			h.name, h.port = host, port
		}
		h.name = strings.Trim(h.name, "[]")
		h.ip, _ = netip.ParseAddr(h.name)
		if rest, ok := strings.CutPrefix(strings.TrimPrefix(h.name, "*"), "."); ok {
			h.name, h.subOnly = rest, true
		}
		if h.name != "" {
			n.hosts = append(n.hosts, h)
		}
	}
	return n
}

// covers reports whether host is reached without the proxy; localhost and
// loopback addresses always are.
func (n noProxy) covers(host, port string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	ip, err := netip.ParseAddr(host)
	isIP := err == nil
	if n.all || host == "localhost" || isIP && ip.IsLoopback() {
		return true
	}
	for _, p := range n.nets {
		if isIP && p.Contains(ip.Unmap()) {
			return true
		}
	}
	for _, h := range n.hosts {
		if h.port != "" && h.port != port {
			continue
		}
		switch {
		case isIP:
			if h.ip.IsValid() && h.ip.Unmap() == ip.Unmap() {
				return true
			}
		case strings.HasSuffix(host, "."+h.name), host == h.name && !h.subOnly:
			return true
		}
	}
	return false
}

func portOf(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	if u.Scheme == "https" {
		return "443"
	}
	return "80"
}
