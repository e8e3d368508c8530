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

// faults are the faults of a call. A call that only opens for reading changes nothing,
// so a kill at it is the same as a kill at its neighbor.
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
	whole    map[string]string // the files after a clean run
}

func (pt *point) killed() bool { return strings.HasPrefix(pt.Fault, "kill") }

func failure(format string, args ...any) error { return fmt.Errorf(format, args...) }

func (pt *point) problem(format string, args ...any) {
	pt.Problems = append(pt.Problems, fmt.Sprintf(format, args...))
}

// ready creates the scenario's home.
func (s *shop) ready(sc *scenario) (*place, error) {
	p, err := s.bare()
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

// trapped runs the scenario's command under the trap and returns the trap's log.
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

// record enumerates the points of a scenario.
func (s *shop) record(sc *scenario) ([]*point, error) {
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
	whole := p.snapshot()
	var points []*point
	for _, c := range calls {
		faults := errnos
		if c.Kind == "change" {
			faults = append(faults[:len(faults):len(faults)], kills...)
		}
		for _, fault := range faults {
			points = append(points, &point{Scenario: sc.name, sysCall: c, Fault: fault, scenario: sc, whole: whole})
		}
	}
	return points, nil
}

// prove runs a point and all checks after it.
func (s *shop) prove(pt *point) error {
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
	// The order of threads may differ from the recording: the call that was hit counts.
	pt.sysCall = calls[pt.Number-1]
	pt.outcome(p, r)
	pt.checkFiles(p, "after the fault")
	pt.orphans(p, "after the fault", !pt.killed() && pt.Name != "unlinkat")
	age(p)
	p.cool() // an answer from the cache touches no files, and so removes none
	if err := pt.again(p, granted(p)); err != nil {
		return err
	}
	pt.checkFiles(p, "after the next run")
	pt.orphans(p, "after the next run", true)
	for _, found := range awstest.ScanFiles(p.Home, p.secretsOfFiles()) {
		pt.problem("after the next run: %v", found)
	}
	return nil
}

// granted reports whether AWS has issued a successor of the session's refresh token.
// A request of a killed process may still be on its way.
func granted(p *place) bool {
	p.AWS.Settle(5 * time.Second)
	for _, c := range p.AWS.Log() {
		if c.Op == awstest.CreateToken && c.Status == 200 {
			return true
		}
	}
	return false
}

// outcome checks how the faulted run itself ended.
func (pt *point) outcome(p *place, r lab.Result) {
	c := pt.scenario.call(p)
	switch {
	case r.TimedOut:
		pt.problem("no end within a minute")
	case pt.killed() && r.Signal != syscall.SIGKILL:
		pt.problem("not killed: %v", r.Code)
	case pt.killed():
	case r.Signal != 0 || r.Code > 2:
		pt.problem("ended with status %d, %v: %s", r.Code, r.Signal, r.Stderr)
	case pt.scenario.served && pt.Kind == "change" && r.Code != 0:
		pt.problem("the credential is not served: %s", r.Stderr)
	case c.Args[0] == "get" && r.Code == 0 && !strings.Contains(r.Stdout, `"Username":"AWS"`):
		pt.problem("exit 0 with %q", r.Stdout)
	case r.Code != 0 && (strings.TrimSpace(r.Stderr) == "" || strings.Contains(r.Stderr, "panic")):
		pt.problem("status %d says %q", r.Code, r.Stderr)
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

// again runs the command once more, then a get, as a user would.
func (pt *point) again(p *place, spent bool) error {
	clean := pt.scenario.call(p)
	r, err := p.bench.Run(clean)
	if err != nil {
		return err
	}
	if r.Code != 0 && spent && pt.mayBeLost(p, r) {
		p.SignIn()
		r, err = p.bench.Run(clean)
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

// mayBeLost: if the helper is killed between AWS's answer and the write, the successor
// of the refresh token is lost, and one clear line asks for a login.
func (pt *point) mayBeLost(p *place, r lab.Result) bool {
	return pt.killed() && pt.scenario.ends != signedOut && strings.Count(r.Stderr, "\n") == 1 &&
		strings.Contains(r.Stderr, "run: "+lab.Helper+" login --sso-session "+lab.Session)
}

// age makes the files that a killed process left two hours old.
func age(p *place) {
	old := time.Now().Add(-2 * time.Hour)
	for path := range p.snapshot() {
		if base := filepath.Base(path); strings.HasPrefix(base, ".tmp-") || base == sweptMark {
			_ = os.Chtimes(p.Path(path), old, old)
		}
	}
}
