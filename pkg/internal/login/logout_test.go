package login

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awscache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

// signedIn is a home directory with two sessions, a legacy profile, and other tools' files
// in the same directories.
type signedIn struct {
	*fixture
	in    LogoutInput
	files map[string]string // short name -> path
}

func newSignedIn(t *testing.T) *signedIn {
	t.Helper()
	return signIn(t, newFixture(t, awstest.Options{}))
}

func signIn(t *testing.T, w *fixture) *signedIn {
	t.Helper()
	home := w.aws.Home(w.home)
	home.SSOProfile("dev", "corp", startURL, region, "123456789012", "Push")
	home.SSOProfile("other", "second", "https://second.awsapps.com/start", region, "210987654321", "Pull")
	home.LegacyProfile("old", "https://old.awsapps.com/start", region, "123456789012", "Push")
	config, err := awsconfig.Load(awsconfig.Paths{Config: home.ConfigPath()})
	if err != nil {
		t.Fatal(err)
	}
	s := &signedIn{fixture: w, in: LogoutInput{Home: w.home, Config: config, Portal: portal(w.client)}, files: map[string]string{}}
	s.files["corp"] = home.WriteToken("corp", w.aws.SignIn(startURL, region, true))
	s.files["second"] = home.WriteToken("second", w.aws.SignIn("https://second.awsapps.com/start", region, true))
	s.files["old"] = home.WriteToken("https://old.awsapps.com/start", w.aws.SignIn("https://old.awsapps.com/start", region, false))
	sso := filepath.Dir(s.files["corp"])
	cli := filepath.Join(w.home, ".aws", "cli", "cache")
	if err := os.MkdirAll(cli, 0o755); err != nil {
		t.Fatal(err)
	}
	for short, k := range map[string]awscache.RoleKey{
		"corp role":    {Account: "123456789012", Role: "Push", Session: "corp"},
		"second role":  {Account: "210987654321", Role: "Pull", Session: "second"},
		"old role":     {Account: "123456789012", Role: "Push", StartURL: "https://old.awsapps.com/start"},
		"stray's role": {Account: "999999999999", Role: "X", Session: "gone"},
	} {
		s.files[short] = must(awscache.RolePath(w.home, k))
		s.put(s.files[short], `{"ProviderType": "sso", "Credentials": {"AccessKeyId": "A", "SecretAccessKey": "S", "SessionToken": "T", "Expiration": "2030-01-01T00:00:00Z"}}`)
	}
	for short, f := range map[string][2]string{
		"kiro":           {filepath.Join(sso, "kiro-auth-token.json"), `{"startUrl": "https://x", "accessToken": "K", "expiresAt": "2030-01-01T00:00:00Z"}`},
		"editor's token": {filepath.Join(sso, "1111111111111111111111111111111111111111.json"), `{"accessToken": "E", "provider": "Github"}`},
		"registration":   {filepath.Join(sso, "2222222222222222222222222222222222222222.json"), `{"clientId": "I", "clientSecret": "S", "expiresAt": "2030-01-01T00:00:00Z"}`},
		"cut file":       {filepath.Join(sso, "3333333333333333333333333333333333333333.json"), `{"startUrl": "https://x", "accessToken`},
		"assumed role":   {filepath.Join(cli, "4444444444444444444444444444444444444444.json"), `{"Credentials": {"AccessKeyId": "A"}, "AssumedRoleUser": {}}`},
		"session.db":     {filepath.Join(cli, "session.db"), "x"},
	} {
		s.files[short] = f[0]
		s.put(f[0], f[1])
	}
	return s
}

func TestLogoutWithoutHome(t *testing.T) {
	_, err := Logout(t.Context(), LogoutInput{})
	if next := hint.Next(err); !errors.Is(err, env.ErrNoHome) || len(next) != 1 || next[0] != env.HomeCommand() {
		t.Errorf("%v; run %q", err, next)
	}
}

func (s *signedIn) put(path, text string) {
	s.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.Fatal(err)
	}
}

// gone lists the removed files by their short names.
func (s *signedIn) gone() map[string]bool {
	gone := map[string]bool{}
	for short, path := range s.files {
		if _, err := os.Stat(path); err != nil {
			gone[short] = true
		}
	}
	return gone
}

func TestLogout(t *testing.T) {
	for name, c := range map[string]struct {
		session, url string
		gone         []string
	}{
		"of one session":     {session: "corp", gone: []string{"corp", "corp role"}},
		"of a legacy URL":    {url: "https://old.awsapps.com/start", gone: []string{"old", "old role"}},
		"of everything":      {gone: []string{"corp", "second", "old", "corp role", "second role", "old role", "stray's role"}},
		"of an unknown name": {session: "nobody"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSignedIn(t)
			s.in.Session, s.in.StartURL = c.session, c.url
			report, err := Logout(t.Context(), s.in)
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]bool{}
			for _, short := range c.gone {
				want[short] = true
			}
			if diff := cmp.Diff(want, s.gone()); diff != "" {
				t.Errorf("gone (-want +got):\n%s", diff)
			}
			if len(report.Tokens)+len(report.Roles) != len(c.gone) || s.aws.Calls(awstest.Logout) != len(report.Tokens) {
				t.Errorf("report %+v after %d calls", report, s.aws.Calls(awstest.Logout))
			}
			for _, token := range report.Tokens {
				if token.PortalErr != nil || token.StartURL == "" {
					t.Errorf("token %+v", token)
				}
			}

			s.aws.ResetLog()
			again, err := Logout(t.Context(), s.in)
			if err != nil || len(again.Tokens)+len(again.Roles) != 0 || s.aws.Calls(awstest.Any) != 0 {
				t.Errorf("the second time: %+v, %v", again, err)
			}
		})
	}
}

// portal returns the same portal for all sessions.
func portal(p Portal) func(awsconfig.Session) (Portal, error) {
	return func(awsconfig.Session) (Portal, error) { return p, nil }
}

// failingPortal is a portal whose requests fail.
type failingPortal struct{ err error }

func (d failingPortal) Logout(context.Context, string, secret.Secret) error { return d.err }

func TestLogoutOfflineRemovesFiles(t *testing.T) {
	t.Parallel()
	s := newSignedIn(t)
	offline := &awsclient.Fault{Kind: awsclient.Network, Host: "portal"}
	s.in.Portal = portal(failingPortal{offline})
	report, err := Logout(t.Context(), s.in)
	if err != nil || len(report.Tokens) != 3 {
		t.Fatalf("got %+v, error %v", report, err)
	}
	for _, token := range report.Tokens {
		if !errors.Is(token.PortalErr, offline) {
			t.Errorf("portal: %v", token.PortalErr)
		}
		if _, err := os.Stat(token.File); err == nil {
			t.Error("the file still exists")
		}
	}
	if _, err := json.Marshal(report); err != nil {
		t.Error(err)
	}
}

func TestLogoutExpiredSession(t *testing.T) {
	t.Parallel()
	s := newSignedIn(t)
	s.aws.ExpireSession()
	s.in.Session = "corp"
	report, err := Logout(t.Context(), s.in)
	if err != nil || len(report.Tokens) != 1 || report.Tokens[0].PortalErr != nil || report.Tokens[0].Session != "corp" {
		t.Errorf("got %+v, error %v", report, err)
	}
}

// Tools may write a token without a region, or with one that AWS does not have. The region
// in the configuration is used then.
func TestLogoutUsesConfiguredRegion(t *testing.T) {
	for name, c := range map[string]struct {
		file, region string // region: as written to the file
		calls        int
	}{
		"of a session":                {"corp", "", 1},
		"of a legacy profile":         {"old", "", 1},
		"of a session, invalid":       {"second", "us east 1", 1},
		"of a session without config": {"corp", "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSignedIn(t)
			data, err := os.ReadFile(s.files[c.file])
			if err != nil {
				t.Fatal(err)
			}
			s.put(s.files[c.file], strings.Replace(string(data), `"region": "`+region+`"`, `"region": "`+c.region+`"`, 1))
			if s.in.StartURL = "https://old.awsapps.com/start"; c.file != "old" {
				s.in.Session, s.in.StartURL = c.file, ""
			}
			if c.calls == 0 {
				s.in.Config = nil
			}
			report, err := Logout(t.Context(), s.in)
			if err != nil || len(report.Tokens) != 1 || (report.Tokens[0].PortalErr == nil) != (c.calls == 1) || s.aws.Calls(awstest.Logout) != c.calls {
				t.Errorf("%+v, %v, %d calls", report, err, s.aws.Calls(awstest.Logout))
			}
			if !s.gone()[c.file] {
				t.Error("the token file still exists")
			}
		})
	}
}

func TestLogoutRemovesDamagedToken(t *testing.T) {
	t.Parallel()
	s := newSignedIn(t)
	s.put(s.files["corp"], `{"startUrl": 7}`)
	s.in.Session = "corp"
	report, err := Logout(t.Context(), s.in)
	if err != nil || len(report.Tokens) != 1 || report.Tokens[0].PortalErr == nil || !s.gone()["corp"] {
		t.Errorf("got %+v, error %v", report, err)
	}
}

func TestLogoutDoesNotWaitForSlowPortal(t *testing.T) {
	onClock(t, awstest.Options{}, func(t *testing.T, w *fixture) {
		s := signIn(t, w)
		s.aws.Fail(awstest.Logout, awstest.Fault{Kind: awstest.Hang})
		start := time.Now()
		report, err := Logout(t.Context(), s.in)
		if took := time.Since(start); err != nil || len(report.Tokens) != 3 || took > portalTimeout {
			t.Errorf("%v after %v", err, took)
		}
	})
}

// signalingPortal closes the channel notified when it receives a request.
type signalingPortal struct{ notified chan struct{} }

func (d signalingPortal) Logout(context.Context, string, secret.Secret) error {
	close(d.notified)
	return nil
}

// A refresh in progress writes the token file when it completes, even if the file was
// removed in the meantime.
func TestLogoutWaitsForRefresh(t *testing.T) {
	for name, c := range map[string]struct{ writes, took time.Duration }{
		"that ends soon":   {time.Second, time.Second},
		"but not for long": {0, tokenLockTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSignedIn(t)
			s.in.Session = "corp"
			lock := filepath.Join(t.TempDir(), "l")
			s.in.TokenLock = func(file string) string {
				if file != s.files["corp"] {
					t.Errorf("lock of %s", file)
				}
				return lock
			}
			text := s.file(s.files["corp"])
			synctest.Test(t, func(t *testing.T) {
				notified := make(chan struct{})
				s.in.Portal = portal(signalingPortal{notified})
				held, err := safefile.Lock(t.Context(), lock)
				if err != nil {
					t.Fatal(err)
				}
				defer held.Unlock()
				if c.writes > 0 {
					go func() {
						<-notified
						time.Sleep(c.writes) // on the synctest clock
						s.put(s.files["corp"], text)
						held.Unlock()
					}()
				}
				start := time.Now()
				report, err := Logout(t.Context(), s.in)
				if over := time.Since(start) - c.took; over < 0 || over > 20*time.Millisecond {
					t.Errorf("took %v", time.Since(start))
				}
				time.Sleep(time.Minute) // on the synctest clock, until the refresh has ended
				if err != nil || len(report.Tokens) != 1 || !s.gone()["corp"] {
					t.Errorf("%+v, %v; gone %v", report, err, s.gone())
				}
			})
		})
	}
}

func TestLogoutWithoutLock(t *testing.T) {
	for name, lock := range map[string]string{"there is none": "", "it cannot be had": filepath.Join(os.DevNull, "l")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSignedIn(t)
			s.in.TokenLock = func(string) string { return lock }
			if report, err := Logout(t.Context(), s.in); err != nil || len(report.Tokens) != 3 {
				t.Errorf("got %+v, error %v", report, err)
			}
		})
	}
}

// recordedLogins records the logins that a sign-in erases.
type recordedLogins func(tokenFile, but string)

func (r recordedLogins) EraseSession(tokenFile, but string) { r(tokenFile, but) }

// A new sign-in removes only the logins and role credentials of the earlier one, before its
// own token is saved. Later ones come from the new sign-in.
func TestSignInErasesEarlierSignIn(t *testing.T) {
	s := newSignedIn(t)
	earlier, erased := s.file(s.files["corp"]), 0
	in := s.input()
	in.Config = s.in.Config
	in.Logins = recordedLogins(func(tokenFile, but string) {
		if erased++; tokenFile != s.files["corp"] || but != "" || s.file(tokenFile) != earlier {
			t.Errorf("erased the logins of %s except those of %q", tokenFile, but)
		}
	})
	if _, err := Login(t.Context(), in); err != nil || erased != 1 || s.file(s.files["corp"]) == earlier {
		t.Errorf("%v, erased %d times", err, erased)
	}
	for short, file := range s.files {
		if _, err := os.Stat(file); (err == nil) == (short == "corp role") {
			t.Errorf("%s: error %v", short, err)
		}
	}
}
