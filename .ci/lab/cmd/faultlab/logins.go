//go:build linux

package main

import (
	"context"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/lab"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// visit performs the user's actions on the page in the browser.
type visit func(ctx context.Context, s *stage, page string)

// signInWith makes the run a `login` whose browser is a script. The lab opens the page.
func (s *stage) signInWith(then visit) {
	s.call.Args, s.call.Stdin = []string{"login", "--sso-session", lab.Session}, ""
	s.browser("", then)
}

// browser makes a script the browser. The script saves its URL. It also saves its
// environment and arguments, which are later searched for secrets. It then runs more.
func (s *stage) browser(more string, then visit) {
	at := filepath.Join(s.dir, "visited", "page")
	s.must(os.MkdirAll(filepath.Dir(at), 0o755))
	s.must(os.Chmod(filepath.Dir(at), 0o777)) // the helper may run as a different user
	s.env("BROWSER=" + s.script("browser", `env >>"$HOME/browser-env"; printf '%s\n' "$@" >>"$HOME/browser-args"; printf %s "$1" >'`+at+`.new'; mv '`+at+`.new' '`+at+"'\n"+more+"\n"))
	s.call.During = func(ctx context.Context, _ int) {
		var page []byte
		if then != nil && until(ctx, func() bool { page, _ = os.ReadFile(at); return len(page) > 0 }) {
			then(ctx, s, redirectOf(ctx, string(page)))
		}
	}
}

// redirectOf returns the page to which the link on the browser's command line redirects.
func redirectOf(ctx context.Context, link string) string {
	client := &http.Client{Transport: &http.Transport{}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(request("GET", link).WithContext(ctx))
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	return resp.Header.Get("Location")
}

func agree(ctx context.Context, s *stage, page string) { _ = s.AWS.Browse(ctx, page) }

// callbackOf returns the callback to which the page redirects, and the state.
func callbackOf(page string) (address, state string) {
	u, err := url.Parse(page)
	if err != nil {
		return "", ""
	}
	return u.Query().Get("redirect_uri"), u.Query().Get("state")
}

// stray sends unrelated requests to the callback's port and then the callback.
func stray(requests func(address, state string) []*http.Request) visit {
	return func(ctx context.Context, s *stage, page string) {
		address, state := callbackOf(page)
		client := &http.Client{Transport: &http.Transport{}, Timeout: 5 * time.Second,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		for _, r := range requests(address, state) {
			if resp, err := client.Do(r.WithContext(ctx)); err == nil {
				if resp.StatusCode < 400 {
					s.mu.Lock()
					s.received = append(s.received, "a request with a wrong code or state was accepted")
					s.mu.Unlock()
				}
				resp.Body.Close()
			}
		}
		agree(ctx, s, page)
	}
}

func request(method, address string, change ...func(*http.Request)) *http.Request {
	r, err := http.NewRequest(method, address, nil)
	if err != nil {
		panic(broken{err})
	}
	for _, c := range change {
		c(r)
	}
	return r
}

// send sends one request and ignores the response.
func send(ctx context.Context, r *http.Request) {
	if resp, err := http.DefaultClient.Do(r.WithContext(ctx)); err == nil {
		resp.Body.Close()
	}
}

// logins: F-login-1: failures of the browser and the sign-in service.
func logins() []fault {
	row := func(id, what string, w want, set func(s *stage)) fault {
		return fault{id: "login-" + id, family: "F-login-1", what: what, ours: true, from: signedOut, want: w, limit: 20 * time.Second, slow: true, quick: true, set: set}
	}
	ok := want{ending: commandOK, cause: "Successfully logged into"}
	no := func(cause string) want {
		return want{ending: commandNo, cause: cause, next: "docker-credential-ecr-sso (login|doctor)"}
	}
	with := func(op awstest.Op, f awstest.Fault) func(s *stage) {
		return func(s *stage) {
			s.fail(op, f)
			s.signInWith(agree)
		}
	}
	byCode := func(browser string) func(s *stage) {
		return func(s *stage) {
			s.signInWith(nil)
			s.atTerminal() // without a terminal, the sign-in ends, because no user would see the code
			s.env("BROWSER=" + browser)
			s.call.During = func(ctx context.Context, _ int) { until(ctx, func() bool { return s.AWS.ApproveDevice("") }) }
		}
	}
	interrupted := row("interrupted", "interrupted while the browser is open", want{ending: commandNo}, func(s *stage) {
		s.signInWith(nil)
		during := s.call.During
		s.call.During = func(ctx context.Context, pid int) {
			during(ctx, pid)
			until(ctx, func() bool { _, err := os.Stat(filepath.Join(s.dir, "visited", "page")); return err == nil })
			s.sent = time.Now()
			_ = syscall.Kill(pid, syscall.SIGINT)
		}
	})
	interrupted.want, interrupted.verify = want{ending: stopped, signal: syscall.SIGINT}, promptly
	return []fault{
		row("browser-missing", "the browser does not exist: the code is shown", ok, byCode("/nowhere/browser")),
		row("browser-fails", "the browser ends with status 1: the code is shown", ok, byCode("false")),
		row("browser-hangs", "the browser's program never ends", ok, func(s *stage) { s.signInWith(agree); s.browser("exec sleep 15", agree) }),
		row("browser-noisy", "the browser writes to stdout and stderr", ok, func(s *stage) { s.signInWith(agree); s.browser("echo noise; echo noise >&2", agree) }),
		row("register-500", "the registration fails with status 500", no("oidc"), with(awstest.RegisterClient, awstest.Fault{Kind: awstest.Status, Status: 500})),
		row("register-html", "the registration is a web page", no("HTML"), with(awstest.RegisterClient, awstest.Fault{Kind: awstest.HTML})),
		row("register-null", "the registration has nulls", no("oidc"), with(awstest.RegisterClient, awstest.Fault{Kind: awstest.NullFields})),
		row("register-hang", "the registration gets no response", no("no response"), with(awstest.RegisterClient, awstest.Fault{Kind: awstest.Hang})),
		row("token-garbage", "the token response is garbage", no("oidc"), with(awstest.CreateToken, awstest.Fault{Kind: awstest.Garbage})),
		row("token-null", "the token response has nulls", no("oidc"), with(awstest.CreateToken, awstest.Fault{Kind: awstest.NullFields})),
		row("token-giant", "the token response is 200 MiB", no("larger"), with(awstest.CreateToken, awstest.Fault{Kind: awstest.Giant, Size: 200 << 20})),
		row("read-only", "the token cannot be saved", want{ending: commandNo, cause: "permission denied", next: `chmod u\+rwx `}, func(s *stage) {
			s.must(os.MkdirAll(s.Path(".aws", "sso", "cache"), 0o700))
			s.signInWith(agree)
			s.env("HOME", "HOME="+s.Home.Dir)
			s.chmod(0o500, s.Path(".aws", "sso", "cache"))
			s.asUser()
		}),
		row("no-session", "the session is not configured", want{ending: commandNo, cause: "absent", next: "docker-credential-ecr-sso configure"}, func(s *stage) {
			s.call.Args = []string{"login", "--sso-session", "absent"}
		}),
		interrupted,
	}
}
