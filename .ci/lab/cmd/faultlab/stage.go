//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/lab"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// stage is the environment of one run. It has its own fake and home directory, so faults
// can run concurrently.
type stage struct {
	*lab.World
	fault    *fault
	helper   helper
	bench    *lab.Bench
	call     lab.Call
	dir      string   // scripts, mount points and other files outside the home directory
	canary   []string // secrets that the fake did not issue
	token    awstest.SSOToken
	entries  []string        // files of the requested registry in the cache, in state warmed
	other    string          // the other registry's secret
	ignored  map[string]bool // files that may change
	extra    []string        // additional witnesses
	cacheAt  string          // the cache directory, if the fault moves it
	mu       sync.Mutex
	received []string     // data received by servers other than AWS; guarded by mu
	rest     []lab.Result // results of the other processes; guarded by mu
	ends     []func()
	cannot   string    // why the fault cannot run on this machine
	sent     time.Time // when the last signal was sent
	ended    time.Time // when the helper exited
	grown    atomic.Bool
}

// broken is an error in the lab itself.
type broken struct{ error }

func (s *stage) must(err error) {
	if err != nil {
		panic(broken{err})
	}
}

// newStage creates a stage with the home directory for the fault.
func newStage(f *fault, h helper, bench *lab.Bench, dir string) (s *stage, err error) {
	s = &stage{fault: f, helper: h, bench: bench, dir: dir, ignored: map[string]bool{}}
	defer s.caught(&err)
	o := f.aws
	o.Dir = filepath.Join(dir, "ca")
	s.must(os.MkdirAll(o.Dir, 0o755))
	fake, err := lab.NewAWS(o)
	s.must(err)
	s.ends = append(s.ends, fake.Close)
	s.World, err = lab.NewWorld(fake, filepath.Join(dir, "home"))
	s.must(err)
	s.addUserFiles()
	s.helper.prepare(s)
	switch f.from {
	case signedIn, warmed:
		s.token = s.SignIn()
	case expired:
		s.token = s.SignIn()
	case unrefreshable:
		s.token = s.SignInExpired(false)
	}
	if f.from == signedIn || f.from == warmed || f.from == expired {
		s.must(s.AgeFiles())
		if s.helper.cli == "" { // the AWS CLI does not cache logins
			s.other = s.prime(lab.OtherHost)
		}
		before := s.helper.cached(s)
		if f.from == warmed {
			s.prime(lab.Host)
			for _, path := range s.helper.cached(s) {
				if s.helper.shares || !slices.Contains(before, path) {
					s.entries = append(s.entries, path)
				}
			}
		}
	}
	if f.from == expired {
		s.token.ExpiresAt = time.Now().Add(-time.Hour).Truncate(time.Second)
		s.Home.WriteToken(lab.Session, s.token)
	}
	s.call = s.Get(h.path, lab.Host)
	s.call.Env = slices.Clone(s.Env)
	fake.ResetLog()
	if f.set != nil {
		f.set(s)
	}
	return s, nil
}

// caught converts a panic from must to an error.
func (s *stage) caught(err *error) {
	if p := recover(); p != nil {
		b, ok := p.(broken)
		if !ok {
			panic(p)
		}
		*err = b.error
	}
}

// addUserFiles adds a user's files to the home.
func (s *stage) addUserFiles() {
	s.Home.WriteCredentials("# mine\n[bucket]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n")
	s.canary = append(s.canary, "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
	s.write(s.Path(".docker", "config.json"), "{\n\t\"credHelpers\": { \""+lab.Host+"\": \"ecr-sso\" },\n\t\"other\":   [1,2 ]\n}\n")
	s.write(s.Path(".aws", "cli", "cache", "0123456789abcdef0123456789abcdef01234567.json"),
		`{"Credentials": {"AccessKeyId": "ASIAEXAMPLE"}, "ResponseMetadata": {}}`)
}

// prime caches a login and returns its password.
func (s *stage) prime(host string) string {
	call := s.Get(s.helper.path, host)
	call.Env = s.helper.primeEnv(s, host)
	r, err := s.bench.Run(call)
	s.must(err)
	var answer struct{ Secret string }
	if r.Code != 0 || json.Unmarshal([]byte(r.Stdout), &answer) != nil || answer.Secret == "" {
		s.must(fmt.Errorf("no login for %s before the fault: %s%s", host, r.Stdout, r.Stderr))
	}
	return answer.Secret
}

// run runs the helper with the fault.
func (s *stage) run() (r lab.Result, err error) {
	defer s.caught(&err)
	if s.call.Limit == 0 {
		s.call.Limit = s.bound() + 5*time.Second
	}
	during := s.call.During
	s.call.During = func(ctx context.Context, pid int) {
		go s.watch(ctx, pid)
		if during != nil {
			during(ctx, pid)
		}
	}
	r, err = s.bench.Run(s.call)
	s.ended = time.Now()
	return r, err
}

// bound returns the helper's time limit. A fault's stricter limit applies only to our
// helper. Other helpers have the 30-second limit of I3, or two seconds if no network is
// needed.
func (s *stage) bound() time.Duration {
	switch b := s.fault.limit; {
	case b == 0, s.helper.cli != "", // the interpreter's startup time is not a fault
		!s.helper.ours && b != local && b < network:
		return network
	default:
		return b
	}
}

// again runs a get after the fault has ended.
func (s *stage) again(host string) (lab.Result, error) {
	call := s.Get(s.helper.path, host)
	call.Env, call.Limit = s.helper.primeEnv(s, host), time.Minute
	return s.bench.Run(call)
}

func (s *stage) close() {
	slices.Reverse(s.ends)
	for _, end := range s.ends {
		end()
	}
}

// env sets variables. NAME without "=" removes a variable.
func (s *stage) env(settings ...string) {
	for _, setting := range settings {
		name, _, set := strings.Cut(setting, "=")
		s.call.Env = slices.DeleteFunc(s.call.Env, func(kv string) bool { return strings.HasPrefix(kv, name+"=") })
		if set {
			s.call.Env = append(s.call.Env, setting)
		}
	}
}

// under runs the helper under a program.
func (s *stage) under(words ...string) { s.call.Under = append(words, s.call.Under...) }

// shell runs a shell command and then replaces the shell with the helper.
func (s *stage) shell(line string) { s.under("sh", "-c", line+"\nexec \"$@\"", "sh") }

// mounted is like shell, but uses a new mount namespace.
func (s *stage) mounted(line string) {
	s.shell(line)
	s.under("unshare", "--mount", "--propagation", "private")
}

func (s *stage) write(path, text string) {
	s.must(os.MkdirAll(filepath.Dir(path), 0o700))
	s.must(os.WriteFile(path, []byte(text), 0o600))
}

// ignore removes files from the witnesses, because the fault changes them.
func (s *stage) ignore(paths ...string) {
	for _, path := range paths {
		s.ignored[path] = true
	}
}

// fail injects a fault into the fake.
func (s *stage) fail(op awstest.Op, f awstest.Fault) { s.AWS.Fail(op, f) }

// script writes a program next to the home and returns its path.
func (s *stage) script(name, text string) string {
	path := filepath.Join(s.dir, name)
	s.must(os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o755))
	return path
}

// reached waits until an operation has been called.
func (s *stage) reached(ctx context.Context, op awstest.Op) bool {
	return until(ctx, func() bool { return s.AWS.Calls(op) > 0 })
}

// until polls done. It returns false if ctx ends first.
func until(ctx context.Context, done func() bool) bool {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// asUser has an effect only if the lab runs as root, because root can read and write
// every file. It makes an unprivileged user the owner of the home directory and runs the
// helper as this user.
func (s *stage) asUser() {
	if os.Getuid() != 0 {
		return
	}
	s.must(filepath.WalkDir(s.Home.Dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, unprivileged, unprivileged)
	}))
	s.under("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
}

// unprivileged is the user ID and the group ID of Debian's account "nobody".
const unprivileged = 65534
