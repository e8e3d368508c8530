package kubelet

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/credhelper"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

// interleavings is the number of rounds. Each round makes one change and then sends
// concurrent requests. `make test-full` runs 10,000, which take minutes with the race
// detector.
var interleavings = flag.Int("interleavings", 200, "rounds of TestNoLoginCrosses")

const (
	testAccount = "123456789012"
	testImage   = testAccount + ".dkr.ecr.us-east-1.amazonaws.com/team/app"
)

// pod is the owner of a request. The zero value is the node itself.
type pod struct{ issuer, account, role string }

// crossing is a cluster with pods that share names, roles and issuers.
type crossing struct {
	*testing.T
	aws  *awstest.AWS
	env  env.Set
	dir  string // cache directory
	node string // principal of the node
	rand *rand.Rand
	pods []pod

	mu     sync.Mutex
	owners map[string]pod // owner of each returned password
	seen   map[string]int
}

// A service account's login is never returned to a different service account or the node.
// This holds for any order of requests, any failures and expirations, and any file
// changes.
func TestNoLoginCrosses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrossing(t)
		for range *interleavings {
			c.event()
			var requests sync.WaitGroup
			for range 1 + c.rand.IntN(2) {
				p := c.pods[c.rand.IntN(len(c.pods))]
				requests.Go(func() { c.request(p) })
			}
			requests.Wait()
		}
		for _, what := range []string{"login of the node", "login of a service account", "refused", "failed", "files exchanged"} {
			if c.seen[what] < *interleavings/100 {
				t.Errorf("%s: only %d", what, c.seen[what])
			}
		}
		t.Log(c.seen, len(c.owners), "logins")
	})
}

func newCrossing(t *testing.T) *crossing {
	fake, err := awstest.New(awstest.Options{InMemory: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	fake.AddAccount(testAccount, "A", "a@example.com", "pull-1", "pull-2")
	keys := fake.AddKeys(testAccount)
	home := fake.Home(t.TempDir())
	c := &crossing{T: t, aws: fake, rand: rand.New(rand.NewPCG(1, 2)), owners: map[string]pod{}, seen: map[string]int{}, node: ":user/builder"}
	c.env = env.FromList(append(home.Env(), "AWS_ACCESS_KEY_ID="+keys.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+keys.SecretAccessKey))
	c.dir = c.env.CacheDir()
	c.pods = []pod{{}}
	for _, issuer := range []string{"https://one.example.com", "https://two.example.com"} {
		for _, account := range []string{"team:app", "ops:a", "team.app:x", "team:app.x"} {
			for _, role := range []string{"pull-1", "pull-2"} {
				c.pods = append(c.pods, pod{issuer, account, "arn:aws:iam::" + testAccount + ":role/" + role})
			}
		}
	}
	return c
}

// event makes one random change.
func (c *crossing) event() {
	switch c.rand.IntN(12) {
	case 0:
		time.Sleep(time.Duration(c.rand.Int64N(int64(4 * time.Hour))))
	case 1:
		c.aws.Fail(awstest.AssumeRoleWithWebIdentity, awstest.Fault{Kind: awstest.Status, Status: 503, Times: 1 + c.rand.IntN(60)})
	case 2:
		c.aws.Fail(awstest.GetAuthorizationToken, awstest.Fault{Kind: awstest.Throttle, Times: 1 + c.rand.IntN(5)})
	case 3:
		c.aws.ClearFaults()
	case 4:
		c.aws.ExpireKeys()
	case 5, 6:
		c.exchange()
	}
}

// exchange copies the content of one cache file to a second file.
func (c *crossing) exchange() {
	files, _ := filepath.Glob(filepath.Join(c.dir, "*.json"))
	if len(files) < 2 {
		return
	}
	from, to := files[c.rand.IntN(len(files))], files[c.rand.IntN(len(files))]
	data, err := os.ReadFile(from)
	if err == nil && from != to {
		err = os.WriteFile(to, data, 0o600)
		c.seen["files exchanged"]++
	}
	if err != nil {
		c.Fatal(err)
	}
}

func (c *crossing) request(p pod) {
	r := Request{apiVersion: versions[0], image: testImage}
	trusted := true
	if p != (pod{}) {
		trusted = len(p.account)%2 == 0 || strings.HasSuffix(p.role, "-1") // some accounts may not assume all roles
		account := awstest.ServiceAccount{Issuer: p.issuer, Name: p.account, Audience: "sts.amazonaws.com"}
		if trusted {
			account.Roles = []string{p.role}
		}
		r.token = secret.New(c.aws.ServiceAccountToken(account, time.Hour))
		r.annotations = map[string]string{roleAnnotation: p.role}
	}
	out, err := Answer(context.Background(), r, Options{
		Env: c.env, Logger: slog.New(slog.DiscardHandler), Warn: func(error) {},
		Helper: []credhelper.Option{credhelper.WithTransport(c.aws.Transport())},
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.seen["failed"]++
		if !trusted {
			c.seen["refused"]++
		}
		return
	}
	password := login(c.T, out)
	owner, old := c.owners[password]
	is, want := c.aws.PasswordPrincipal(password), c.node
	if p != (pod{}) {
		want = fmt.Sprintf(":assumed-role/%s/%s", p.role[strings.LastIndexByte(p.role, '/')+1:], strings.ReplaceAll(p.account, ":", "."))
		c.seen["login of a service account"]++
	} else {
		c.seen["login of the node"]++
	}
	switch {
	case !strings.HasSuffix(is, want):
		c.Errorf("%v got a login of %s", p, is)
	case old && owner != p:
		c.Errorf("%v got the login of %v", p, owner)
	case !trusted:
		c.Errorf("%v got a login although its role does not trust it", p)
	}
	c.owners[password] = p
}

// login returns the password in a response.
func login(t *testing.T, answer []byte) string {
	t.Helper()
	var r response
	if err := json.Unmarshal(answer, &r); err != nil {
		t.Error(err)
	}
	for _, login := range r.Auth {
		return login.Password
	}
	return ""
}
