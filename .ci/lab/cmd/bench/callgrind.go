//go:build unix

package main

import (
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
)

var errNoValgrind = errors.New("valgrind is not installed")

// callgrindRuns returns the number of runs. The median of 15 runs varies by about 2%.
// Single runs vary with the work of the Go runtime's threads: the empty program takes
// 0.28 to 0.37 M instructions.
func (o options) callgrindRuns() int { return min(15, o.count(15)) }

var collected = regexp.MustCompile(`Collected : (\d+)`)

// instructions returns the number of user-space instructions of a get, the median of
// several runs under callgrind. Go programs sometimes crash under valgrind, mostly
// because of preemption signals, so instructions turns them off. It repeats a run that
// crashes.
func (s *stage) instructions(d *side) (float64, error) {
	if _, err := exec.LookPath("valgrind"); err != nil {
		return 0, errNoValgrind
	}
	for range 2 { // as in pairs, the first gets write files and are not measured
		if _, err := s.run(d); err != nil {
			return 0, err
		}
	}
	under := *d
	under.call.Under = []string{"valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"}
	under.call.Env = append(d.call.Env[:len(d.call.Env):len(d.call.Env)], "GODEBUG=asyncpreemptoff=1")
	var counts []float64
	for tries := 0; len(counts) < s.callgrindRuns(); tries++ {
		if tries == 4*15 {
			return 0, fmt.Errorf("%s: callgrind counted nothing in %d runs", d.name, tries)
		}
		r, err := s.get(&under, under.call)
		if err != nil {
			return 0, err
		}
		if n, ok := parseCollected(r.Stderr); ok {
			counts = append(counts, n)
		}
	}
	return median(counts), nil
}

func parseCollected(stderr string) (float64, bool) {
	m := collected.FindStringSubmatch(stderr)
	if m == nil {
		return 0, false
	}
	n, err := strconv.ParseFloat(m[1], 64)
	return n, err == nil
}
