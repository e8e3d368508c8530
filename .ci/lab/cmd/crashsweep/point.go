//go:build linux && amd64

package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/lab"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// Faults that are injected at a call. A call that only opens a file for reading gets no
// kills, because they would have the same effect as kills at the next call that changes a
// file.
var (
	errnos = []string{"EIO", "ENOSPC", "EACCES", "EMFILE"}
	kills  = []string{"kill-before", "kill-after"}
)

// sysCall is one call of the recording run.
type sysCall struct {
	Number int    `json:"number"`
	Fault  string `json:"-"`
	Kind   string `json:"kind"` // "change" or "read"
	Name   string `json:"call"`
	Path   string `json:"path"`
}

// point is one run of a scenario, with a fault at one call.
type point struct {
	Scenario string `json:"scenario"`
	sysCall
	Fault    string   `json:"fault"`
	Problems []string `json:"problems,omitempty"`

	scenario *scenario
	clean    map[string]string // files after a run without a fault
}

func (pt *point) killed() bool { return strings.HasPrefix(pt.Fault, "kill") }

func failure(format string, args ...any) error { return fmt.Errorf(format, args...) }

func (pt *point) problem(format string, args ...any) {
	pt.Problems = append(pt.Problems, fmt.Sprintf(format, args...))
}

// ready creates the scenario's home directory.
func (s *worker) ready(sc *scenario) (*place, error) {
	p, err := s.newHome()
	if err != nil {
		return nil, err
	}
	if err := sc.prepare(p); err != nil {
		return nil, err
	}
	p.before = p.snapshot()
	p.AWS.ResetLog()
	return p, nil
}

// trapped runs a command under the tracer and returns the tracer's log.
func (p *place) trapped(c lab.Call, args ...string) (lab.Result, []sysCall, error) {
	log := filepath.Join(p.dir, "calls")
	c.Under = append([]string{p.tools.trap, "-below", p.Home.Dir, "-record", log}, args...)
	c.Limit = 60 * time.Second
	r, err := p.bench.Run(c)
	if err != nil {
		return r, nil, err
	}
	calls, err := readCalls(log)
	return r, calls, err
}

func readCalls(log string) ([]sysCall, error) {
	f, err := os.Open(log)
	if err != nil {
		return nil, err
	}
	defer os.Remove(log)
	defer f.Close()
	var calls []sysCall
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var c sysCall
		if _, err := fmt.Sscanf(lines.Text(), "%d %s %s %s %s", &c.Number, &c.Fault, &c.Kind, &c.Name, &c.Path); err != nil {
			return nil, failure("%q: %v", lines.Text(), err)
		}
		calls = append(calls, c)
	}
	return calls, nil
}

// record runs a scenario without a fault and returns its points.
func (s *worker) record(sc *scenario) ([]*point, error) {
	p, err := s.ready(sc)
	if err != nil {
		return nil, failure("%s: %v", sc.name, err)
	}
	r, calls, err := p.trapped(sc.call(p))
	if err != nil {
		return nil, failure("%s: %v", sc.name, err)
	}
	if r.Code != 0 {
		return nil, failure("%s: the clean run ended with %d: %s", sc.name, r.Code, r.Stdout+r.Stderr)
	}
	clean := p.snapshot()
	var points []*point
	for _, c := range calls {
		faults := errnos
		if c.Kind == "change" {
			faults = append(faults[:len(faults):len(faults)], kills...)
		}
		for _, fault := range faults {
			points = append(points, &point{Scenario: sc.name, sysCall: c, Fault: fault, scenario: sc, clean: clean})
		}
	}
	return points, nil
}

// test runs a point and all checks after it.
func (s *worker) test(pt *point) error {
	p, err := s.ready(pt.scenario)
	if err != nil {
		return err
	}
	r, calls, err := p.trapped(pt.scenario.call(p), "-at", fmt.Sprint(pt.Number), "-fault", pt.Fault)
	if err != nil {
		return err
	}
	if len(calls) < pt.Number || calls[pt.Number-1].Fault != pt.Fault {
		return failure("%s: call %d was not reached: %v", pt.Scenario, pt.Number, r)
	}
	// The threads may run in a different order than in record, so the report contains the
	// call that got the fault.
	pt.sysCall = calls[pt.Number-1]
	pt.outcome(p, r)
	pt.checkFiles(p, "after the fault")
	pt.orphans(p, "after the fault", !pt.killed() && pt.Name != "unlinkat")
	ageOrphans(p)
	p.clearCaches() // a get from the cache would not clean up
	if err := pt.again(p, refreshed(p)); err != nil {
		return err
	}
	pt.checkFiles(p, "after the next run")
	pt.orphans(p, "after the next run", true)
	for _, found := range awstest.ScanFiles(p.Home, p.secretsOfFiles()) {
		pt.problem("after the next run: %v", found)
	}
	return nil
}

// refreshed reports whether AWS has issued a new refresh token for the session. A request
// of a killed process may still be in progress.
func refreshed(p *place) bool {
	p.AWS.WaitIdle(5 * time.Second)
	for _, c := range p.AWS.Log() {
		if c.Op == awstest.CreateToken && c.Status == 200 {
			return true
		}
	}
	return false
}

// outcome checks how the run with the fault ended.
func (pt *point) outcome(p *place, r lab.Result) {
	c := pt.scenario.call(p)
	switch {
	case r.TimedOut:
		pt.problem("did not end within a minute")
	case pt.killed() && r.Signal != syscall.SIGKILL:
		pt.problem("not killed: %v", r.Code)
	case pt.killed():
	case r.Signal != 0 || r.Code > 2:
		pt.problem("ended with status %d, %v: %s", r.Code, r.Signal, r.Stderr)
	case pt.scenario.served && pt.Kind == "change" && r.Code != 0:
		pt.problem("no answer: %s", r.Stderr)
	case c.Args[0] == "get" && r.Code == 0 && !strings.Contains(r.Stdout, `"Username":"AWS"`):
		pt.problem("exit 0 with %q", r.Stdout)
	case r.Code != 0 && (strings.TrimSpace(r.Stderr) == "" || strings.Contains(r.Stderr, "panic")):
		pt.problem("status %d with the message %q", r.Code, r.Stderr)
	}
	if r.Code != 0 || c.Args[0] != "get" {
		if awstest.Leaks(p.secrets(), r.Stdout) {
			pt.problem("a secret on stdout")
		}
	}
	if awstest.Leaks(p.secrets(), r.Stderr) {
		pt.problem("a secret on stderr")
	}
}

// again runs the command again and then a get, like a user.
func (pt *point) again(p *place, spent bool) error {
	call := pt.scenario.call(p)
	r, err := p.bench.Run(call)
	if err != nil {
		return err
	}
	if r.Code != 0 && spent && pt.mayBeLost(p, r) {
		p.SignIn()
		r, err = p.bench.Run(call)
	}
	if err != nil || r.Code != 0 {
		pt.problem("the next run ended with %d: %s", r.Code, r.Stderr)
	}
	r, err = p.bench.Run(p.get())
	if err != nil {
		return err
	}
	if pt.scenario.ends == signedOut {
		if r.Code == 0 || !strings.Contains(r.Stderr, "run: "+lab.Helper+" login") {
			pt.problem("a get after the logout ended with %d: %s", r.Code, r.Stderr)
		}
		p.SignIn()
		r, err = p.bench.Run(p.get())
	}
	if r.Code != 0 {
		pt.problem("the next get ended with %d: %s", r.Code, r.Stderr)
	}
	return err
}

// mayBeLost reports whether the loss of the session is acceptable. If the helper is
// killed between AWS's response and the write, the new refresh token is lost. The next
// run then suggests a login.
func (pt *point) mayBeLost(p *place, r lab.Result) bool {
	return pt.killed() && pt.scenario.ends != signedOut && strings.Count(r.Stderr, "\n") == 1 &&
		strings.Contains(r.Stderr, "run: "+lab.Helper+" login --sso-session "+lab.Session)
}

// ageOrphans makes the temporary files of a killed process two hours old.
func ageOrphans(p *place) {
	old := time.Now().Add(-2 * time.Hour)
	for path := range p.snapshot() {
		if base := filepath.Base(path); strings.HasPrefix(base, ".tmp-") || base == sweptMark {
			_ = os.Chtimes(p.Path(path), old, old)
		}
	}
}
