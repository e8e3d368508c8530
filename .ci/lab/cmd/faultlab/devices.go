//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"regexp"
	"time"

	"github.com/creack/pty"

	"github.com/ecr-sso/docker-credential-ecr-sso/lab"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// devices: F-login-2: the responses in a sign-in with a device code (RFC 8628).
func devices() []fault {
	row := func(id, what string, w want, set func(s *stage)) fault {
		return fault{id: "device-" + id, family: "F-login-2", what: what, ours: true, from: signedOut, want: w, limit: 25 * time.Second, slow: true,
			aws: awstest.Options{DeviceCodeTTL: 20 * time.Second}, set: func(s *stage) {
				s.call.Args, s.call.Stdin = []string{"login", "--sso-session", lab.Session, "--use-device-code"}, ""
				s.approveCode()
				if set != nil {
					set(s)
				}
			}}
	}
	ok := want{ending: commandOK, cause: "Successfully logged into"}
	no := func(cause string) want {
		return want{ending: commandNo, cause: cause, next: "docker-credential-ecr-sso (login|doctor)"}
	}
	poll := func(f awstest.Fault) func(s *stage) { return func(s *stage) { s.fail(awstest.CreateToken, f) } }
	start := func(change func(m map[string]any)) func(s *stage) {
		return func(s *stage) {
			s.fail(awstest.StartDeviceAuthorization, awstest.Fault{Kind: awstest.Rewrite, Rewrite: func(b []byte) []byte {
				m := map[string]any{}
				if json.NewDecoder(bytes.NewReader(b)).Decode(&m) != nil {
					return b
				}
				change(m)
				out, err := json.Marshal(m)
				if err != nil {
					return b
				}
				return out
			}})
		}
	}
	expired := row("expired", "the code expires", no("expired before it was approved"), func(s *stage) { s.call.During = nil })
	expired.aws.DeviceCodeTTL = 3 * time.Second
	slow := row("slow-down", "slow_down, once", ok, poll(awstest.Fault{Kind: awstest.SlowDown, Times: 1}))
	return []fault{
		row("approved", "nothing is wrong", ok, nil), slow, expired,
		row("denied", "the user denies the request", no("refused|denied"), func(s *stage) {
			s.call.During = func(ctx context.Context, _ int) { until(ctx, func() bool { return s.AWS.DenyDevice("") }) }
		}),
		row("network", "the network fails at two polls", ok, poll(awstest.Fault{Kind: awstest.Reset, Times: 2})),
		row("500", "the first poll gets status 500", ok, poll(awstest.Fault{Kind: awstest.Status, Status: 500, Times: 1})),
		row("throttled", "the first poll is throttled", ok, poll(awstest.Fault{Kind: awstest.Throttle, Times: 1})),
		row("grant", "the code is not accepted", no("grant|code"), poll(awstest.Fault{Kind: awstest.Status, Status: 400, Code: "invalid_grant"})),
		row("interval-0", "an interval of 0", ok, start(func(m map[string]any) { m["interval"] = 0 })),
		row("interval-negative", "an interval of -5", ok, start(func(m map[string]any) { m["interval"] = -5 })),
		row("interval-missing", "no interval", ok, start(func(m map[string]any) { delete(m, "interval") })),
		row("interval-huge", "an interval of ten days, and a code of 20 seconds", no("expired before it was approved"), start(func(m map[string]any) { m["interval"] = 864_000 })),
		row("interval-text", "an interval that is a word", no("oidc"), start(func(m map[string]any) { m["interval"] = "often" })),
		row("no-code", "no code", no("oidc"), start(func(m map[string]any) { delete(m, "deviceCode") })),
		row("null", "a response of nulls", no("oidc"), func(s *stage) { s.fail(awstest.StartDeviceAuthorization, awstest.Fault{Kind: awstest.NullFields}) }),
		row("hostile-page", "an address with escape sequences and another host", want{ending: commandOK}, start(func(m map[string]any) {
			m["verificationUri"] = "http://evil.example/\x1b[2J\u202e"
			m["verificationUriComplete"] = "http://evil.example/\x1b]0;gotcha\x07"
			m["userCode"] = regexp.MustCompile(`^.`).ReplaceAllString(m["userCode"].(string), "\x1b[31m$0")
		})),
	}
}

// approveCode approves the device code, like a user in the browser.
func (s *stage) approveCode() {
	s.call.During = func(ctx context.Context, _ int) { until(ctx, func() bool { return s.AWS.ApproveDevice("") }) }
}

// inGets: F-login-3: a user at the terminal signs in during a get. The get ends within a
// minute.
func inGets() []fault {
	row := func(id, what string, w want, limit time.Duration, set func(s *stage)) fault {
		return fault{id: "in-get-" + id, family: "F-login-3", what: "with a terminal: " + what, ours: true, from: signedOut, want: w, limit: limit,
			slow: true, quick: limit != inGet, set: func(s *stage) {
				s.atTerminal()
				set(s)
			}}
	}
	login := `docker-credential-ecr-sso login --sso-session corp`
	ignored := row("ignored", "the sign-in is not answered", refusal("", login), inGet, func(s *stage) { s.browser("", nil) })
	return []fault{
		row("agrees", "the sign-in is approved", is(answered), inGet, func(s *stage) { s.browser("", agree) }),
		ignored,
		row("denies", "the sign-in is denied", refusal("refused|denied", login), network, func(s *stage) {
			s.fail(awstest.Authorize, awstest.Fault{Kind: awstest.Deny})
			s.browser("", agree)
		}),
		row("browser-fails", "the browser cannot be opened", refusal("", login), network, func(s *stage) { s.env("BROWSER=false") }),
		row("service-down", "the sign-in service is down", refusal("oidc|not signed in", ""), network, func(s *stage) {
			s.fail(awstest.OIDC, awstest.Fault{Kind: awstest.Status, Status: 500})
			s.browser("", agree)
		}),
		row("service-silent", "the sign-in service does not respond", refusal("", ""), inGet, func(s *stage) {
			s.fail(awstest.OIDC, awstest.Fault{Kind: awstest.Hang})
			s.browser("", agree)
		}),
		row("ci", "CI is set: no sign-in is started", refusal("not signed in", login), local, func(s *stage) { s.browser("", agree); s.env("CI=true") }),
		row("never", "ECR_SSO_LOGIN=never: no sign-in is started", refusal("not signed in", login), local, func(s *stage) { s.browser("", agree); s.env("ECR_SSO_LOGIN=never") }),
		row("no-display", "there is no browser: no sign-in is started", refusal("not signed in", login), local, func(s *stage) { s.env("DISPLAY", "WAYLAND_DISPLAY", "BROWSER") }),
	}
}

// atTerminal gives the helper a terminal.
func (s *stage) atTerminal() {
	master, tty, err := pty.Open()
	s.must(err)
	s.ends = append(s.ends, func() { master.Close(); tty.Close() })
	s.call.Terminal = tty
}
