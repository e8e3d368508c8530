//go:build linux && amd64

package main

import (
	"fmt"
	"io"

	"github.com/ecr-sso/docker-credential-ecr-sso/lab"
)

// report is the result of a sweep.
type report struct {
	Quick  bool      `json:"quick"`
	Points []*point  `json:"points"`
	Kills  []*killed `json:"kills,omitempty"`
}

func (r *report) ok() bool {
	for _, p := range r.Points {
		if len(p.Problems) > 0 {
			return false
		}
	}
	for _, k := range r.Kills {
		if len(k.Problems) > 0 {
			return false
		}
	}
	return len(r.Points)+len(r.Kills) > 0
}

// write writes the tables to the page.
func (r *report) write(page string) error {
	if len(r.Points) > 0 {
		if err := lab.WritePart(page, "crashsweep", r.table()); err != nil {
			return err
		}
	}
	if len(r.Kills) > 0 {
		return lab.WritePart(page, "kills", killTable(r.Kills))
	}
	return nil
}

// table returns the counts by scenario.
func (r *report) table() string {
	if len(r.Points) == 0 {
		return ""
	}
	rows := [][]string{{"command", "system calls", "points", "errors", "kills", "passed", "failed"}}
	var order []string
	type sum struct {
		calls                         map[int]bool
		points, errors, kills, failed int
	}
	sums, all := map[string]*sum{}, sum{}
	for _, p := range r.Points {
		s := sums[p.Scenario]
		if s == nil {
			s = &sum{calls: map[int]bool{}}
			sums[p.Scenario], order = s, append(order, p.Scenario)
		}
		if !s.calls[p.Number] {
			s.calls[p.Number] = true
		}
		s.points++
		if p.killed() {
			s.kills++
		} else {
			s.errors++
		}
		if len(p.Problems) > 0 {
			s.failed++
		}
	}
	calls := 0
	for _, name := range order {
		s := sums[name]
		rows = append(rows, row(name, len(s.calls), s.points, s.errors, s.kills, s.points-s.failed, s.failed))
		calls, all.points, all.errors, all.kills, all.failed = calls+len(s.calls), all.points+s.points, all.errors+s.errors, all.kills+s.kills, all.failed+s.failed
	}
	rows = append(rows, row("all", calls, all.points, all.errors, all.kills, all.points-all.failed, all.failed))
	return lab.Table(rows)
}

func row(name string, figures ...int) []string {
	cells := []string{name}
	for _, n := range figures {
		cells = append(cells, fmt.Sprint(n))
	}
	return cells
}

// explain prints a point's problems immediately, because a sweep takes minutes.
func (pt *point) explain(w io.Writer) {
	for _, problem := range pt.Problems {
		fmt.Fprintf(w, "%s: %s at call %d, %s %s: %s\n", pt.Scenario, pt.Fault, pt.Number, pt.Name, pt.Path, problem)
	}
}

// explain prints the problems of the random kills.
func (r *report) explain(w io.Writer) {
	for _, k := range r.Kills {
		for _, problem := range k.Problems {
			fmt.Fprintf(w, "random kills, %s: %s\n", k.Scenario, problem)
		}
	}
}
