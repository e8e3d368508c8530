//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/lab"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

type ofRun = func(lab.Result) float64

// side is one of the two programs of a pair, with its own home.
type side struct {
	name   string
	world  *lab.World
	call   lab.Call
	before func() error // runs before each run, not timed
	// The expected calls of each run.
	sso, ecr int
	silent   bool // prints no answer (the empty program)
	direct   bool // runs without the launcher, for wall times of about a millisecond
}

// run runs a side once and checks its result and its calls.
func (s *stage) run(d *side) (lab.Result, error) {
	if d.before != nil {
		if err := d.before(); err != nil {
			return lab.Result{}, err
		}
	}
	d.world.AWS.ResetLog()
	r, err := s.get(d, d.call)
	if err != nil || d.silent {
		return r, err
	}
	if _, err := password(r); err != nil {
		return r, fmt.Errorf("%s: %w", d.name, err)
	}
	sso, ecr := calls(d.world.AWS)
	if sso != d.sso || ecr != d.ecr || d.world.AWS.Calls(awstest.Any) != sso+ecr {
		return r, fmt.Errorf("%s: %d portal and %d ECR calls in %d, want %d and %d", d.name, sso, ecr,
			d.world.AWS.Calls(awstest.Any), d.sso, d.ecr)
	}
	return r, nil
}

// get runs a call with files as stdin and stdout, because a pipe would wake up the
// benchmark while it measures the program.
func (s *stage) get(d *side, c lab.Call) (lab.Result, error) {
	// Each run has its own files, because up to a hundred runs are concurrent.
	f, err := os.CreateTemp(d.world.Path("tmp"), "stdin-")
	if err != nil {
		return lab.Result{}, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if _, err := f.WriteString(c.Stdin); err != nil {
		return lab.Result{}, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return lab.Result{}, err
	}
	out, err := os.CreateTemp(d.world.Path("tmp"), "stdout-")
	if err != nil {
		return lab.Result{}, err
	}
	defer os.Remove(out.Name())
	defer out.Close()
	c.StdinFrom, c.StdoutTo = f, out
	run := s.bench.Run
	if d.direct {
		run = s.bench.RunDirect
	}
	r, err := run(c)
	if err != nil {
		return r, err
	}
	answer, err := io.ReadAll(io.NewSectionReader(out, 0, 1<<20))
	r.Stdout = string(answer)
	return r, err
}

func calls(fake *awstest.AWS) (sso, ecr int) {
	return fake.Calls(awstest.GetRoleCredentials), fake.Calls(awstest.GetAuthorizationToken)
}

// password returns the password in a valid response. Its error contains no secrets.
func password(r lab.Result) (string, error) {
	var answer struct{ Username, Secret string }
	err := json.Unmarshal([]byte(r.Stdout), &answer)
	switch {
	case r.TimedOut:
		return "", fmt.Errorf("did not end")
	case r.Code != 0:
		return "", fmt.Errorf("exit status %d: %.300s%.300s", r.Code, r.Stdout, r.Stderr)
	case err != nil || answer.Username != "AWS" || answer.Secret == "":
		return "", fmt.Errorf("no login on stdout")
	}
	return answer.Secret, nil
}

// emptyFor returns the empty Go program with d's environment.
func (s *stage) emptyFor(d *side) *side {
	c := d.call
	c.Program, c.Args = s.empty, nil
	return &side{name: "empty Go", world: d.world, call: c, silent: true}
}

// oursCold returns our helper without a cached login or cached role credentials.
func (s *stage) oursCold(l latency) (*side, error) {
	w, err := s.world(l)
	if err != nil {
		return nil, err
	}
	return s.cold(w), nil
}

func (s *stage) cold(w *lab.World) *side {
	return &side{name: "ours, cold", world: w, call: w.Get(s.helper, lab.Host), sso: 1, ecr: 1, before: func() error {
		if err := os.RemoveAll(w.CacheDir()); err != nil {
			return err
		}
		return os.RemoveAll(w.Path(".aws", "cli", "cache"))
	}}
}

// oursRole returns our helper with cached role credentials and no cached login.
func (s *stage) oursRole(l latency) (*side, error) {
	d, err := s.oursWarm(l)
	if err != nil {
		return nil, err
	}
	d.name, d.ecr = "ours, role credentials cached", 1
	d.before = func() error { return os.RemoveAll(d.world.CacheDir()) }
	return d, nil
}

// oursWarm returns our helper with a cached login.
func (s *stage) oursWarm(l latency) (*side, error) {
	w, err := s.world(l)
	if err != nil {
		return nil, err
	}
	return s.warm(w)
}

func (s *stage) warm(w *lab.World) (*side, error) {
	time.Sleep(settled)
	d := s.cold(w)
	if _, err := s.run(d); err != nil {
		return nil, err
	}
	d.name, d.before, d.sso, d.ecr = "ours, warm", nil, 0, 0
	return d, nil
}

// settled is a configuration file's minimum age before the cache trusts its modification
// time.
const settled = 2500 * time.Millisecond

// peerSSO returns the peer with SSO. It gets new role credentials in each run. Its cache
// uses the access key ID as the key, so it never finds a cached login.
func (s *stage) peerSSO(l latency, keepCache bool) (*side, error) {
	w, err := s.world(l)
	if err != nil {
		return nil, err
	}
	d := &side{name: "peer, SSO", world: w, call: w.Get(s.peer, lab.Host), sso: 1, ecr: 1}
	if !keepCache {
		d.before = func() error { return os.RemoveAll(w.Path(".ecr")) }
	}
	return d, nil
}

// peerStatic returns the peer in its best case: static keys and a cached login.
func (s *stage) peerStatic() (*side, error) {
	w, err := s.world(near)
	if err != nil {
		return nil, err
	}
	keys := w.AWS.AddKeys(lab.Account)
	w.Env = append(without(w.Env, "AWS_PROFILE"), "AWS_ACCESS_KEY_ID="+keys.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+keys.SecretAccessKey)
	d := &side{name: "peer, static keys", world: w, call: w.Get(s.peer, lab.Host), ecr: 1}
	if _, err := s.run(d); err != nil {
		return nil, err
	}
	d.ecr = 0
	return d, nil
}

// bothWarm returns both programs with a cached login.
func (s *stage) bothWarm() (ours, peer *side, err error) {
	if ours, err = s.oursWarm(near); err != nil {
		return nil, nil, err
	}
	peer, err = s.peerStatic()
	return ours, peer, err
}

func without(env []string, name string) []string {
	var others []string
	for _, e := range env {
		if !strings.HasPrefix(e, name+"=") {
			others = append(others, e)
		}
	}
	return others
}
