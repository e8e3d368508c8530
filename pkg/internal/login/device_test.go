package login

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
)

// deviceLoginCases are the test cases of TestDeviceCodeLogin.
var deviceLoginCases = map[string]struct {
	change func(*fixture, *Input)
	key    string
	says   []string
	lacks  []string
	silent bool // no browser may be opened
	once   bool // the browser is tried once
}{
	"when it is asked for": {
		change: func(_ *fixture, in *Input) { in.Device = true }, key: "corp",
		says: []string{"Then enter this code:", `Opening your browser to sign in to SSO session "corp".`, "Only approve this code if you started this sign-in.", "docker-credential-ecr-sso-corp"}},
	"without opening anything": {
		change: func(_ *fixture, in *Input) { in.Device, in.NoBrowser = true, true }, key: "corp", silent: true,
		says: []string{`To sign in to SSO session "corp", open this URL in any browser:`, "Or open this URL, which includes the code:"}},
	"in a remote shell, and says so": {
		change: func(w *fixture, _ *Input) { w.fakeBrowser.why = "this is a remote shell (SSH)" }, key: "corp", silent: true,
		says: []string{"this is a remote shell (SSH)). Signing in with a code instead."}},
	"without a terminal, when it is asked for": {
		change: func(w *fixture, in *Input) {
			w.fakeBrowser.why, w.fakeBrowser.unattended, in.Device = "there is no terminal", true, true
		}, key: "corp", silent: true,
		says: []string{"Then enter this code:"}},
	"without a terminal, when the address is asked for": {
		change: func(w *fixture, in *Input) {
			w.fakeBrowser.why, w.fakeBrowser.unattended, in.NoBrowser = "there is no terminal", true, true
		}, key: "corp", silent: true,
		says: []string{"(there is no terminal). Signing in with a code instead."}},
	"for a legacy profile": {
		change: func(_ *fixture, in *Input) { in.Session.Name, in.Session.Scopes = "", nil }, key: startURL,
		says: []string{"sign in to SSO start URL " + startURL}},
	"when the browser does not start, and says so": {
		change: func(w *fixture, _ *Input) {
			w.fakeBrowser.open = func(page string) error {
				if strings.Contains(page, "/authorize?") {
					return errors.New("exit status 3")
				}
				return nil
			}
		}, key: "corp", once: true, says: []string{"The browser could not be opened (exit status 3). Signing in with a code instead."},
		lacks: []string{"/authorize?", "127.0.0.1", "Opening your browser to sign in to SSO session \"corp\".\nIf"}},
	"when the browser does not open the page of the code": {
		change: func(w *fixture, in *Input) {
			in.Device = true
			w.fakeBrowser.open = func(string) error { return errors.New("exit status 3") }
		}, key: "corp", says: []string{`To sign in to SSO session "corp", open this URL in any browser:`}, lacks: []string{"Opening your browser"}},
}

func TestDeviceCodeLogin(t *testing.T) {
	for name, c := range deviceLoginCases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newFixture(t, awstest.Options{})
			w.fakeBrowser.open = func(string) error { return nil }
			in := w.input()
			c.change(w, &in)
			w.screen.onCode = func(code Code) {
				if !code.Trusted || code.URL != "https://device.sso.eu-west-1.amazonaws.com/" || !w.aws.ApproveDevice(code.UserCode) {
					t.Errorf("code %+v", code)
				}
			}
			token, err := Login(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			w.checkTokenFile(c.key, token)
			for _, want := range c.says {
				if !strings.Contains(w.screen.String(), want) {
					t.Errorf("%q is missing in:\n%s", want, w.screen)
				}
			}
			for _, unwanted := range c.lacks {
				if strings.Contains(w.screen.String(), unwanted) {
					t.Errorf("unexpected %q in:\n%s", unwanted, w.screen)
				}
			}
			if c.once && w.fakeBrowser.count() != 1 {
				t.Errorf("opened %q", w.fakeBrowser.opened)
			}
			if c.silent && w.fakeBrowser.count() != 0 {
				t.Errorf("opened %q", w.fakeBrowser.opened)
			}
			for _, call := range w.aws.Log() {
				if call.Op == awstest.CreateToken && call.Key != "urn:ietf:params:oauth:grant-type:device_code" {
					t.Errorf("grant %s", call.Key)
				}
			}
		})
	}
}

func TestFlowsUseSeparateClients(t *testing.T) {
	t.Parallel()
	w := newFixture(t, awstest.Options{AutoApprove: true})
	device := w.input()
	device.Device = true
	for _, in := range []Input{w.input(), device, w.input()} {
		if _, err := Login(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
	// One registration per flow; neither replaces the other.
	if n := w.aws.Calls(awstest.RegisterClient); n != 2 {
		t.Errorf("%d registrations", n)
	}
	if w.fakeBrowser.count() != 3 {
		t.Errorf("opened %q", w.fakeBrowser.opened)
	}
}

func TestDeviceCodeResponses(t *testing.T) {
	for name, c := range map[string]struct {
		fault awstest.Fault
		act   func(*fixture, Code)
		is    error
		says  string // "": signed in
	}{
		"slow_down":          {fault: awstest.Fault{Kind: awstest.SlowDown, Times: 1}},
		"pending":            {fault: awstest.Fault{Kind: awstest.Pending, Times: 2}},
		"broken network":     {fault: awstest.Fault{Kind: awstest.Reset, Times: 2}},
		"captive portal":     {fault: awstest.Fault{Kind: awstest.HTML, Times: 1}},
		"server errors":      {fault: awstest.Fault{Kind: awstest.Status, Status: 503, Code: "ServiceUnavailable", Times: 1}},
		"denied by the user": {act: func(w *fixture, _ Code) { w.aws.DenyDevice("") }, says: "denied"},
		"denied by a policy": {fault: awstest.Fault{Kind: awstest.Status, Status: 400, Code: "AccessDeniedException"}, says: "denied"},
		"expired":            {act: func(w *fixture, _ Code) { w.aws.Advance(11 * time.Minute) }, is: ErrTimeout, says: "expired before it was approved"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onClock(t, awstest.Options{AutoApprove: c.says == ""}, func(t *testing.T, w *fixture) {
				if c.fault.Kind != "" {
					w.aws.Fail(awstest.CreateToken, c.fault)
				}
				w.screen.onCode = func(code Code) {
					if c.act != nil {
						c.act(w, code)
					}
				}
				in := w.input()
				in.Device = true
				_, err := Login(t.Context(), in)
				switch {
				case c.says == "" && err != nil:
					t.Errorf("error %v", err)
				case c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says) || len(hint.Next(err)) == 0):
					t.Errorf("error %v", err)
				case c.is != nil && !errors.Is(err, c.is):
					t.Errorf("error %v does not wrap %v", err, c.is)
				}
			})
		})
	}
}

// fastPolling is a sign-in service that accepts a poll every 50 ms, for fast tests.
type fastPolling struct{ OIDC }

func (h fastPolling) StartDevice(ctx context.Context, region string, reg awsclient.Registration, startURL string) (awsclient.Device, error) {
	d, err := h.OIDC.StartDevice(ctx, region, reg, startURL)
	d.Interval = 50 * time.Millisecond
	return d, err
}

// foreignPage is a sign-in service with a verification page on another host.
type foreignPage struct {
	OIDC
	page string
}

func (c foreignPage) StartDevice(ctx context.Context, region string, reg awsclient.Registration, startURL string) (awsclient.Device, error) {
	d, err := c.OIDC.StartDevice(ctx, region, reg, startURL)
	d.VerificationURI, d.VerificationURIComplete = c.page, c.page
	return d, err
}

func TestUntrustedVerificationURLIsNotOpened(t *testing.T) {
	t.Parallel()
	w := newFixture(t, awstest.Options{AutoApprove: true})
	in := w.input()
	in.Device, in.OIDC = true, foreignPage{fastPolling{w.client}, "https://evil.s3.amazonaws.com/\x1b[2Jdevice"}
	if _, err := Login(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	if w.fakeBrowser.count() != 0 {
		t.Errorf("opened %q", w.fakeBrowser.opened)
	}
	if text := w.screen.String(); !strings.Contains(text, "warning: This URL belongs neither to AWS nor to your start URL.") || strings.ContainsRune(text, 0x1b) {
		t.Errorf("screen:\n%q", text)
	}
}

func TestUnattendedSignInFails(t *testing.T) {
	for name, change := range map[string]func(*Input){
		"session":        func(*Input) {},
		"legacy profile": func(in *Input) { in.Session.Name, in.Profile = "", "old" },
	} {
		t.Run(name, func(t *testing.T) {
			w := newFixture(t, awstest.Options{})
			w.fakeBrowser.why, w.fakeBrowser.unattended = "CI is set", true
			in := w.input()
			change(&in)
			_, err := Login(t.Context(), in)
			next := hint.Next(err)
			if !errors.Is(err, ErrNoBrowser) || len(next) != 1 || !strings.HasSuffix(next[0], " --use-device-code") {
				t.Errorf("%v; run: %q", err, next)
			}
			if w.aws.Calls(awstest.RegisterClient) != 0 || w.fakeBrowser.count() != 0 || w.screen.String() != "" {
				t.Errorf("unexpected output: %s", w.screen)
			}
		})
	}
}
