//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/lab"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// stormSize is the number of processes that start concurrently.
const stormSize = 100

// storm is the result of one storm.
type storm struct {
	wall     time.Duration // from the start to the end of the last process
	failures int
	sso, ecr int
	mixed    int // registries with different responses
}

// storm starts stormSize concurrent gets for the hosts, with nothing cached.
func (s *stage) storm(d *side, hosts ...string) (storm, error) {
	if err := d.before(); err != nil {
		return storm{}, err
	}
	gate, err := lab.NewGate()
	if err != nil {
		return storm{}, err
	}
	defer gate.Close()
	d.world.AWS.ResetLog()
	results, errs := make([]lab.Result, stormSize), make([]error, stormSize)
	var all sync.WaitGroup
	for i := range stormSize {
		c := d.call
		c.Stdin, c.Gate = hosts[i%len(hosts)], gate
		all.Go(func() { results[i], errs[i] = s.get(d, c) })
	}
	if err := gate.Open(stormSize); err != nil {
		return storm{}, err
	}
	begin := time.Now()
	all.Wait()
	out := storm{wall: time.Since(begin)}
	out.sso, out.ecr = calls(d.world.AWS)
	answers := map[string]map[string]bool{}
	for i, r := range results {
		word, err := password(r)
		if err != nil {
			out.failures++
			errs[i] = errors.Join(errs[i], fmt.Errorf("%s: %w", d.name, err))
		}
		host := hosts[i%len(hosts)]
		if answers[host] == nil {
			answers[host] = map[string]bool{}
		}
		answers[host][word] = true
	}
	for _, words := range answers {
		if len(words) > 1 {
			out.mixed++
		}
	}
	return out, errors.Join(errs...)
}

// sixHosts returns one account's registries in six regions. One role has access to all of
// them.
func sixHosts() []string {
	var hosts []string
	for _, region := range []string{"us-east-1", "us-east-2", "us-west-2", "eu-west-1", "eu-central-1", "ap-south-1"} {
		hosts = append(hosts, awstest.RegistryHost(lab.Account, region))
	}
	return hosts
}

// stormCalls checks that our helper makes each call only once.
func stormCalls(s *stage) ([]Row, error) {
	d, err := s.oursCold(at50)
	if err != nil {
		return nil, err
	}
	var rows []Row
	for _, hosts := range [][]string{{lab.Host}, sixHosts()} {
		got, err := s.storm(d, hosts...)
		if err != nil {
			return nil, err
		}
		row := Row{
			ID: "S1", What: fmt.Sprintf("%d cold gets at once over %d registries, one role: calls", stormSize, len(hosts)), Unit: "calls",
			Ours: float64(got.sso + got.ecr), N: 1, Judged: byOurs, Limit: float64(1 + len(hosts)),
		}
		if got.sso != 1 || got.ecr != len(hosts) || got.mixed > 0 {
			row.Failed = fmt.Sprintf("%d portal and %d ECR calls, %d registries with different answers", got.sso, got.ecr, got.mixed)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func stormWall(s *stage) ([]Row, error) {
	a, err := s.oursCold(at50)
	if err != nil {
		return nil, err
	}
	b, err := s.peerSSO(at50, false)
	if err != nil {
		return nil, err
	}
	var p pairing
	var peerCalls int
	failed := ""
	for range s.count(9) {
		ours, errA := s.storm(a, lab.Host)
		peer, errB := s.storm(b, lab.Host)
		if err := errors.Join(errA, errB); err != nil {
			return nil, err
		}
		if ours.sso != 1 || ours.ecr != 1 || ours.mixed > 0 {
			failed = fmt.Sprintf("%d portal and %d ECR calls of ours", ours.sso, ours.ecr)
		}
		peerCalls = peer.sso + peer.ecr
		p.A, p.B = append(p.A, lab.Result{Wall: ours.wall}), append(p.B, lab.Result{Wall: peer.wall})
	}
	row := ratioRow("S2", fmt.Sprintf("%d cold gets at once at %v, wall", stormSize, at50), peerName, p, 0.35)
	row.Headline = fmt.Sprintf("%d first gets at once, %v", stormSize, at50)
	row.Failed = failed
	row.Note = fmt.Sprintf("the other helper makes %d calls", peerCalls)
	return []Row{row}, nil
}

// killedHolder kills the process that holds the lock while it waits for the portal.
func killedHolder(s *stage) ([]Row, error) {
	const waiting = 20
	d, err := s.oursCold(at50)
	if err != nil {
		return nil, err
	}
	fake := d.world.AWS
	defer fake.ClearFaults()
	fake.Fail(awstest.GetRoleCredentials, awstest.Fault{Kind: awstest.Hang, Times: 1})
	fake.ResetLog()
	var all sync.WaitGroup
	holder, err := s.holder(d, &all)
	if err != nil {
		return nil, err
	}
	results := make([]lab.Result, waiting)
	for i := range waiting {
		all.Go(func() { results[i], _ = s.get(d, d.call) })
	}
	time.Sleep(300 * time.Millisecond) // most of them wait for the lock by now; a later process finds the same state
	err = syscall.Kill(holder, syscall.SIGKILL)
	all.Wait()
	failed := 0
	for _, r := range results {
		if _, err := password(r); err != nil {
			failed++
		}
	}
	row := Row{
		ID: "S3", What: fmt.Sprintf("the lock holder is killed (-9) while %d wait: failures", waiting), Unit: "gets", Ours: float64(failed),
		N: waiting, Judged: byOurs, Limit: 0,
	}
	left := temporaries(d.world)
	if sso, ecr := calls(fake); sso != 2 || ecr != 1 || left > 0 {
		row.Failed = fmt.Sprintf("%d portal and %d ECR calls, want 2 and 1; %d temporary files left", sso, ecr, left)
	}
	return []Row{row}, err
}

// holder starts a get and returns its process ID after the get has called the portal. The
// portal hangs.
func (s *stage) holder(d *side, all *sync.WaitGroup) (int, error) {
	started, ended := make(chan int, 1), make(chan error, 1)
	c := d.call
	c.During = func(_ context.Context, pid int) { started <- pid }
	all.Go(func() {
		_, err := s.get(d, c) // it is killed and has no result
		ended <- err
	})
	var pid int
	select {
	case pid = <-started:
	case err := <-ended:
		return 0, fmt.Errorf("%s: did not start: %w", d.name, err)
	}
	for d.world.AWS.Calls(awstest.GetRoleCredentials) == 0 {
		select {
		case <-ended:
			return 0, fmt.Errorf("%s: did not call the portal", d.name)
		case <-time.After(time.Millisecond):
		}
	}
	return pid, nil
}

// temporaries counts the temporary files in the home.
func temporaries(w *lab.World) (n int) {
	_ = filepath.WalkDir(w.Home.Dir, func(path string, _ os.DirEntry, _ error) error {
		if strings.HasPrefix(filepath.Base(path), ".tmp-") {
			n++
		}
		return nil
	})
	return n
}
