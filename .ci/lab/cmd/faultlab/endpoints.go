//go:build linux

package main

import (
	"net"
	"strings"

	"github.com/ecr-sso/docker-credential-ecr-sso/lab"
)

// endpoints: F-net-8: endpoint overrides. Secrets are sent only over https or to
// loopback.
func endpoints() []fault {
	row := func(id, what string, w want, set func(s *stage)) fault {
		return fault{id: "endpoint-" + id, family: "F-net-8", what: what, want: w, quick: true, set: set}
	}
	var all []fault
	for _, name := range []string{"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SSO", "AWS_ENDPOINT_URL_ECR"} {
		all = append(all, row("http-"+slug(strings.TrimPrefix(name, "AWS_ENDPOINT_")), name+" is plain http to another address",
			refusal(name+".*plain http", "unset "+name), func(s *stage) {
				s.env(name + "=http://" + s.eavesdrop())
			}))
	}
	oidc := row("http-oidc", "AWS_ENDPOINT_URL_SSO_OIDC is plain http and the session has to be renewed",
		refusal("AWS_ENDPOINT_URL_SSO_OIDC.*plain http", "unset AWS_ENDPOINT_URL_SSO_OIDC"), func(s *stage) {
			s.env("AWS_ENDPOINT_URL_SSO_OIDC=http://" + s.eavesdrop())
		})
	oidc.from = expired
	return append(all, oidc,
		row("profile", "endpoint_url of the profile is plain http to another address", refusal("plain http", `\$\{EDITOR:-vi\} `), func(s *stage) {
			s.Home.WriteConfig("[profile prod]\nsso_session = corp\nsso_account_id = " + lab.Account + "\nsso_role_name = Push\nregion = us-east-1\nendpoint_url = http://" +
				s.eavesdrop() + "\n[sso-session corp]\nsso_start_url = " + lab.StartURL + "\nsso_region = us-east-1\n")
		}),
		row("malformed", "AWS_ENDPOINT_URL is not a URL", refusal("AWS_ENDPOINT_URL", "unset AWS_ENDPOINT_URL"), func(s *stage) { s.env("AWS_ENDPOINT_URL=https://[::1") }),
		row("scheme", "AWS_ENDPOINT_URL is a file URL", refusal("AWS_ENDPOINT_URL", "unset AWS_ENDPOINT_URL"), func(s *stage) { s.env("AWS_ENDPOINT_URL=file:///etc/passwd") }),
		row("userinfo", "AWS_ENDPOINT_URL has a user and a password", refusal("AWS_ENDPOINT_URL", "unset AWS_ENDPOINT_URL"), func(s *stage) {
			s.canary = append(s.canary, proxySecret)
			s.env("AWS_ENDPOINT_URL=https://person:" + proxySecret + "@127.0.0.1:1/")
		}),
		row("down", "AWS_ENDPOINT_URL_ECR is a closed loopback port", refusal("127.0.0.1:1.*refused", ""), func(s *stage) {
			s.env("AWS_ENDPOINT_URL_ECR=http://127.0.0.1:1")
		}),
		row("loopback", "every endpoint is plain http to loopback, which is allowed", is(answered), func(s *stage) { s.env(s.AWS.EndpointEnv()...) }),
		row("ignored", "AWS_ENDPOINT_URL is bad, but is to be ignored", is(answered), func(s *stage) {
			s.env("AWS_ENDPOINT_URL=http://example.com", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true")
		}),
	)
}

// eavesdrop listens on a non-loopback address of this machine. Packets do not leave the
// machine. A secret that arrives there is a leak.
func (s *stage) eavesdrop() string {
	where := ""
	addresses, err := net.InterfaceAddrs()
	s.must(err)
	for _, a := range addresses {
		if ip, ok := a.(*net.IPNet); ok && ip.IP.To4() != nil && !ip.IP.IsLoopback() {
			where = ip.IP.String()
		}
	}
	if where == "" {
		return "192.0.2.1"
	}
	return s.listenAt(where+":0", s.record)
}

// record saves the data that a client sends and responds with 404.
func (s *stage) record(c net.Conn) {
	buf := make([]byte, 64<<10)
	n, _ := c.Read(buf)
	s.mu.Lock()
	s.received = append(s.received, string(buf[:n]))
	s.mu.Unlock()
	_, _ = c.Write([]byte("HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"))
}
