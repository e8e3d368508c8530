//go:build linux

package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// callback returns a fault in the requests to the callback's port.
func callback(id, what string, w want, then visit) fault {
	return fault{id: "callback-" + id, family: "F-login-1", what: what, ours: true, from: signedOut, want: w, limit: 20 * time.Second, slow: true, quick: true,
		set: func(s *stage) { s.signInWith(then) }, verify: func(s *stage, r *row) {
			if len(s.received) > 0 {
				r.bad(protocol, "%s", s.received[0])
			}
		}}
}

var loggedIn = want{ending: commandOK, cause: "Successfully logged into"}

// strays: requests that are not the sign-in's callback do not end the login.
func strays() []fault {
	path := func(extra string) func(string, string) []*http.Request {
		return func(address, state string) []*http.Request {
			return []*http.Request{request("GET", strings.ReplaceAll(address+extra, "STATE", state))}
		}
	}
	return []fault{
		callback("wrong-state", "a code with a wrong state arrives", loggedIn, stray(path("?code=x&state=wrong"))),
		callback("no-state", "a code without a state arrives", loggedIn, stray(path("?code=x"))),
		callback("no-code", "the right state arrives without a code", loggedIn, stray(path("?state=STATE"))),
		callback("two-states", "a code with two states arrives", loggedIn, stray(path("?code=x&state=STATE&state=wrong"))),
		callback("two-codes", "two codes arrive", loggedIn, stray(path("?code=x&code=y&state=STATE"))),
		callback("favicon", "the browser requests an icon", loggedIn, stray(func(a, _ string) []*http.Request {
			return []*http.Request{request("GET", strings.Replace(a, "/oauth/callback", "/favicon.ico", 1))}
		})),
		callback("other-host", "a foreign page reaches the port by its own host name", loggedIn, stray(func(a, state string) []*http.Request {
			return []*http.Request{request("GET", a+"?code=x&state="+state, func(r *http.Request) { r.Host = "evil.example" })}
		})),
		callback("post", "the callback is a POST", loggedIn, stray(func(a, state string) []*http.Request {
			return []*http.Request{request("POST", a+"?code=x&state="+state)}
		})),
		callback("head", "a link preview sends HEAD", loggedIn, stray(func(a, state string) []*http.Request {
			return []*http.Request{request("HEAD", a+"?code=x&state="+state)}
		})),
		callback("error-wrong-state", "an error with a wrong state arrives", loggedIn, stray(path("?error=access_denied&state=wrong"))),
		callback("huge", "a request has 100 KB of headers", loggedIn, stray(func(a, _ string) []*http.Request {
			return []*http.Request{request("GET", a, func(r *http.Request) { r.Header.Set("X", strings.Repeat("x", 100_000)) })}
		})),
		callback("thousand", "a thousand other requests come first", loggedIn, stray(func(a, _ string) []*http.Request {
			var all []*http.Request
			for i := range 1000 {
				all = append(all, request("GET", fmt.Sprintf("%s?code=%d&state=guess", a, i)))
			}
			return all
		})),
	}
}

// callbacks: the callback is a refusal, is forged, or is sent twice.
func callbacks() []fault {
	no := func(cause string) want {
		return want{ending: commandNo, cause: cause, next: "docker-credential-ecr-sso login"}
	}
	return []fault{
		callback("denied", "the user denies the request", no("access_denied"), func(ctx context.Context, s *stage, page string) {
			s.fail(awstest.Authorize, awstest.Fault{Kind: awstest.Deny})
			agree(ctx, s, page)
		}),
		callback("denied-escape", "the refusal has escape sequences", no("refused|denied"), func(ctx context.Context, s *stage, page string) {
			a, state := callbackOf(page)
			send(ctx, request("GET", a+"?"+url.Values{
				"error": {"x\x1b[2J"}, "error_description": {"\x1b]0;gotcha\x07\u202eevil\nline"}, "state": {state}}.Encode()))
		}),
		callback("bad-code", "AWS did not issue the code", no("grant|code"), func(ctx context.Context, s *stage, page string) {
			a, state := callbackOf(page)
			send(ctx, request("GET", a+"?code=forged&state="+state))
		}),
		callback("twice", "the callback comes twice", loggedIn, func(ctx context.Context, s *stage, page string) {
			go agree(ctx, s, page)
			agree(ctx, s, page)
		}),
	}
}
