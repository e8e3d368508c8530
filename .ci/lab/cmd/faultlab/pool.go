//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/ecr-sso/docker-credential-ecr-sso/lab"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// runAll runs all faults. Faults that mostly wait run concurrently. All other faults run
// only a few at a time, because on a busy machine a fast helper looks slow.
func runAll(faults []fault, h helper, bench *lab.Bench, dir string, workers int, progress io.Writer) ([]row, error) {
	rows := make([]row, len(faults))
	errs := make([]error, len(faults))
	var done atomic.Int64
	one := func(i int) {
		rows[i], errs[i] = runOne(&faults[i], h, bench, dir)
		if n := done.Add(1); n%25 == 0 || int(n) == len(faults) {
			fmt.Fprintf(progress, "%s: %d of %d faults\n", h.name, n, len(faults))
		}
	}
	var both sync.WaitGroup
	both.Go(func() { inPool(faults, workers*8, func(f *fault) bool { return f.slow }, one) })
	both.Go(func() { inPool(faults, workers, func(f *fault) bool { return !f.slow }, one) })
	both.Wait()
	return rows, errors.Join(errs...)
}

func inPool(faults []fault, workers int, selects func(*fault) bool, one func(int)) {
	next := make(chan int)
	var pool sync.WaitGroup
	for range workers {
		pool.Go(func() {
			for i := range next {
				one(i)
			}
		})
	}
	for i := range faults {
		if selects(&faults[i]) {
			next <- i
		}
	}
	close(next)
	pool.Wait()
}

// runOne prepares a fault, runs the helper and checks the invariants.
func runOne(f *fault, h helper, bench *lab.Bench, root string) (r row, err error) {
	r = row{fault: f}
	if r.skipped = skip(f, h); r.skipped != "" {
		return r, nil
	}
	dir := filepath.Join(root, filepath.Base(h.path)+"-"+f.id)
	if err := os.Mkdir(dir, 0o711); err != nil {
		return r, err
	}
	s, err := newStage(f, h, bench, dir)
	if s != nil {
		defer s.close()
	}
	if s != nil && s.cannot != "" {
		r.skipped = "skipped: " + s.cannot
		return r, nil
	}
	if err != nil {
		return r, fmt.Errorf("%s: %s: %w", h.name, f.id, err)
	}
	before, hadOther, known := s.witnesses(), s.keepsOther(), s.scan()
	if r.result, err = s.run(); err != nil {
		return r, fmt.Errorf("%s: %s: %w", h.name, f.id, err)
	}
	s.judge(&r, before, hadOther, known)
	if f.verify != nil {
		f.verify(s, &r)
	}
	s.AWS.ClearFaults()
	if f.after != nil {
		if err := f.after(s); err != nil {
			r.bad(noLoss, "afterwards: %v", err)
		}
	}
	r.said = s.message(r.result)
	return r, nil
}

// skip returns why a fault is not run.
func skip(f *fault, h helper) string {
	switch {
	case f.ours && !h.ours:
		return "n/a: about a feature that this helper does not have"
	case h.cli != "" && (f.from == warmed || !cliFamilies.MatchString(f.family)):
		return "n/a: the AWS CLI caches no logins and is not a helper"
	case h.cli != "" && strings.HasPrefix(f.id, "endpoint-"):
		return "n/a: Debian's AWS CLI (2.9) does not read endpoint overrides"
	case f.root && os.Getuid() != 0:
		return "skipped: needs root"
	case f.root && !namespaces():
		return "skipped: needs mount and network namespaces (unshare)"
	}
	return ""
}

// namespaces reports whether root can create namespaces, which is not possible in all
// containers.
var namespaces = sync.OnceValue(func() bool {
	return exec.Command("unshare", "--mount", "--net", "--propagation", "private", "mount", "-t", "tmpfs", "tmpfs", "/mnt").Run() == nil
})

// message returns the helper's message as shown in the table.
func (s *stage) message(r lab.Result) string {
	text := r.Stdout
	if text == "" || s.fault.want.command() && r.Stderr != "" {
		text = r.Stderr
	}
	switch {
	case r.TimedOut, s.grown.Load():
		return "(nothing: killed by the lab)"
	case r.Code == 0 && s.fault.want.ending == anonymous:
		return "no login"
	case r.Code == 0 && !s.fault.want.command():
		if r.Stderr != "" {
			return "a login; " + head(r.Stderr)
		}
		return "a login"
	case awstest.Leaks(s.secrets(), text):
		return "(withheld: it holds a secret)"
	case r.Signal != 0:
		return "ended by " + r.Signal.String()
	}
	return head(text)
}
