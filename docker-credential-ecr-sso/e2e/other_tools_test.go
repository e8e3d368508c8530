//go:build e2e && linux

package e2e

import (
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// These tests check the comparison with other tools in docs/reliability.md, with one test
// per table row. A test fails if a newer release of a tool improves.

// tool is a program that gets an ECR login.
type tool struct {
	name string
	args []string
	path func(t *testing.T) string
	// first and further are the portal and ECR calls for the first and each later get with
	// a valid session.
	first, further map[awstest.Op]int
	// over is the output if the session has expired. out is the output if the user is not
	// signed in.
	over, out string
	once      bool // parallel processes refresh a session only once
}

func calls(portal, ecr int) map[awstest.Op]int {
	return map[awstest.Op]int{awstest.GetRoleCredentials: portal, awstest.GetAuthorizationToken: ecr}
}

var tools = []tool{
	{
		name: helper, args: []string{"get"},
		path:  func(*testing.T) string { return filepath.Join(shared.dir, "bin", helper) },
		first: calls(1, 1), further: calls(0, 0), once: true,
		over: `SSO session "corp" expired 2h ago; run: docker-credential-ecr-sso login --sso-session corp`,
		out:  `not signed in to SSO session "corp"; run: docker-credential-ecr-sso login --sso-session corp`,
	},
	{
		name: "amazon-ecr-credential-helper", args: []string{"get"},
		path:  func(t *testing.T) string { path, _ := module(t, "ecr-login"); return path },
		first: calls(1, 1), further: calls(1, 1),
		over: "credentials not found in native keychain",
		out:  "credentials not found in native keychain",
	},
	{
		name: "AWS CLI", args: []string{"ecr", "get-login-password"},
		path:  func(t *testing.T) string { return find(t, "aws", "awscli") },
		first: calls(1, 1), further: calls(0, 1),
		over: "Error when retrieving token from sso: Token has expired and refresh failed",
		out:  "Error loading SSO Token: Token for corp does not exist",
	},
}

func (o tool) get(w *world, path string) result { return w.run(registry, path, o.args...) }

// world returns a world that selects the profile for the other tools. Our helper selects
// the profile by account.
func (o tool) world(t *testing.T) *world {
	w := newWorld(t)
	if o.name != helper {
		w.env = append(w.env, "AWS_PROFILE=prod", "AWS_REGION="+region)
	}
	return w
}

func beside(t *testing.T, test func(t *testing.T, o tool, path string)) {
	for _, o := range tools {
		t.Run(o.name, func(t *testing.T) { test(t, o, o.path(t)) })
	}
}

func TestOtherToolsCalls(t *testing.T) {
	beside(t, func(t *testing.T, o tool, path string) {
		w := o.world(t)
		w.signIn()
		for _, want := range []map[awstest.Op]int{o.first, o.further, o.further} {
			if r := o.get(w, path); r.code != 0 {
				t.Fatal("no login")
			}
			w.calls(want)
		}
	})
}

func TestOtherToolsExpiredSession(t *testing.T) {
	beside(t, func(t *testing.T, o tool, path string) {
		w := o.world(t)
		for _, want := range []string{o.out, o.over} {
			r := o.get(w, path)
			if r.code == 0 || !strings.Contains(r.both, want) {
				t.Errorf("exit status %d, want the line %s", r.code, want)
			}
			w.keepExpired(2*time.Hour, false)
		}
	})
}

func TestOtherToolsParallelRenewal(t *testing.T) {
	beside(t, func(t *testing.T, o tool, path string) {
		w := o.world(t)
		w.keepExpired(time.Minute, true)
		results := make([]result, 10)
		var wg sync.WaitGroup
		for i := range results {
			wg.Go(func() { results[i] = o.get(w, path) })
		}
		wg.Wait()
		answered, renewals := 0, w.aws.Calls(awstest.CreateToken)
		for _, r := range results {
			if r.code == 0 {
				answered++
			}
		}
		t.Logf("%d of %d answered, CreateToken was called %d times", answered, len(results), renewals)
		// On an idle machine, the other tools refresh several times. They refresh once if
		// their processes happen to start sequentially.
		if o.once && (renewals != 1 || answered != len(results)) {
			t.Errorf("%d of %d answered after %d renewals", answered, len(results), renewals)
		}
	})
}
