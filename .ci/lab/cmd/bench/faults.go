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

// broken is one fault, met by a helper in a world of its own.
type broken struct {
	op    awstest.Op
	fault awstest.Fault
	life  time.Duration // of ECR's logins; 0: as AWS's
	again bool          // a login is cached, and over, when the fault comes
}

// met is how a helper came out of it.
type met struct {
	lab.Result
	calls int    // at the broken service
	old   string // the login that is over
}

// meet runs one cold get against a fault, for half a minute at most.
func (s *stage) meet(program string, b broken) (met, error) {
	fake, err := lab.NewAWS(awstest.Options{ECRLife: b.life})
	if err != nil {
		return met{}, err
	}
	defer fake.Close()
	w, err := s.worldOf(fake)
	if err != nil {
		return met{}, err
	}
	d := &side{world: w, call: w.Get(program, lab.Host)}
	d.call.Limit = 35 * time.Second
	var out met
	if b.again {
		r, err := s.get(d, d.call)
		if err != nil {
			return met{}, err
		}
		if out.old, err = password(r); err != nil {
			return met{}, err
		}
		time.Sleep(b.life)
	}
	fake.ResetLog()
	fake.Fail(b.op, b.fault)
	out.Result, err = s.get(d, d.call)
	out.calls = fake.Calls(b.op)
	return out, err
}

// meetAll has ours and the peer meet every fault, all at once: most of it is waiting.
func (s *stage) meetAll(faults ...broken) (ours, peer []met, err error) {
	ours, peer = make([]met, len(faults)), make([]met, len(faults))
	errs := make([]error, 2*len(faults))
	var all sync.WaitGroup
	for i, b := range faults {
		all.Go(func() { ours[i], errs[2*i] = s.meet(s.helper, b) })
		all.Go(func() { peer[i], errs[2*i+1] = s.meet(s.peer, b) })
	}
	all.Wait()
	return ours, peer, errors.Join(errs...)
}

func hangs(s *stage) ([]Row, error) {
	names := []string{"the portal hangs", "ECR hangs", "the portal's network is silent", "ECR's network is silent"}
	ours, peer, err := s.meetAll(
		broken{op: awstest.GetRoleCredentials, fault: awstest.Fault{Kind: awstest.Hang}},
		broken{op: awstest.GetAuthorizationToken, fault: awstest.Fault{Kind: awstest.Hang}},
		broken{op: awstest.Portal, fault: awstest.Fault{Kind: awstest.SilentConnect}},
		broken{op: awstest.ECR, fault: awstest.Fault{Kind: awstest.SilentConnect}},
	)
	if err != nil {
		return nil, err
	}
	var rows []Row
	for i, name := range names {
		row := Row{
			Bar: "F1", What: name + ": ends with the reason after", Unit: "s", Ours: ours[i].Wall.Seconds(), Base: peer[i].Wall.Seconds(),
			Against: peerName, N: 1, Held: byOurs, Limit: 10.5, Note: "10 s a network phase, and the start",
		}
		if peer[i].TimedOut {
			row.Note += "; the peer was killed"
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
		broken
	}{
		{"the portal says 500: calls", 3, broken{op: awstest.GetRoleCredentials, fault: status(http.StatusInternalServerError)}},
		{"the portal throttles: calls", 3, broken{op: awstest.GetRoleCredentials, fault: awstest.Fault{Kind: awstest.Throttle}}},
		{"ECR says 503: calls", 3, broken{op: awstest.GetAuthorizationToken, fault: status(http.StatusServiceUnavailable)}},
		{"the portal says 403: calls", 1, broken{op: awstest.GetRoleCredentials, fault: status(http.StatusForbidden)}},
		{"ECR says 400: calls", 1, broken{op: awstest.GetAuthorizationToken, fault: status(http.StatusBadRequest)}},
		{"the login is over and ECR says 500: calls", 3, broken{
			op: awstest.GetAuthorizationToken, fault: status(http.StatusInternalServerError), life: 3 * time.Second, again: true,
		}},
	}
	var faults []broken
	for _, c := range cases {
		faults = append(faults, c.broken)
	}
	ours, peer, err := s.meetAll(faults...)
	if err != nil {
		return nil, err
	}
	var rows []Row
	for i, c := range cases {
		row := Row{
			Bar: "F2", What: c.name, Unit: "calls", Ours: float64(ours[i].calls), Base: float64(peer[i].calls), Against: peerName, N: 1,
			Held: byOurs, Limit: c.limit,
			Note: fmt.Sprintf("%.1f s, the peer %.1f s", ours[i].Wall.Seconds(), peer[i].Wall.Seconds()),
		}
		switch {
		case ours[i].Code == 0 || ours[i].Wall > 5*time.Second:
			row.Failed = fmt.Sprintf("exit status %d after %v", ours[i].Code, ours[i].Wall)
		case c.again && strings.Contains(ours[i].Stdout+ours[i].Stderr, ours[i].old):
			row.Failed = "the old login was printed"
		case c.again && strings.Contains(peer[i].Stdout, peer[i].old):
			row.Note += "; the peer prints the old login"
		}
		rows = append(rows, row)
	}
	return rows, nil
}
