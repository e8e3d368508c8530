//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/lab"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// nodeLimit is a provider's time limit. The kubelet kills a provider after 60 s.
const nodeLimit = 45 * time.Second

// unserved expects the provider to fail with this cause. The next command is optional,
// because not every failure has one.
func unserved(cause string) want { return want{ending: unprovided, cause: cause} }

// nodes: F-node-1: the kubelet calls the helper on a node with keys.
func nodes() []fault {
	var all []fault
	for _, part := range [][]fault{nodeRequests(), nodeStreams(), nodePlaces(), nodeClocks(), nodeServices(), nodePods()} {
		for _, f := range part {
			set := f.set
			f.id, f.family, f.ours, f.quick = "node-"+f.id, "F-node-1", true, !f.slow
			if f.limit == 0 {
				f.limit = nodeLimit
			}
			f.set = func(s *stage) {
				if f.from == signedIn { // the other states use the session
					s.keys()
				}
				s.kubelet(imageRequest{Image: lab.Host + "/team/app"})
				if set != nil {
					set(s)
				}
			}
			all = append(all, f)
		}
	}
	return all
}

// nodeRequests returns faults with requests that no kubelet should send.
func nodeRequests() []fault {
	const v1 = `"kind":"CredentialProviderRequest","apiVersion":"` + providerAPI + `"`
	row := func(id, what, stdin, cause string) fault {
		return fault{id: "request-" + id, what: "the request " + what, want: unserved(cause), limit: local, set: func(s *stage) { s.call.Stdin = stdin }}
	}
	image := func(id, what, image string) fault {
		return fault{id: "image-" + id, what: "the image is " + what, want: is(anonymous), limit: local, calls: map[awstest.Op]int{awstest.Any: 0},
			set: func(s *stage) { s.kubelet(imageRequest{Image: image}) }}
	}
	huge := hugeRequest()
	huge.id = "request-huge"
	return []fault{
		row("empty", "is empty", "", "not one JSON object"), row("garbage", "is not JSON", "\x00\xff not JSON", "not one JSON object"),
		row("null", "is null", "null", "not one JSON object"), row("cut", "is cut", `{`+v1+`,"image":"`+lab.Host, "not one JSON object"),
		row("deep", "is nested 100,000 times", strings.Repeat(`{"a":`, 100_000), "not one JSON object"),
		row("two", "has another one behind it", `{`+v1+`,"image":"a"}{}`, "not one JSON object"),
		row("twice", "has a field twice", `{`+v1+`,"image":"a","image":"`+lab.Host+`"}`, "occurs twice"),
		row("type", "has a number as image", `{`+v1+`,"image":1}`, "wrong type"), row("no-image", "names no image", `{`+v1+`}`, "no image"),
		row("kind", "is of another kind", `{"kind":"Pod","image":"`+lab.Host+`"}`, "kind is"),
		row("version", "has an unknown version", `{"kind":"CredentialProviderRequest","apiVersion":"credentialprovider.kubelet.k8s.io/v9","image":"`+lab.Host+`"}`, "is not one of"),
		huge,
		{id: "request-open", what: "the request has no end of line, and stdin is never closed", want: unserved("stdin was not closed"), limit: openStdin, slow: true,
			set: func(s *stage) { s.neverClosed(strings.TrimSuffix(s.call.Stdin, "\n")) }},
		{id: "request-open-line", what: "the request is complete, and stdin is never closed", want: is(provided), limit: openStdin, slow: true,
			set: func(s *stage) { s.neverClosed(s.call.Stdin) }},
		image("look-alike", "of a host that begins like ECR's", lab.Host+".evil.com/app"), image("user", "of a host behind a user name", lab.Host+"@evil.com/app"),
		image("line-break", "one with a line break", lab.Host+"\n.evil.com/app"), image("long", "900,000 letters", strings.Repeat("a", 900_000)),
		image("other", "of another registry", "docker.io/library/nginx"),
	}
}

// nodeStreams: the response cannot be written.
func nodeStreams() []fault {
	row := func(id, what string, set func(s *stage)) fault {
		return fault{id: "stdout-" + id, what: "stdout is " + what, want: unserved("stdout"), set: set}
	}
	return []fault{
		row("full", "a full device", func(s *stage) { s.opened(&s.call.StdoutTo, "/dev/full", os.O_WRONLY) }),
		row("closed", "closed", func(s *stage) { s.shell("exec >&-") }),
		row("broken", "a pipe without a reader", func(s *stage) {
			r, w, err := os.Pipe()
			s.must(err)
			s.must(r.Close())
			s.ends = append(s.ends, func() { w.Close() })
			s.call.StdoutTo = w
		}),
		{id: "stderr-closed", what: "stderr is closed", want: is(provided), set: func(s *stage) { s.shell("exec 2>&-") }},
	}
}

// nodePlaces: the node has no directory for the cache, or no usual one.
func nodePlaces() []fault {
	row := func(id, what string, set func(s *stage)) fault {
		return fault{id: id, what: what, want: is(provided), set: set}
	}
	noHome := func(mount string) func(s *stage) { // during the run, /var/cache and the user database's home are in the test's home
		return func(s *stage) {
			s.must(os.MkdirAll(s.Path("var-cache"), 0o755))
			s.cacheAt = s.Path("var-cache", lab.Helper)
			s.env("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "ECR_SSO_LOG")
			s.mounted(fmt.Sprintf("mount --bind '%s' /var/cache && mount --bind '%s' /root%s", s.Path("var-cache"), s.Home.Dir, mount))
		}
	}
	cached := rooted(row("no-home", "HOME is not set: the cache is /var/cache/docker-credential-ecr-sso", noHome("")))
	cached.after = func(s *stage) error {
		info, err := os.Stat(s.cacheAt)
		if err != nil {
			return err
		}
		files, _ := filepath.Glob(filepath.Join(s.cacheAt, "*.json"))
		if info.Mode().Perm() != 0o700 || len(files) != 1 {
			return fmt.Errorf("%d files in %s, which has mode %v", len(files), s.cacheAt, info.Mode())
		}
		return nil
	}
	open := row("cache-open", "other users can write to the cache directory", func(s *stage) { s.chmod(0o777, s.helper.cacheDir(s)) })
	open.want.warns = "^warning: logins are not cached: "
	session := rooted(row("no-home-session", "HOME is not set, and the AWS files of the user database's home have a session", func(s *stage) {
		noHome("")(s)
		s.env("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
	}))
	session.after = cached.after
	return []fault{
		cached, session, open,
		rooted(row("no-home-read-only", "HOME is not set and /var/cache is read-only", noHome(" && mount -o remount,bind,ro /var/cache"))),
		row("no-home-user", "HOME is not set, and the user has none", func(s *stage) {
			s.env("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "ECR_SSO_LOG")
			s.asUser()
		}),
		rooted(row("read-only", "the cache is on a read-only file system", func(s *stage) {
			c := s.helper.cacheDir(s)
			s.mounted(fmt.Sprintf("mount --bind '%s' '%s' && mount -o remount,bind,ro '%s'", c, c, c))
		})),
		rooted(row("full", "the cache's file system is full", func(s *stage) { s.fullAt(s.helper.cacheDir(s)) })),
		rooted(row("no-proc", "there is no /proc", func(s *stage) { s.mounted("mount -t tmpfs tmpfs /proc") })),
	}
}

// nodeClocks: the node's clock differs from AWS's clock.
func nodeClocks() []fault {
	var all []fault
	for _, c := range []struct {
		id   string
		off  time.Duration // offset of AWS's clock
		want want
	}{
		{"6m-behind", 6 * time.Minute, is(provided)}, {"day-behind", 24 * time.Hour, is(provided)}, {"6m-ahead", -6 * time.Minute, is(provided)},
		{"day-ahead", -24 * time.Hour, unserved("clock is 24h ahead")}, // according to the node's clock, every new login has expired
	} {
		set := func(s *stage) { s.AWS.Advance(c.off) }
		all = append(all, fault{id: "clock-" + c.id, what: "the node's clock is wrong: " + c.id, want: c.want, set: set})
		if c.off < 12*time.Hour { // otherwise, the cached login has expired according to AWS's clock
			all = append(all, fault{id: "clock-cached-" + c.id, what: "the node's clock is wrong, and the login is cached: " + c.id, from: warmed, want: is(provided),
				calls: map[awstest.Op]int{awstest.Any: 0}, limit: local, set: set})
		}
	}
	return all
}

// nodeServices: AWS fails, and the session of a development cluster has expired.
func nodeServices() []fault {
	row := func(id, what string, w want, op awstest.Op, f awstest.Fault) fault {
		return fault{id: id, what: what, want: w, slow: f.Kind == awstest.Hang || f.Kind == awstest.Status || f.Kind == awstest.Throttle,
			set: func(s *stage) { s.fail(op, f) }}
	}
	public := func(f fault) fault {
		set := f.set
		f.set = func(s *stage) {
			s.kubelet(imageRequest{Image: "public.ecr.aws/nginx/nginx"})
			set(s)
		}
		return f
	}
	const ecr = `api\.ecr\.us-east-1`
	return []fault{
		row("ecr-hang", "ECR does not answer", unserved(ecr), awstest.ECR, awstest.Fault{Kind: awstest.Hang}),
		row("ecr-503", "ECR answers 503", unserved(ecr), awstest.ECR, awstest.Fault{Kind: awstest.Status, Status: 503}),
		row("ecr-reset", "ECR resets each connection", unserved(ecr), awstest.ECR, awstest.Fault{Kind: awstest.Reset}),
		row("ecr-throttled", "ECR throttles twice", is(provided), awstest.ECR, awstest.Fault{Kind: awstest.Throttle, Times: 2}),
		row("ecr-denied", "ECR denies the keys", unserved("not allowed to call ecr:GetAuthorizationToken"), awstest.ECR, awstest.Fault{Kind: awstest.Deny}),
		row("network", "there is no network", unserved(ecr), awstest.Any, awstest.Fault{Kind: awstest.Down}),
		public(row("public-denied", "ECR Public denies the keys", is(anonymous), awstest.GetPublicAuthorizationToken, awstest.Fault{Kind: awstest.Deny})),
		public(row("public-hang", "ECR Public does not answer", is(anonymous), awstest.GetPublicAuthorizationToken, awstest.Fault{Kind: awstest.Hang})),
		{id: "session-refreshed", what: "the access token of the SSO session has expired", from: expired, want: is(provided), set: func(s *stage) { s.ignore(s.Home.TokenPath(lab.Session)) }},
		{id: "session-expired", what: "the SSO session has expired", from: unrefreshable, limit: local, calls: map[awstest.Op]int{awstest.Any: 0},
			want: want{ending: unprovided, cause: `SSO session "corp" expired`, next: "docker-credential-ecr-sso login --sso-session corp"}},
		{id: "signed-out", what: "the SSO session was never signed in", from: signedOut, limit: local, calls: map[awstest.Op]int{awstest.Any: 0},
			want: want{ending: unprovided, cause: `not signed in to SSO session "corp"`, next: "docker-credential-ecr-sso login --sso-session corp"}},
	}
}

// nodePods: the pod has a role, and the pod's token or STS fails. The provider never
// returns the node's login instead.
func nodePods() []fault {
	row := func(id, what, cause string, f *awstest.Fault, token func(s *stage) string) fault {
		return fault{id: "pod-" + id, what: "a service account: " + what, want: unserved(cause), slow: f != nil && (f.Kind == awstest.Hang || f.Kind == awstest.Status),
			calls: map[awstest.Op]int{awstest.GetAuthorizationToken: 0}, set: func(s *stage) {
				s.pod(token(s))
				if f != nil {
					s.fail(awstest.STS, *f)
				}
			}}
	}
	valid := func(s *stage) string { return s.podToken(time.Hour) }
	const account, sts = `service account "team:app"`, `sts\.us-east-1`
	served := row("served", "nothing is wrong", "", nil, valid)
	served.want, served.calls = is(provided), nil
	return []fault{
		served,
		row("sts-hang", "STS does not answer", sts, &awstest.Fault{Kind: awstest.Hang}, valid),
		row("sts-503", "STS answers 503", sts, &awstest.Fault{Kind: awstest.Status, Status: 503}, valid),
		row("sts-reset", "STS resets each connection", sts, &awstest.Fault{Kind: awstest.Reset}, valid),
		row("sts-garbage", "STS sends broken XML", sts, &awstest.Fault{Kind: awstest.Garbage}, valid),
		row("sts-denied", "STS denies the role", account+` is not allowed to assume `+podRole, &awstest.Fault{Kind: awstest.Deny}, valid),
		row("expired", "its token has expired", account, nil, func(s *stage) string { return s.podToken(-time.Minute) }),
		row("garbage", "its token is not a JSON Web Token", "web identity token|"+sts, nil, func(s *stage) string { s.canary = append(s.canary, processSecret); return processSecret }),
		row("unknown", "its token is of another cluster", account+"|"+sts, nil, func(s *stage) string {
			other := valid(s)
			return other[:len(other)-4] + "AAAA"
		}),
	}
}
