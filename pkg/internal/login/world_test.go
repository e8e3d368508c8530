package login

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/ssotoken"
)

const (
	startURL = "https://corp.awsapps.com/start"
	region   = "eu-west-1"
)

// desk is a person's machine: a browser whose person does what open says.
type desk struct {
	why string // "" = a browser can open
	// unattended: why is CI or the missing terminal
	unattended bool
	open       func(url string) error

	mu     sync.Mutex
	opened []string
}

func (d *desk) CanOpen() error {
	if d.why == "" {
		return nil
	}
	return &NoBrowserError{Reason: d.why, Unattended: d.unattended}
}

func (d *desk) Open(_ context.Context, url string) error {
	d.mu.Lock()
	d.opened = append(d.opened, url)
	d.mu.Unlock()
	return d.open(url)
}

func (d *desk) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.opened)
}

// world is a fake AWS, a client of it, a home and a desk.
type world struct {
	*testing.T
	aws    *awstest.AWS
	client *awsclient.Client
	desk   *desk
	screen *screen
	home   string
}

// screen keeps what the person sees; onCode is the person who types codes.
type screen struct {
	Plain
	mu     *sync.Mutex
	text   *strings.Builder
	codes  []Code
	until  time.Time // of Waiting
	onCode func(Code)
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *screen) Code(c Code) {
	s.Plain.Code(c)
	s.codes = append(s.codes, c)
	if s.onCode != nil {
		s.onCode(c)
	}
}

func (s *screen) Waiting(until time.Time) func() {
	s.until = until
	return s.Plain.Waiting(until)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func newWorld(t *testing.T, o awstest.Options) *world {
	t.Helper()
	a, err := awstest.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	a.AddInstance(startURL, region)
	a.AddAccount("123456789012", "main", "", "Push")
	client, err := awsclient.New(awsclient.Options{Transport: a.Transport(), Now: a.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	w := &world{T: t, aws: a, client: client, desk: &desk{}, home: t.TempDir()}
	w.desk.open = w.visit
	w.screen = &screen{mu: new(sync.Mutex), text: new(strings.Builder)}
	w.screen.Plain = Plain{W: w.screen}
	t.Cleanup(w.canaries)
	return w
}

// canaries holds that no secret the services issued was shown.
func (w *world) canaries() {
	shown := w.screen.String()
	for _, s := range w.aws.Secrets() {
		if strings.Contains(shown, s) {
			w.Errorf("the screen shows a secret")
		}
	}
}

// visit is a browser whose person is signed in at AWS and agrees.
func (w *world) visit(page string) error {
	status, _, err := w.browse(page)
	if err == nil && status >= 400 {
		err = fmt.Errorf("exit status %d", status)
	}
	return err
}

func (w *world) browse(page string) (int, string, error) {
	resp, err := (&http.Client{Transport: w.aws.Transport()}).Get(page)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body), err
}

func (w *world) input() Input {
	return Input{
		Session: awsconfig.Session{Name: "corp", StartURL: startURL, Region: region, Scopes: []string{"sso:account:access"}},
		Home:    w.home, OIDC: hasty{w.client}, Browser: w.desk, Screen: w.screen, Now: w.aws.Now, Timeout: 20 * time.Second,
		LoginLock: filepath.Join(w.home, "cache", "locks", "login-1"), TokenLock: filepath.Join(w.home, "cache", "locks", "refresh-1"),
	}
}

func (w *world) file(path string) string {
	w.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		w.Fatal(err)
	}
	return string(data)
}

// kept compares the token file with what the AWS CLI would have written.
func (w *world) kept(key string, got ssotoken.Token) {
	w.Helper()
	want := `{"startUrl": "` + got.StartURL + `", "region": "` + region + `", "accessToken": "` + got.AccessToken.Reveal() +
		`", "expiresAt": "` + got.ExpiresAt.Format("2006-01-02T15:04:05Z") + `", "clientId": "` + got.ClientID + `", "clientSecret": "` +
		got.ClientSecret.Reveal() + `", "registrationExpiresAt": "` + got.RegistrationExpiresAt.Format("2006-01-02T15:04:05Z") + `"`
	if !got.RefreshToken.Empty() {
		want += `, "refreshToken": "` + got.RefreshToken.Reveal() + `"`
	}
	path := must(ssotoken.Path(w.home, key))
	if diff := cmp.Diff(want+"}", w.file(path)); diff != "" {
		w.Errorf("token file:\n%s", diff)
	}
	if info, err := os.Stat(path); err == nil && os.PathSeparator == '/' && info.Mode().Perm() != 0o600 {
		w.Errorf("mode %v", info.Mode())
	}
}

// must returns the path that a home directory always has.
func must(path string, err error) string {
	if err != nil {
		panic(err)
	}
	return path
}
