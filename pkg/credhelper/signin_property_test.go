package credhelper_test

import (
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/credhelper"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awscache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/login"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/tokencache"
)

// allWalks is the number of random walks in `make test-full`, which runs without the race
// detector. Together, they cover all events.
const (
	allWalks  = 40
	walkSteps = 60
)

var walks = flag.Uint64("walks", 5, "random sequences of TestLoginIsFromCurrentSignIn")

// TestLoginIsFromCurrentSignIn runs random sequences of events: sign-ins, refreshes and
// sign-outs by this program and by other tools, an edited start URL, and passing time. Two
// home directories share a session name and a cache directory. A get may only return a
// login from a sign-in that was the session's current one at some time during the get. It
// must return a login while there is a current sign-in. To repeat one walk, run the test
// with its name.
func TestLoginIsFromCurrentSignIn(t *testing.T) {
	var mu sync.Mutex
	seen, whole := map[string]int{}, 0
	t.Cleanup(func() { // after all walks
		t.Log(seen)
		for _, what := range []string{"our sign-in", "another tool's sign-in", "another tool's refresh", "our refresh", "our logout",
			"another tool's logout", "start URL edited", "answered", "answered without a call", "refused", "gets during an event"} {
			if seen[what] == 0 && whole >= allWalks {
				t.Errorf("no walk covered: %s", what)
			}
		}
	})
	for seed := range *walks {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWalk(t, seed)
				for w.step = range walkSteps {
					w.walkOn()
				}
				mu.Lock()
				defer mu.Unlock()
				for what, n := range w.seen {
					seen[what] += n
				}
				whole++
			})
		})
	}
}

var (
	walkURLs  = []string{"https://corp.awsapps.com/start", "https://other.awsapps.com/start"}
	walkHosts = []string{awstest.RegistryHost("111111111111", region), awstest.RegistryHost("222222222222", region)}
)

// randomWalk is one random sequence of events.
type randomWalk struct {
	*testing.T
	*rand.Rand
	aws   *awstest.AWS
	desks []*desk
	step  int
	users int
	mu    sync.Mutex
	seen  map[string]int
}

// desk is a home directory in which different users sign in.
type desk struct {
	home    *awstest.Home
	env     env.Set
	lasting *credhelper.Helper
	url     string // the session's start URL, as configured

	// The sign-in in the token file; user is "" if there is none.
	user, userURL string
	ends          time.Time

	mu      sync.Mutex
	current []string // the session's current sign-ins, in order; "" for none
	oldest  int      // the oldest one whose login a get starting now may return
}

func newWalk(t *testing.T, seed uint64) *randomWalk {
	fake, err := awstest.New(awstest.Options{InMemory: true, AutoApprove: true, ServiceTime: map[awstest.Op]time.Duration{
		awstest.OIDC: 100 * time.Millisecond, awstest.Portal: 100 * time.Millisecond, awstest.ECR: 100 * time.Millisecond,
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	for _, url := range walkURLs {
		fake.AddInstance(url, region)
	}
	w := &randomWalk{T: t, Rand: rand.New(rand.NewPCG(seed, 0)), aws: fake, seen: map[string]int{}}
	cache := t.TempDir()
	for range 2 {
		d := &desk{home: fake.Home(t.TempDir()), url: walkURLs[0], current: []string{""}}
		d.env = env.FromList(append(d.home.Env(), "ECR_SSO_CACHE_DIR="+cache))
		d.lasting = w.helper(d)
		w.desks = append(w.desks, d)
		w.configure(d)
	}
	for _, account := range []string{"111111111111", "222222222222"} {
		fake.AddAccount(account, "A", "a@example.com", "Push")
	}
	return w
}

func (w *randomWalk) helper(d *desk) *credhelper.Helper {
	return credhelper.New(credhelper.WithEnv(d.env.List()), credhelper.WithTransport(w.aws.Transport()))
}

// configure writes the desk's ~/.aws/config.
func (w *randomWalk) configure(d *desk) {
	d.home.WriteConfig("")
	for i, account := range []string{"111111111111", "222222222222"} {
		d.home.SSOProfile(fmt.Sprint("p", i), "corp", d.url, region, account, "Push")
	}
}

func (w *randomWalk) walkOn() {
	d := w.desks[w.IntN(len(w.desks))]
	switch n := w.IntN(10); {
	case n < 4:
		w.getAlone(d)
	case n < 6:
		time.Sleep(time.Duration(1+w.IntN(90)) * time.Minute)
	case n < 7:
		w.event(d)
	default:
		w.together(d)
	}
}

// event changes the desk's session.
func (w *randomWalk) event(d *desk) {
	switch w.IntN(12) {
	case 0, 1, 2:
		w.signIn(d)
	case 3, 4, 5:
		w.signInElsewhere(d)
	case 6, 7, 8:
		w.refreshElsewhere(d)
	case 9:
		w.logout(d)
	case 10:
		w.note("another tool's logout")
		w.change(d, func() { d.user = "" }, func() { _ = os.Remove(d.home.TokenPath("corp")) })
	case 11:
		w.note("start URL edited")
		w.change(d, func() { d.url = walkURLs[1-slices.Index(walkURLs, d.url)] }, func() {
			w.configure(d)
			d.mu.Lock()
			defer d.mu.Unlock()
			d.lasting = w.helper(d) // a Helper reads the configuration only once
		})
	}
}

// together runs an event during gets. The event happens between two AWS responses, which
// arrive at multiples of 10 ms.
func (w *randomWalk) together(d *desk) {
	w.note("gets during an event")
	var all sync.WaitGroup
	for range 1 + w.IntN(4) {
		other, host, wait := w.desks[w.IntN(len(w.desks))], w.IntN(len(walkHosts)), time.Duration(w.IntN(60))*10*time.Millisecond
		fresh := w.IntN(2) == 0
		all.Go(func() {
			time.Sleep(wait)
			w.get(other, host, fresh)
		})
	}
	time.Sleep(time.Duration(w.IntN(60))*10*time.Millisecond + 7*time.Millisecond)
	w.event(d)
	all.Wait()
}

// getAlone is a get without concurrent events. It must return a login if a user is signed
// in.
func (w *randomWalk) getAlone(d *desk) {
	tokens, logins := w.aws.Calls(awstest.CreateToken), w.aws.Calls(awstest.GetAuthorizationToken)
	password, err := w.get(d, w.IntN(len(walkHosts)), w.IntN(2) == 0)
	if w.aws.Calls(awstest.CreateToken) > tokens {
		w.note("our refresh")
	}
	live := d.now() != "" && time.Until(d.ends) > 10*time.Minute
	if live && err != nil {
		w.Fatalf("step %d: %s is signed in until %s, but get returned: %v", w.step, d.user, d.ends, err)
	}
	if password != "" && w.aws.Calls(awstest.GetAuthorizationToken) == logins {
		w.note("answered without a call")
	}
}

// get gets a login in a new process or a long-running one, and checks the property.
func (w *randomWalk) get(d *desk, host int, fresh bool) (string, error) {
	d.mu.Lock()
	helper, from := d.lasting, d.oldest
	d.mu.Unlock()
	if fresh {
		helper = w.helper(d)
	}
	_, password, err := helper.Get(walkHosts[host])
	if err != nil {
		w.note("refused")
		return "", err
	}
	w.note("answered")
	d.mu.Lock()
	may := slices.Clone(d.current[from:])
	d.mu.Unlock()
	if owner := w.aws.PasswordUser(password); owner == "" || !slices.Contains(may, owner) {
		w.Errorf("step %d: login of %q; current sign-ins: %q", w.step, owner, may)
	}
	return password, nil
}

func (w *randomWalk) note(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen[what]++
}

// now returns the session's current sign-in.
func (d *desk) now() string {
	if d.userURL != d.url {
		return ""
	}
	return d.user
}

// change puts the desk's files into a new state. During the change, a get may see the old
// or the new state.
func (w *randomWalk) change(d *desk, becomes, files func()) {
	d.mu.Lock()
	becomes()
	d.current = append(d.current, d.now())
	d.mu.Unlock()
	files()
	d.mu.Lock()
	d.oldest = len(d.current) - 1
	d.mu.Unlock()
}

// otherUser signs in a different user each time, so that the user in a password identifies
// the sign-in.
func (w *randomWalk) otherUser(d *desk) func() {
	w.users++
	name := fmt.Sprint("user-", w.users)
	w.aws.SetUser(name)
	return func() { d.user, d.userURL, d.ends = name, d.url, time.Now().Add(8*time.Hour) }
}

// signIn runs `docker-credential-ecr-sso login`.
func (w *randomWalk) signIn(d *desk) {
	w.note("our sign-in")
	config, client, cache := w.parts(d)
	defer client.Close()
	file := d.home.TokenPath("corp")
	w.change(d, w.otherUser(d), func() {
		_, err := login.Login(w.Context(), login.Input{
			Session: awsconfig.Session{Name: "corp", StartURL: d.url, Region: region}, Home: d.home.Dir, Device: true, NoBrowser: true,
			OIDC: client, Browser: login.Browser{}, Screen: login.Lines{W: io.Discard}, Now: time.Now, Logins: cache, Config: config,
			LoginLock: cache.SignInLock(file), TokenLock: cache.TokenLock(file),
		})
		if err != nil {
			w.Fatalf("step %d: %v", w.step, err)
		}
	})
}

// signInElsewhere signs in with the AWS CLI, with or without a refresh token. It only
// writes the token file.
func (w *randomWalk) signInElsewhere(d *desk) {
	w.note("another tool's sign-in")
	becomes := w.otherUser(d)
	token := w.aws.SignIn(d.url, region, w.IntN(3) > 0)
	w.change(d, becomes, func() { d.home.WriteToken("corp", token) })
}

// refreshElsewhere is a refresh by a tool that does not use the helper's locks.
func (w *randomWalk) refreshElsewhere(d *desk) {
	file := d.home.TokenPath("corp")
	token, err := awscache.ReadToken(file)
	if err != nil || !token.Refreshable(time.Now()) {
		return
	}
	_, client, _ := w.parts(d)
	defer client.Close()
	grant, err := client.Refresh(w.Context(), region, token)
	if err != nil { // the token was used by a get, or the session has ended
		return
	}
	w.note("another tool's refresh")
	token.AccessToken, token.RefreshToken = grant.AccessToken, grant.RefreshToken
	token.ExpiresAt = time.Now().Add(grant.ExpiresIn)
	if err := os.WriteFile(file, awscache.MarshalToken(token), 0o600); err != nil {
		w.Fatal(err)
	}
}

// logout runs `docker-credential-ecr-sso logout`.
func (w *randomWalk) logout(d *desk) {
	w.note("our logout")
	config, client, cache := w.parts(d)
	defer client.Close()
	w.change(d, func() { d.user = "" }, func() {
		if _, err := login.Logout(w.Context(), login.LogoutInput{
			Home: d.home.Dir, Config: config, Session: "corp",
			Portal:    func(awsconfig.Session) (login.Portal, error) { return client, nil },
			TokenLock: cache.TokenLock,
		}); err != nil {
			w.Fatal(err)
		}
		cache.EraseSessions()
	})
}

// parts returns what a command creates in this home directory.
func (w *randomWalk) parts(d *desk) (*awsconfig.Config, *awsclient.Client, *tokencache.Cache) {
	config, err := awsconfig.Load(awsconfig.DefaultPaths(d.env, d.home.Dir))
	if err != nil {
		w.Fatal(err)
	}
	client, err := awsclient.New(awsclient.Options{Env: d.env, Config: config, Transport: w.aws.Transport()})
	if err != nil {
		w.Fatal(err)
	}
	return config, client, tokencache.Open(d.env.CacheDir(), time.Now)
}
