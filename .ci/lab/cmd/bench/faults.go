//go:build unix

package main

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/lab"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// trial is a get with one fault, with a new home directory and a new fake.
type trial struct {
	op    awstest.Op
	fault awstest.Fault
	life  time.Duration // lifetime of ECR logins; 0: AWS's lifetime
	again bool          // the cache contains an expired login
}

// outcome is the result of a trial.
type outcome struct {
	lab.Result
	calls int    // calls of the operation with the fault
	old   string // the expired login
}

// try runs one cold get with a fault, for up to half a minute.
func (s *stage) try(program string, b trial) (outcome, error) {
	fake, err := lab.NewAWS(awstest.Options{PasswordTTL: b.life})
	if err != nil {
		return outcome{}, err
	}
	defer fake.Close()
	w, err := s.worldOf(fake)
	if err != nil {
		return outcome{}, err
	}
	d := &side{world: w, call: w.Get(program, lab.Host)}
	d.call.Limit = 35 * time.Second
	var out outcome
	if b.again {
		r, err := s.get(d, d.call)
		if err != nil {
			return outcome{}, err
		}
		if out.old, err = password(r); err != nil {
			return outcome{}, err
		}
		time.Sleep(b.life)
	}
	fake.ResetLog()
	fake.Fail(b.op, b.fault)
	out.Result, err = s.get(d, d.call)
	out.calls = fake.Calls(b.op)
	return out, err
}

// tryAll runs all trials for our helper and the peer concurrently, because they mostly
// wait.
func (s *stage) tryAll(faults ...trial) (ours, peer []outcome, err error) {
	ours, peer = make([]outcome, len(faults)), make([]outcome, len(faults))
	errs := make([]error, 2*len(faults))
	var all sync.WaitGroup
	for i, b := range faults {
		all.Go(func() { ours[i], errs[2*i] = s.try(s.helper, b) })
		all.Go(func() { peer[i], errs[2*i+1] = s.try(s.peer, b) })
	}
	all.Wait()
	return ours, peer, errors.Join(errs...)
}

func hangs(s *stage) ([]Row, error) {
	names := []string{"the portal hangs", "ECR hangs", "the portal's network is silent", "ECR's network is silent"}
	ours, peer, err := s.tryAll(
		trial{op: awstest.GetRoleCredentials, fault: awstest.Fault{Kind: awstest.Hang}},
		trial{op: awstest.GetAuthorizationToken, fault: awstest.Fault{Kind: awstest.Hang}},
		trial{op: awstest.Portal, fault: awstest.Fault{Kind: awstest.SilentConnect}},
		trial{op: awstest.ECR, fault: awstest.Fault{Kind: awstest.SilentConnect}},
	)
	if err != nil {
		return nil, err
	}
	var rows []Row
	for i, name := range names {
		row := Row{
			ID: "F1", What: name + ": time until the error", Unit: "s", Ours: ours[i].Wall.Seconds(), Base: peer[i].Wall.Seconds(),
			Against: peerName, N: 1, Judged: byOurs, Limit: 10.5, Note: "10 s for a network phase, and the start",
		}
		if peer[i].TimedOut {
			row.Note += "; the other helper was killed"
		}
		if ours[i].Code == 0 || ours[i].TimedOut || ours[i].Stderr == "" {
			row.Failed = fmt.Sprintf("exit status %d, %q", ours[i].Code, ours[i].Stderr)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func refusals(s *stage) ([]Row, error) {
	status := func(code int) awstest.Fault { return awstest.Fault{Kind: awstest.Status, Status: code} }
	cases := []struct {
		name  string
		limit float64
		trial
	}{
		{"the portal returns 500: calls", 3, trial{op: awstest.GetRoleCredentials, fault: status(http.StatusInternalServerError)}},
		{"the portal throttles: calls", 3, trial{op: awstest.GetRoleCredentials, fault: awstest.Fault{Kind: awstest.Throttle}}},
		{"ECR returns 503: calls", 3, trial{op: awstest.GetAuthorizationToken, fault: status(http.StatusServiceUnavailable)}},
		{"the portal returns 403: calls", 1, trial{op: awstest.GetRoleCredentials, fault: status(http.StatusForbidden)}},
		{"ECR returns 400: calls", 1, trial{op: awstest.GetAuthorizationToken, fault: status(http.StatusBadRequest)}},
		{"the login has expired and ECR returns 500: calls", 3, trial{
			op: awstest.GetAuthorizationToken, fault: status(http.StatusInternalServerError), life: 3 * time.Second, again: true,
		}},
	}
	var faults []trial
	for _, c := range cases {
		faults = append(faults, c.trial)
	}
	ours, peer, err := s.tryAll(faults...)
	if err != nil {
		return nil, err
	}
	var rows []Row
	for i, c := range cases {
		row := Row{
			ID: "F2", What: c.name, Unit: "calls", Ours: float64(ours[i].calls), Base: float64(peer[i].calls), Against: peerName, N: 1,
			Judged: byOurs, Limit: c.limit,
			Note: fmt.Sprintf("%.1f s, the other helper %.1f s", ours[i].Wall.Seconds(), peer[i].Wall.Seconds()),
		}
		switch {
		case ours[i].Code == 0 || ours[i].Wall > 5*time.Second:
			row.Failed = fmt.Sprintf("exit status %d after %v", ours[i].Code, ours[i].Wall)
		case c.again && strings.Contains(ours[i].Stdout+ours[i].Stderr, ours[i].old):
			row.Failed = "the old login was printed"
		case c.again && strings.Contains(peer[i].Stdout, peer[i].old):
			row.Note += "; the other helper prints the old login"
		}
		rows = append(rows, row)
	}
	return rows, nil
}
