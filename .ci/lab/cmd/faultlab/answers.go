//go:build linux

package main

import (
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// badAnswers: F-net-2, 3 and 5: the response is not from AWS, or it never ends.
func badAnswers() []fault {
	var all []fault
	for _, sv := range servicesOfGet {
		row := func(id, family, what, cause string, f awstest.Fault) *fault {
			all = append(all, fault{id: sv.name + "-" + id, family: family, what: "at " + sv.name + ": " + what, from: sv.from,
				want: refusal(cause, "docker-credential-ecr-sso (doctor|login)"), quick: sv.name == "ecr",
				calls: map[awstest.Op]int{sv.op: 3}, set: func(s *stage) {
					s.fail(sv.op, f)
					if sv.op == awstest.CreateToken && lost(f.Kind) {
						s.ignore(s.Home.TokenPath("corp")) // AWS has accepted the token, but the response is lost
					}
				}})
			return &all[len(all)-1]
		}
		row("html", "F-net-2", "a captive portal's page with status 200", sv.host+".*HTML.*captive", awstest.Fault{Kind: awstest.HTML})
		row("redirect", "F-net-2", "a redirect to a login page", sv.host, awstest.Fault{Kind: awstest.Redirect})
		row("wrong-type", "F-net-2", "the response is text/plain", "", awstest.Fault{Kind: awstest.WrongType}).want.ending = either
		hang := row("hang", "F-net-3", "no response", "no response from "+sv.host, awstest.Fault{Kind: awstest.Hang})
		hang.slow, hang.quick = true, false
		drip := row("drip", "F-net-3", "one byte a second", "no response from "+sv.host, awstest.Fault{Kind: awstest.Drip})
		drip.slow, drip.quick = true, false
		silent := row("silent", "F-net-7", "the connection is accepted and stays silent", "no response from .*"+sv.host, awstest.Fault{Kind: awstest.SilentConnect})
		silent.slow, silent.quick = true, false
		row("giant", "F-net-3", "200 MiB of JSON", sv.host+".*larger", awstest.Fault{Kind: awstest.Giant, Size: 200 << 20})
		row("gzip-bomb", "F-net-3", "a gzip bomb of 256 MiB", sv.host, awstest.Fault{Kind: awstest.GzipBomb, Size: 256 << 20})
		row("endless", "F-net-3", "chunks without end", sv.host+".*larger", awstest.Fault{Kind: awstest.EndlessChunks})
		row("header-flood", "F-net-3", "20,000 headers", sv.host+".*headers", awstest.Fault{Kind: awstest.HeaderFlood})
		row("garbage", "F-net-5", "broken JSON", sv.host, awstest.Fault{Kind: awstest.Garbage})
		row("empty", "F-net-5", "status 200 and an empty body", sv.host, awstest.Fault{Kind: awstest.EmptyBody})
		row("empty-object", "F-net-5", "{}", sv.host, awstest.Fault{Kind: awstest.EmptyObject})
		row("null-fields", "F-net-5", "null in place of each value", sv.host, awstest.Fault{Kind: awstest.NullFields})
		extra := row("extra-fields", "F-net-5", "unknown fields", "", awstest.Fault{Kind: awstest.ExtraFields})
		extra.want = is(answered)
		slow := row("slow", "F-net-3", "the correct response after five seconds", "", awstest.Fault{Kind: awstest.Delay, Delay: 5 * time.Second})
		slow.want, slow.slow, slow.quick = is(answered), true, false
	}
	return all
}

// lost reports whether AWS processes the request in this kind of fault, but its response
// is lost.
func lost(k awstest.Kind) bool {
	switch k {
	case awstest.WrongType, awstest.Garbage, awstest.EmptyBody, awstest.EmptyObject, awstest.NullFields, awstest.Drip, awstest.HeaderFlood:
		return true
	}
	return false
}
