package login

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awscache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
)

const (
	startURL = "https://corp.awsapps.com/start"
	region   = "eu-west-1"
)

// fakeBrowser is an Opener that records the pages and calls open for each.
type fakeBrowser struct {
	why string // "": a browser can open
	// unattended means that why is CI or the missing terminal.
	unattended bool
	open       func(url string) error

	mu     sync.Mutex
	opened []string
}

func (d *fakeBrowser) CanOpen() error {
	if d.why == "" {
		return nil
	}
	return &NoBrowserError{Reason: d.why, Unattended: d.unattended}
}

func (d *fakeBrowser) Open(_ context.Context, url string) error {
	d.mu.Lock()
	d.opened = append(d.opened, url)
	d.mu.Unlock()
	return d.open(url)
}

func (d *fakeBrowser) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.opened)
}

// onClock runs a test on a clock that advances while all goroutines wait. The fake AWS, the
// browser and the sign-in's web server use pipes instead of the network.
func onClock(t *testing.T, o awstest.Options, test func(t *testing.T, w *fixture)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		o.InMemory = true
		test(t, newFixture(t, o))
	})
}

// pipes is a listener on 127.0.0.1 whose connections are pipes.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 4711} }

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case p.conns <- far:
		return near, nil
	case <-p.closed:
		return nil, syscall.ECONNREFUSED
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// fixture is a fake AWS, its client, a home directory and a fakeBrowser.
type fixture struct {
	*testing.T
	aws         *awstest.AWS
	client      *awsclient.Client
	fakeBrowser *fakeBrowser
	screen      *screen
	home        string
	inMemory    bool
	pipes       *pipes // of the sign-in's web server; nil: it listens on a port
}

// screen records the output. onCode is called with each device code, onWaiting when the
// sign-in waits for the user.
type screen struct {
	Lines
	mu     *sync.Mutex
	text   *strings.Builder
	codes  []Code
	until  time.Time // the argument of WaitStarted
	onCode func(Code)

	onWaiting func()
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *screen) Code(c Code) {
	s.Lines.Code(c)
	s.codes = append(s.codes, c)
	if s.onCode != nil {
		s.onCode(c)
	}
}

func (s *screen) WaitStarted(until time.Time) func() {
	s.until = until
	if s.onWaiting != nil {
		s.onWaiting()
	}
	return s.Lines.WaitStarted(until)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func newFixture(t *testing.T, o awstest.Options) *fixture {
	t.Helper()
	a, err := awstest.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	a.AddInstance(startURL, region)
	a.AddAccount("123456789012", "main", "", "Push")
	limit := 5 * time.Minute // for a busy machine
	if o.InMemory {
		limit = 0 // the default
	}
	client, err := awsclient.New(awsclient.Options{Transport: a.Transport(), Now: a.Now, Phase: limit})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	w := &fixture{T: t, aws: a, client: client, fakeBrowser: &fakeBrowser{}, home: t.TempDir(), inMemory: o.InMemory}
	w.fakeBrowser.open = w.visit
	w.screen = &screen{mu: new(sync.Mutex), text: new(strings.Builder)}
	w.screen.Lines = Lines{W: w.screen}
	t.Cleanup(w.checkSecrets)
	return w
}

// checkSecrets checks that the screen contains no secrets from the services.
func (w *fixture) checkSecrets() {
	shown := w.screen.String()
	for _, s := range w.aws.Secrets() {
		if strings.Contains(shown, s) {
			w.Errorf("the screen contains a secret")
		}
	}
}

// visit opens a page like the browser of a signed-in user who approves.
func (w *fixture) visit(page string) error {
	status, _, err := w.browse(page)
	if err == nil && status >= 400 {
		err = fmt.Errorf("exit status %d", status)
	}
	return err
}

func (w *fixture) browse(page string) (int, string, error) {
	transport := w.aws.Transport()
	if w.pipes != nil {
		transport.DialContext = w.pipes.dial
	}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Get(page)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body), err
}

func (w *fixture) input() Input {
	var listen func() (net.Listener, error)
	if w.inMemory {
		listen = func() (net.Listener, error) {
			w.pipes = newPipes()
			return w.pipes, nil
		}
	}
	return Input{
		Session: awsconfig.Session{Name: "corp", StartURL: startURL, Region: region, Scopes: []string{"sso:account:access"}},
		Home:    w.home, OIDC: fastPolling{w.client}, Browser: w.fakeBrowser, Screen: w.screen, Now: w.aws.Now, listen: listen,
		LoginLock: filepath.Join(w.home, "cache", "locks", "login-1"), TokenLock: filepath.Join(w.home, "cache", "locks", "refresh-1"),
	}
}

func (w *fixture) file(path string) string {
	w.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		w.Fatal(err)
	}
	return string(data)
}

// checkTokenFile compares the token file with the bytes that the AWS CLI writes.
func (w *fixture) checkTokenFile(key string, got awscache.Token) {
	w.Helper()
	want := `{"startUrl": "` + got.StartURL + `", "region": "` + region + `", "accessToken": "` + got.AccessToken.Reveal() +
		`", "expiresAt": "` + got.ExpiresAt.Format("2006-01-02T15:04:05Z") + `", "clientId": "` + got.ClientID + `", "clientSecret": "` +
		got.ClientSecret.Reveal() + `", "registrationExpiresAt": "` + got.RegistrationExpiresAt.Format("2006-01-02T15:04:05Z") + `"`
	if !got.RefreshToken.Empty() {
		want += `, "refreshToken": "` + got.RefreshToken.Reveal() + `"`
	}
	path := must(awscache.TokenPath(w.home, key))
	if diff := cmp.Diff(want+"}", w.file(path)); diff != "" {
		w.Errorf("token file:\n%s", diff)
	}
	if info, err := os.Stat(path); err == nil && os.PathSeparator == '/' && info.Mode().Perm() != 0o600 {
		w.Errorf("mode %v", info.Mode())
	}
}

// must returns path and panics on an error.
func must(path string, err error) string {
	if err != nil {
		panic(err)
	}
	return path
}
