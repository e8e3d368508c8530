//go:build linux && amd64

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/lab"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// killed is the result of random kills of one command.
type killed struct {
	Scenario string   `json:"scenario"`
	Runs     int      `json:"runs"`
	Killed   int      `json:"killed"` // the other runs had already exited
	Orphans  int      `json:"orphans"`
	Lost     int      `json:"refreshTokensLost"` // killed between AWS's response and the write
	Problems []string `json:"problems,omitempty"`
}

// chain is the number of kills in a home directory before it is checked and deleted.
const chain = 10

// killAtRandom kills n runs of three commands at random moments.
func killAtRandom(workers []*worker, n int) ([]*killed, error) {
	var all []*killed
	for _, sc := range scenarios() {
		switch sc.name {
		case "get", "get, session expired", "store, again":
		default:
			continue
		}
		k := &killed{Scenario: sc.name}
		all = append(all, k)
		var mu sync.Mutex
		err := inParallel(workers, (n+3*chain-1)/(3*chain), func(s *worker, _ int) error {
			one, err := s.killChain(&sc)
			mu.Lock()
			defer mu.Unlock()
			k.add(one)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (k *killed) add(one killed) {
	k.Runs, k.Killed, k.Orphans, k.Lost = k.Runs+one.Runs, k.Killed+one.Killed, k.Orphans+one.Orphans, k.Lost+one.Lost
	k.Problems = append(k.Problems, one.Problems...)
}

// killChain kills several runs in one home directory. It then lets one run finish, which
// must clean up.
func (s *worker) killChain(sc *scenario) (killed, error) {
	p, err := s.ready(sc)
	if err != nil {
		return killed{}, err
	}
	k := killed{Scenario: sc.name}
	pt := &point{Scenario: sc.name, Fault: kills[0], scenario: sc}
	for range chain {
		if err := k.one(p, pt); err != nil {
			return k, err
		}
	}
	for path := range p.snapshot() {
		if strings.HasPrefix(filepath.Base(path), ".tmp-") {
			k.Orphans++
		}
	}
	ageOrphans(p)
	p.clearCaches() // a get from the cache would not clean up
	p.AWS.ResetLog()
	if err := pt.again(p, false); err != nil {
		return k, err
	}
	pt.checkFiles(p, "after the next run")
	pt.orphans(p, "after the next run", true)
	for _, found := range awstest.ScanFiles(p.Home, p.secretsOfFiles()) {
		pt.problem("after the next run: %v", found)
	}
	k.Problems = pt.Problems
	return k, nil
}

// one starts the command without a cached login and kills it.
func (k *killed) one(p *place, pt *point) error {
	p.clearCaches()
	if pt.Scenario == "get, session expired" {
		p.SignInExpired(true)
	}
	p.AWS.ResetLog()
	before := p.snapshot()
	c := pt.scenario.call(p)
	c.During = func(ctx context.Context, pid int) {
		select {
		case <-time.After(rand.N(latest)):
			_ = syscall.Kill(pid, syscall.SIGKILL)
		case <-ctx.Done():
		}
	}
	r, err := p.bench.Run(c)
	if err != nil {
		return err
	}
	k.Runs++
	if r.Signal == syscall.SIGKILL {
		k.Killed++
	} else if r.Code != 0 {
		pt.problem("a run that was not killed ended with %d: %s", r.Code, r.Stderr)
	}
	pt.checkFiles(p, fmt.Sprintf("after kill %d", k.Runs))
	token, _ := filepath.Rel(p.Home.Dir, p.Home.TokenPath(lab.Session))
	if refreshed(p) && p.snapshot()[token] == before[token] {
		k.Lost++
		p.SignInExpired(true)
	}
	return nil
}

// clearCaches removes the cached login and role credentials but not the user's files.
func (p *place) clearCaches() {
	for path := range p.snapshot() {
		if _, existed := p.before[path]; !existed && (ours(p, path) || roles(p, path)) && !strings.HasPrefix(filepath.Base(path), ".tmp-") {
			_ = os.Remove(p.Path(path))
		}
	}
}

// latest is the time of the latest kill. By then, most runs have exited.
const latest = 40 * time.Millisecond

func killTable(all []*killed) string {
	if len(all) == 0 {
		return ""
	}
	rows := [][]string{{"random kills of", "runs", "killed", "temporary files left", "removed by the next run", "new logins needed", "failed"}}
	var sum killed
	for _, k := range append(all, &sum) {
		name := k.Scenario
		if k == &sum {
			name = "all"
		}
		rows = append(rows, row(name, k.Runs, k.Killed, k.Orphans, k.Orphans, k.Lost, len(k.Problems)))
		sum.add(*k)
	}
	return lab.Table(rows)
}
