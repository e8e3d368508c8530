package kubelet

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
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
)

// pulls is the number of concurrent pulls on a node. `make test-full` runs 30: processes
// that wait for the lock try it 30 times a second, and the tests have minutes on their clock.
var pulls = flag.Int("pulls", 9, "concurrent pulls on a node")

// node is a node with keys in its environment.
type node struct {
	aws *awstest.AWS
	env env.Set
}

func newNode(t *testing.T) *node {
	fake, err := awstest.New(awstest.Options{InMemory: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	keys := fake.AddKeys(testAccount)
	home := fake.Home(t.TempDir())
	return &node{fake, env.FromList(append(home.Env(), "AWS_ACCESS_KEY_ID="+keys.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+keys.SecretAccessKey))}
}

func (n *node) pull(image string) ([]byte, error) {
	return n.answer(Request{apiVersion: versions[0], image: image})
}

func (n *node) answer(r Request) ([]byte, error) {
	return Answer(context.Background(), r, Options{
		Env: n.env, Logger: slog.New(slog.DiscardHandler), Warn: func(error) {},
		Helper: []credhelper.Option{credhelper.WithTransport(n.aws.Transport())},
	})
}

// A node waits for a throttling or failing AWS, but never longer than the kubelet waits.
func TestNodeRetries(t *testing.T) {
	for _, tt := range []struct {
		name        string
		fault       awstest.Fault
		least, most time.Duration // duration of the response
		calls       int           // maximum
		err         error
	}{
		{"throttled for a long time", awstest.Fault{Kind: awstest.Throttle, Times: 3}, 0, 42 * time.Second, 4, nil},
		{"throttled permanently", awstest.Fault{Kind: awstest.Throttle}, time.Second, 43 * time.Second, 30, credhelper.ErrService},
		{"503 for ever", awstest.Fault{Kind: awstest.Status, Status: 503}, time.Second, 43 * time.Second, 30, credhelper.ErrService},
		{"Retry-After of half a minute", awstest.Fault{Kind: awstest.Status, Status: 503, RetryAfter: "30", Times: 1}, 30 * time.Second, 32 * time.Second, 2, nil},
		{"Retry-After of an hour", awstest.Fault{Kind: awstest.Status, Status: 503, RetryAfter: "3600"}, 0, time.Second, 1, credhelper.ErrService},
		{"no answer once", awstest.Fault{Kind: awstest.Hang, Times: 1}, 10 * time.Second, 20 * time.Second, 2, nil},
		{"no answer", awstest.Fault{Kind: awstest.Hang}, 30 * time.Second, 43 * time.Second, 3, credhelper.ErrNetwork},
		{"denied", awstest.Fault{Kind: awstest.Status, Status: 400, Code: "AccessDeniedException"}, 0, time.Second, 1, credhelper.ErrDenied},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNode(t)
				n.aws.Fail(awstest.GetAuthorizationToken, tt.fault)
				start := time.Now()
				_, err := n.pull(testImage)
				took := time.Since(start)
				if !errors.Is(err, tt.err) || (err == nil) != (tt.err == nil) {
					t.Errorf("err = %v", err)
				}
				if took < tt.least || took > tt.most {
					t.Errorf("took %v", took)
				}
				if calls := n.aws.Calls(awstest.GetAuthorizationToken); calls > tt.calls {
					t.Errorf("%d calls", calls)
				}
			})
		})
	}
}

// Concurrent pulls run while AWS is throttling. One process tries, and the other
// processes wait for it. When it times out, they also time out without calling AWS.
func TestThrottledNodeCallsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		n.aws.Fail(awstest.GetAuthorizationToken, awstest.Fault{Kind: awstest.Throttle})
		start := time.Now()
		var all sync.WaitGroup
		for range *pulls {
			all.Go(func() {
				if _, err := n.pull(testImage); !errors.Is(err, credhelper.ErrService) {
					t.Errorf("err = %v", err)
				}
			})
		}
		all.Wait()
		if took := time.Since(start); took > Limit {
			t.Errorf("took %v", took)
		}
		if calls := n.aws.Calls(awstest.GetAuthorizationToken); calls > 30 {
			t.Errorf("%d calls", calls)
		}
	})
}

// A throttled machine calls AWS at increasing intervals, regardless of how frequently the
// kubelet starts the program. A success resets the interval.
func TestProcessesSharePace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		n.aws.Fail(awstest.GetAuthorizationToken, awstest.Fault{Kind: awstest.Throttle})
		for range 10 {
			if _, err := n.pull(testImage); !errors.Is(err, credhelper.ErrService) {
				t.Fatalf("err = %v", err)
			}
		}
		if calls := n.aws.Calls(awstest.GetAuthorizationToken); calls < 5 || calls > 35 {
			t.Errorf("%d calls in 7 minutes", calls)
		}
		n.aws.ClearFaults()
		time.Sleep(2 * time.Minute)
		if _, err := n.pull(testImage); err != nil {
			t.Fatal(err)
		}
		if notes, _ := filepath.Glob(filepath.Join(n.env.CacheDir(), "locks", "*.throttled")); len(notes) > 0 {
			t.Errorf("leftover notes: %v", notes)
		}
	})
}

// ECR Public images can be pulled without a login, so a node waits for one only briefly.
func TestPublicImageWaitsBriefly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		n.aws.Fail(awstest.GetPublicAuthorizationToken, awstest.Fault{Kind: awstest.Hang})
		start := time.Now()
		out, err := n.pull("public.ecr.aws/nginx/nginx")
		if took := time.Since(start); err != nil || took > 11*time.Second {
			t.Errorf("%s, %v after %v", out, err, took)
		}
	})
}

// A login is renewed before it expires. If the renewal fails, the provider returns the
// old login.
func TestFailedRenewalReturnsOldLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		first, err := n.pull(testImage)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(11*time.Hour + 49*time.Minute) // close to the latest renewal time
		n.aws.Fail(awstest.GetAuthorizationToken, awstest.Fault{Kind: awstest.Hang})
		second, err := n.pull(testImage)
		if err != nil || login(t, second) != login(t, first) {
			t.Errorf("got %s, error %v", second, err)
		}
		n.aws.ClearFaults()
		third, err := n.pull(testImage)
		if err != nil || login(t, third) == login(t, first) {
			t.Errorf("got %s, error %v", third, err)
		}
		n.aws.Fail(awstest.GetAuthorizationToken, awstest.Fault{Kind: awstest.Down})
		time.Sleep(10 * time.Hour) // the second login is renewed within its last hour
		n.aws.ResetLog()
		if fourth, err := n.pull(testImage); err != nil || login(t, fourth) != login(t, third) || n.aws.Calls(awstest.Any) != 0 {
			t.Errorf("error %v", err)
		}
		time.Sleep(2 * time.Hour)
		if out, err := n.pull(testImage); !errors.Is(err, credhelper.ErrNetwork) || len(out) > 0 {
			t.Errorf("an expired login: %s, %v", out, err)
		}
	})
}

// If no login is available for any reason, a pull from ECR Public continues without one,
// even for an alias. The kubelet gets an empty response and logs nothing.
func TestPublicImageWithoutLogin(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fault awstest.Fault
		keep  string
	}{
		{"denied", awstest.Fault{Kind: awstest.Deny}, "10m0s"},
		{"503", awstest.Fault{Kind: awstest.Status, Status: 503}, "0s"},
		{"no answer", awstest.Fault{Kind: awstest.Hang}, "0s"},
	} {
		for _, host := range []string{"public.ecr.aws", "ecr-public.aws.com", "mirror.example.com"} {
			t.Run(tt.name+" "+host, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					n := newNode(t)
					n.settings(t, "on_error = \"error\"\n[aliases]\n\"mirror.example.com\" = \"public.ecr.aws\"\n")
					n.aws.Fail(awstest.GetPublicAuthorizationToken, tt.fault)
					var all sync.WaitGroup
					for range *pulls { // one process calls AWS, and the rest wait for it
						all.Go(func() {
							out, err := n.pull(host + "/nginx/nginx")
							if err != nil || login(t, out) != "" || !strings.Contains(string(out), `"cacheDuration":"`+tt.keep+`"`) {
								t.Errorf("got %s, error %v", out, err)
							}
						})
					}
					all.Wait()
				})
			})
		}
	}
}

// A private image requires a login, even for an alias, and regardless of the configured
// failure response for Docker clients.
func TestPrivateImageRequiresLogin(t *testing.T) {
	for _, onError := range []string{"auto", "error", "not-found"} {
		for _, image := range []string{testImage, "mirror.example.com/team/app"} {
			synctest.Test(t, func(t *testing.T) {
				n := newNode(t)
				host, _, _ := strings.Cut(testImage, "/")
				n.settings(t, fmt.Sprintf("on_error = %q\n[aliases]\n\"mirror.example.com\" = %q\n", onError, host))
				if out, err := n.pull(image); err != nil || login(t, out) == "" {
					t.Errorf("on_error %s, %s: %s, %v", onError, image, out, err)
				}
				n.aws.Fail(awstest.GetAuthorizationToken, awstest.Fault{Kind: awstest.Deny})
				if err := os.RemoveAll(n.env.CacheDir()); err != nil {
					t.Fatal(err)
				}
				if out, err := n.pull(image); !errors.Is(err, credhelper.ErrDenied) || len(out) > 0 {
					t.Errorf("on_error %s, %s: %s, %v", onError, image, out, err)
				}
			})
		}
	}
}

// settings writes a settings file on the node.
func (n *node) settings(t *testing.T, text string) {
	path := filepath.Join(t.TempDir(), "settings.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	n.env = env.FromList(append(n.env.List(), env.SSOConfig.Name()+"="+path))
}
