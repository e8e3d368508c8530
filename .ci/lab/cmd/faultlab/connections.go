//go:build linux

package main

import (
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// servicesOfGet lists the three services that a get may need. Each has the operation that
// is called and the state that causes the call.
var servicesOfGet = []struct {
	name, host string
	op         awstest.Op
	from       state
}{
	{"portal", `portal\.sso\.us-east-1\.amazonaws\.com`, awstest.GetRoleCredentials, signedIn},
	{"ecr", `api\.ecr\.us-east-1\.amazonaws\.com`, awstest.GetAuthorizationToken, signedIn},
	{"oidc", `oidc\.us-east-1\.amazonaws\.com`, awstest.CreateToken, expired},
}

// connections: F-net-1. The helper must fail within ten seconds with a cause that names
// the host.
func connections() []fault {
	var all []fault
	for _, sv := range servicesOfGet {
		row := func(id, what, cause string, f awstest.Fault) {
			w := refusal(cause, "docker-credential-ecr-sso (doctor|login)")
			used := f.Kind == awstest.LateReset || f.Kind == awstest.Cut
			all = append(all, fault{id: sv.name + "-" + id, family: "F-net-1", what: "at " + sv.name + ": " + what, from: sv.from,
				want: w, limit: 10 * time.Second, slow: true, quick: sv.name == "ecr", set: func(s *stage) {
					s.fail(sv.op, f)
					if used && sv.op == awstest.CreateToken {
						s.ignore(s.Home.TokenPath("corp")) // AWS has accepted the token, but the response is lost
					}
				}})
		}
		row("refused", "the proxy refuses the connection", sv.host, awstest.Fault{Kind: awstest.RefuseConnect})
		row("reset", "the connection is reset before the response", sv.host, awstest.Fault{Kind: awstest.Reset})
		row("late-reset", "the connection is reset after the request was handled", sv.host, awstest.Fault{Kind: awstest.LateReset})
		row("cut", "the response ends in the middle", sv.host, awstest.Fault{Kind: awstest.Cut})
		row("wrong-ca", "a certificate of an unknown authority (interception)", sv.host+".*unknown authority|certificate", awstest.Fault{Kind: awstest.WrongCA})
		row("expired-cert", "an expired certificate", sv.host+".*expired|certificate", awstest.Fault{Kind: awstest.ExpiredCert})
		row("wrong-host", "a certificate for another host", sv.host+".*another host|certificate", awstest.Fault{Kind: awstest.WrongHost})
		row("old-tls", "TLS 1.0", sv.host+`.*TLS|TLS`, awstest.Fault{Kind: awstest.OldTLS})
	}
	once := func(id, what string, from state, op awstest.Op, kind awstest.Kind) fault {
		return fault{id: id, family: "F-net-1", what: what, from: from, want: is(answered), slow: true, quick: true,
			set: func(s *stage) { s.fail(op, awstest.Fault{Kind: kind, Times: 1}) }}
	}
	return append(all,
		once("portal-reset-once", "at portal: the first connection is reset", signedIn, awstest.GetRoleCredentials, awstest.Reset),
		once("ecr-reset-once", "at ecr: the first connection is reset", signedIn, awstest.GetAuthorizationToken, awstest.Reset),
		once("ecr-cut-once", "at ecr: the first response ends in the middle", signedIn, awstest.GetAuthorizationToken, awstest.Cut),
		rooted(fault{id: "no-network", family: "F-net-1", what: "there is no network, not even loopback", want: refusal("proxy|connect", ""),
			limit: 10 * time.Second, quick: true, set: func(s *stage) { s.under("unshare", "--net") }}),
		rooted(fault{id: "no-dns", family: "F-net-1", what: "no name can be resolved", want: refusal("cannot resolve portal", ""),
			limit: 20 * time.Second, slow: true, set: func(s *stage) { s.env("HTTPS_PROXY"); s.under("unshare", "--net") }}),
		rooted(fault{id: "warm-no-network", family: "F-net-1", what: "there is no network and the login is in the cache", from: warmed,
			want: is(answered), limit: local, quick: true, set: func(s *stage) { s.under("unshare", "--net") }}),
		fault{id: "warm-aws-down", family: "F-net-1", what: "AWS is down and the login is in the cache", from: warmed,
			want: is(answered), limit: local, quick: true, set: func(s *stage) { s.fail(awstest.Any, awstest.Fault{Kind: awstest.Status, Status: 500}) }},
		fault{id: "stale-aws-down", family: "F-net-1", what: "AWS is down and the cached login has expired", from: warmed,
			aws: awstest.Options{PasswordTTL: 2 * time.Second}, want: refusal("500|ServerException", ""), slow: true, quick: true,
			set: func(s *stage) {
				time.Sleep(2200 * time.Millisecond)
				s.fail(awstest.ECR, awstest.Fault{Kind: awstest.Status, Status: 500})
			}},
		fault{id: "ecr-dropped", family: "F-net-9", what: "the preopened connection to ECR is lost while the portal is slow", want: is(answered),
			quick: true, slow: true, set: func(s *stage) {
				s.fail(awstest.GetRoleCredentials, awstest.Fault{Kind: awstest.Delay, Delay: 600 * time.Millisecond})
				time.AfterFunc(400*time.Millisecond, func() { s.fail(awstest.ECR, awstest.Fault{Kind: awstest.DropConnection}) })
			}},
	)
}
