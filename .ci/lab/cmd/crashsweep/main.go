//go:build linux && amd64

// Command crashsweep tests each system call with which the helper opens or changes a
// file. It makes the call fail, or kills the helper before or after the call. Each fault
// at a call is a point, and each point is one run in a new home directory. After the run,
// each file must have its old or its new content, and unrelated files must be unchanged.
// A get must return a login if it can. The next runs must succeed and must remove the
// temporary files of killed processes.
//
// The command trap causes the faults.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/ecr-sso/docker-credential-ecr-sso/lab"
)

type options struct {
	program, write, only string
	quick, asJSON, sweep bool
	kills, workers       int
}

func main() {
	var o options
	flag.StringVar(&o.program, "program", "", "sweep this `helper` instead of building ours")
	flag.BoolVar(&o.quick, "quick", false, "test a sample of the points, for CI")
	flag.BoolVar(&o.sweep, "sweep", true, "test the points; =false: only the random kills")
	flag.IntVar(&o.kills, "kills", 0, "also kill this `number` of gets, refreshes and stores at random moments")
	flag.IntVar(&o.workers, "workers", 4, "`number` of points that run at once")
	flag.BoolVar(&o.asJSON, "json", false, "print every point as JSON")
	flag.StringVar(&o.write, "write", "", "write the table into this `page`")
	flag.StringVar(&o.only, "only", "", "only the scenario of this `name`")
	flag.Parse()
	ok, err := run(o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "crashsweep:", err)
	}
	if !ok || err != nil {
		os.Exit(1)
	}
}

func run(o options) (bool, error) {
	dir, err := os.MkdirTemp("", "crashsweep-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)
	t, bench, err := build(o.program, dir)
	if err != nil {
		return false, err
	}
	workers, closeAll, err := open(o.workers, t, bench, dir)
	defer closeAll()
	if err != nil {
		return false, err
	}
	r := &report{Quick: o.quick}
	if o.sweep {
		if r.Points, err = sweep(workers, o); err != nil {
			return false, err
		}
	}
	if o.kills > 0 {
		if r.Kills, err = killAtRandom(workers, o.kills); err != nil {
			return false, err
		}
	}
	if o.asJSON {
		enc := json.NewEncoder(os.Stdout)
		enc.SetIndent("", " ")
		err = enc.Encode(r)
	} else {
		fmt.Print(r.table())
		fmt.Print(killTable(r.Kills))
	}
	r.explain(os.Stderr)
	if err == nil && o.write != "" && r.ok() {
		err = r.write(o.write)
	}
	return r.ok(), err
}

// build builds the programs for the sweep.
func build(program, dir string) (t tools, bench *lab.Bench, err error) {
	if t.program = program; program == "" {
		if t.program, err = lab.Build(dir); err != nil {
			return t, nil, err
		}
	}
	if t.trap, err = lab.BuildCommand(dir, ".ci/lab/cmd/trap"); err != nil {
		return t, nil, err
	}
	if t.browser, err = lab.BuildCommand(dir, "pkg/awstest/cmd/awstest"); err != nil {
		return t, nil, err
	}
	bench, err = lab.NewBench(dir)
	return t, bench, err
}

// open creates the workers.
func open(n int, t tools, bench *lab.Bench, dir string) (workers []*worker, closeAll func(), err error) {
	closeAll = func() {
		for _, s := range workers {
			s.fake.Close()
		}
	}
	for i := range n {
		fake, err := newFake()
		if err != nil {
			return workers, closeAll, err
		}
		s := &worker{fake: fake, bench: bench, tools: t, dir: filepath.Join(dir, fmt.Sprint("worker-", i))}
		workers = append(workers, s)
	}
	return workers, closeAll, nil
}

// quickPoints is the number of points tested in CI.
const quickPoints = 120

// sweep enumerates the points and tests them concurrently.
func sweep(workers []*worker, o options) ([]*point, error) {
	var points []*point
	for _, sc := range scenarios() {
		if o.only != "" && sc.name != o.only {
			continue
		}
		more, err := workers[0].record(&sc)
		if err != nil {
			return nil, err
		}
		points = append(points, more...)
	}
	if o.quick {
		points = sample(points, quickPoints)
	}
	return points, inParallel(workers, len(points), func(s *worker, i int) error {
		if i%100 == 99 {
			fmt.Fprintf(os.Stderr, "%d of %d points\n", i+1, len(points))
		}
		err := s.test(points[i])
		points[i].explain(os.Stderr)
		return err
	})
}

// sample returns n of the points, evenly spaced.
func sample(all []*point, n int) []*point {
	if len(all) <= n {
		return all
	}
	var some []*point
	for i := range n {
		some = append(some, all[i*len(all)/n])
	}
	return some
}

// inParallel runs n tasks on the workers and stops at the first error.
func inParallel(workers []*worker, n int, do func(*worker, int) error) error {
	todo, failed := make(chan int), make(chan error, len(workers))
	var wg sync.WaitGroup
	for _, s := range workers {
		wg.Go(func() {
			for i := range todo {
				if err := do(s, i); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	var err error
	for i := 0; i < n && err == nil; i++ {
		select {
		case todo <- i:
		case err = <-failed:
		}
	}
	close(todo)
	wg.Wait()
	if err == nil && len(failed) > 0 {
		err = <-failed
	}
	return err
}
