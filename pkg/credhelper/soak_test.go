package credhelper_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/docker/docker-credential-helpers/credentials"
	"github.com/google/go-cmp/cmp"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/credhelper"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awscache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/login"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/tokencache"
)

// wholeDay runs TestSoak to the end, as `make soak` does. `make test` ends after the outage and
// the hanging portal: with the race detector, the rest takes some seconds of processor time.
var wholeDay = flag.Bool("day", false, "run TestSoak for the whole day")

const (
	shortTicks = 100

	tick      = 7 * time.Minute // no lifetime is a multiple
	soakTicks = 26 * 60 / 7     // a day and two hours

	// Ticks of the events. The outage lasts an hour, the other three one tick each.
	outage, outageEnds = 58, 67
	hanging            = 94
	broken             = 110
	flood              = 170
	signOut            = 120
	storing, erasing   = 130, 150
)

// TestSoak runs more than a day of gets on a fake clock. Every seven minutes, a
// long-running program and a newly started one get logins for five registries. The
// registries are in three accounts and use two sign-ins. The AWS calls must be exactly
// those that token lifetimes require. No goroutine, connection, file descriptor, file or
// memory may leak.
func TestSoak(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSoak(t)
		start := time.Now()
		ticks := shortTicks
		if *wholeDay {
			ticks = soakTicks
		}
		for n := range ticks {
			time.Sleep(time.Until(start.Add(time.Duration(n) * tick)))
			s.nothingLeft(n)
			s.model.now = time.Now()
			s.events(n)
			s.gets(n)
			s.settle(n)
		}
		time.Sleep(tick)
		s.nothingLeft(ticks)
		t.Log(time.Since(start), s.model.seen, "calls:", s.calls)
		if !*wholeDay {
			return
		}
		for _, what := range []string{"warm", "outage", "role kept", "portal hangs", "ECR broken", "ECR floods", "signed out", "session ended",
			"session ended, not refreshable", "renewed", "a call made again: CreateToken",
			"a call made again: GetRoleCredentials", "a call made again: GetAuthorizationToken"} {
			if s.model.seen[what] == 0 {
				t.Errorf("the schedule does not cover: %s", what)
			}
		}
	})
}

type soak struct {
	*testing.T
	aws   *awstest.AWS
	home  *awstest.Home
	env   env.Set
	model *model
	corp  *session

	places   []*place
	roles    []*roleState
	sessions []*session

	lasting *credhelper.Helper
	calls   int
	before  resources
	stacks  []byte // buffer
	heap    uint64 // after the first third of the day
}

func newSoak(t *testing.T) *soak {
	fake, err := awstest.New(awstest.Options{InMemory: true, PasswordTTL: loginTTL})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	const legacyURL = "https://legacy.awsapps.com/start"
	fake.AddInstance(startURL, region)
	fake.AddInstance(legacyURL, region)
	s := &soak{T: t, aws: fake, home: fake.Home(t.TempDir()), model: newModel(t)}
	s.env = env.FromList(s.home.Env())
	s.corp = &session{renews: true}
	legacy := &session{}
	s.sessions = []*session{s.corp, legacy}
	for i, account := range []string{"111111111111", "222222222222", "333333333333"} {
		fake.AddAccount(account, "A", "a@example.com", "Push")
		s.roles = append(s.roles, &roleState{})
		if i < 2 {
			s.home.SSOProfile(fmt.Sprint("p", i), "corp", startURL, region, account, "Push")
		} else {
			s.home.LegacyProfile("old", legacyURL, region, account, "Push")
		}
	}
	s.places = []*place{
		{host: awstest.RegistryHost("111111111111", "us-east-1"), from: 0, session: s.corp, role: s.roles[0]},
		{host: awstest.RegistryHost("111111111111", "eu-west-1"), from: 3, session: s.corp, role: s.roles[0]},
		{host: awstest.RegistryHost("222222222222", "us-east-1"), from: 5, session: s.corp, role: s.roles[1]},
		{host: awstest.RegistryHost("222222222222", "ap-south-1"), from: 9, session: s.corp, role: s.roles[1]},
		{host: awstest.RegistryHost("333333333333", "us-east-1"), from: 1, session: legacy, role: s.roles[2]},
	}
	s.lasting = s.helper()
	return s
}

// helper returns the Helper of a newly started program with its own connections.
func (s *soak) helper() *credhelper.Helper {
	return credhelper.New(credhelper.WithEnv(s.env.List()), credhelper.WithTransport(s.aws.Transport()),
		credhelper.WithSignIn(s.refresh))
}

// refresh is a user who signs in with a device code and approves it after a while.
func (s *soak) refresh(ctx context.Context, r credhelper.SignInRequest) error {
	key := awsconfig.SSO{Session: r.Session.Name, StartURL: r.Session.StartURL}.CacheKey()
	if t, err := awscache.ReadToken(must(awscache.TokenPath(s.home.Dir, key))); err == nil && t.Live(time.Now()) {
		return nil
	}
	return r.SignIn(ctx, credhelper.SignInOptions{DeviceCode: true, NoBrowser: true, Output: approver{s.aws}})
}

// approver reads the device code from the output of a sign-in and approves it between two
// polls.
type approver struct{ aws *awstest.AWS }

func (a approver) Write(text []byte) (int, error) {
	if code, ok := deviceCode(text); ok {
		time.AfterFunc(polls*time.Second-time.Second/2, func() { a.aws.ApproveDevice(code) })
	}
	return len(text), nil
}

func deviceCode(text []byte) (string, bool) {
	_, after, ok := strings.Cut(string(text), "Then enter this code:\n\n")
	code, _, _ := strings.Cut(after, "\n")
	return strings.TrimSpace(code), ok
}

// events runs everything except gets: user actions and changes in AWS.
func (s *soak) events(n int) {
	s.model.weather = fair
	switch {
	case n >= outage && n < outageEnds:
		s.sky(down, awstest.Any, awstest.Fault{Kind: awstest.Down})
	case n == hanging:
		s.eraseAll()
		s.sky(portalHangs, awstest.GetRoleCredentials, awstest.Fault{Kind: awstest.Hang})
	case n == broken:
		s.eraseAll()
		s.sky(ecrBroken, awstest.GetAuthorizationToken, awstest.Fault{Status: 503})
	case n == flood:
		s.eraseAll()
		s.sky(ecrFloods, awstest.GetAuthorizationToken, awstest.Fault{Kind: awstest.Giant, Size: 2 << 20})
	case n == signOut:
		s.logout()
	case n == storing:
		s.store(s.places[2])
	case n == erasing:
		s.erase(s.places[2])
	case n%11 == 10: // docker logout of a different registry each time
		s.erase(s.places[n/11%len(s.places)])
	case n%6 == 2:
		s.arm(n / 6)
	}
}

// sky sets the state of AWS for one tick.
func (s *soak) sky(w weather, op awstest.Op, f awstest.Fault) {
	s.aws.ClearFaults()
	clear(s.model.armed)
	s.model.weather = w
	s.aws.Fail(op, f)
}

// arm makes one call fail. It must be retried.
func (s *soak) arm(n int) {
	faults := []struct {
		op awstest.Op
		awstest.Fault
	}{
		{awstest.GetAuthorizationToken, awstest.Fault{Kind: awstest.Throttle, Times: 1}},
		{awstest.GetRoleCredentials, awstest.Fault{Kind: awstest.Throttle, Times: 1, RetryAfter: "2"}},
		{awstest.CreateToken, awstest.Fault{Kind: awstest.Throttle, Times: 1}},
		{awstest.GetAuthorizationToken, awstest.Fault{Kind: awstest.Cut, Times: 1}},
		{awstest.GetRoleCredentials, awstest.Fault{Kind: awstest.LateReset, Times: 1}},
		{awstest.GetAuthorizationToken, awstest.Fault{Kind: awstest.Reset, Times: 1}},
		{awstest.GetRoleCredentials, awstest.Fault{Status: 503, Times: 1}},
	}
	f := faults[n%len(faults)]
	if !s.model.armed[f.op] {
		s.model.armed[f.op] = true
		s.aws.Fail(f.op, f.Fault)
	}
}

func (s *soak) erase(p *place) {
	if err := s.helper().Delete(p.host); err != nil {
		s.Fatal(err)
	}
	p.ends = time.Time{}
}

func (s *soak) eraseAll() {
	for _, p := range s.places {
		s.erase(p)
	}
}

// store runs docker login with a password that has no expiry.
func (s *soak) store(p *place) {
	if err := s.helper().Add(&credentials.Credentials{ServerURL: p.host, Username: "AWS", Secret: "from docker login"}); err != nil {
		s.Fatal(err)
	}
	p.ends = time.Now().Add(12 * time.Hour)
}

// logout runs the logout command.
func (s *soak) logout() {
	config, err := awsconfig.Load(awsconfig.DefaultPaths(s.env, s.home.Dir))
	if err != nil {
		s.Fatal(err)
	}
	client, err := awsclient.New(awsclient.Options{Env: s.env, Config: config, Transport: s.aws.Transport()})
	if err != nil {
		s.Fatal(err)
	}
	defer client.Close()
	cache := tokencache.Open(s.env.CacheDir(), time.Now)
	if _, err := login.Logout(s.Context(), login.LogoutInput{
		Home: s.home.Dir, Config: config, Session: "corp",
		Portal:    func(awsconfig.Session) (login.Portal, error) { return client, nil },
		TokenLock: cache.TokenLock,
	}); err != nil {
		s.Fatal(err)
	}
	cache.EraseSessions()
	s.model.call(awstest.Logout)
	s.corp.tokenEnds = time.Time{}
	for _, p := range s.places {
		if p.session == s.corp {
			p.ends, p.role.ends = time.Time{}, time.Time{}
		}
	}
}

// gets runs concurrent gets for each registry.
func (s *soak) gets(n int) {
	type answer struct {
		password string
		err      error
	}
	answers := make([][parallel]answer, len(s.places))
	var all sync.WaitGroup
	for i, p := range s.places {
		for a, h := range []*credhelper.Helper{s.lasting, s.helper()} {
			if n >= p.from {
				all.Go(func() { _, answers[i][a].password, answers[i][a].err = h.Get(p.host) })
			}
		}
	}
	all.Wait()
	for i, p := range s.places {
		if n < p.from {
			continue
		}
		want := s.model.get(p)
		for _, got := range answers[i] {
			if (got.err == nil) != (want == nil) || !errors.Is(got.err, want) {
				s.Fatalf("tick %d: %s: %v, not %v", n, p.host, got.err, want)
			}
			if got.password != answers[i][0].password {
				s.Fatalf("tick %d: %s: two different logins", n, p.host)
			}
		}
	}
	s.model.replaced(s.places)
}

// settle compares the tick's calls with the expected ones.
func (s *soak) settle(n int) {
	got := map[awstest.Op]int{}
	for _, c := range s.aws.Log() {
		got[c.Op]++
	}
	if diff := cmp.Diff(s.model.takeCalls(), got); diff != "" {
		s.Fatalf("tick %d: calls (-expected +made):\n%s", n, diff)
	}
	s.calls += len(s.aws.Log())
	s.aws.ResetLog()
	if s.model.weather != fair {
		s.aws.ClearFaults()
	}
	s.agree()
}

// agree sets file modification times to the fake time, because the system uses real time.
func (s *soak) agree() {
	now := time.Now()
	for _, path := range s.files() {
		if strings.Contains(path, filepath.Join(".aws", "sso")) || strings.Contains(path, filepath.Join(".aws", "cli")) {
			continue // only the order of these matters
		}
		if info, err := os.Lstat(path); err == nil && info.ModTime().After(now) {
			_ = os.Chtimes(path, now, now)
		}
	}
}

// must returns a path that exists in every home directory.
func must(path string, err error) string {
	if err != nil {
		panic(err)
	}
	return path
}
