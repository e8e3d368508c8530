//go:build linux

package main

import (
	"fmt"
	"io"

	"github.com/ecr-sso/docker-credential-ecr-sso/lab"
)

type report []*result

func (r *result) problem(format string, args ...any) {
	r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
}

func (r report) ok() bool {
	for _, res := range r {
		if len(res.Problems) > 0 {
			return false
		}
	}
	return len(r) > 0
}

func (r report) table() string {
	rows := [][]string{{"herd", "processes", "rounds", "at once", "answered", "no answer, as expected",
		"portal calls", "ECR calls", "CreateToken", "InvalidGrant", "browsers", "longest round", "problems"}}
	for _, s := range r {
		cells := []string{s.Herd}
		for _, n := range []int{s.Processes, s.Rounds, s.Together, s.Answered, s.Failed, s.Portal, s.ECR, s.Tokens, s.Refused, s.Browsers} {
			cells = append(cells, fmt.Sprint(n))
		}
		rows = append(rows, append(cells, fmt.Sprintf("%.1f s", s.Longest.Seconds()), fmt.Sprint(len(s.Problems))))
	}
	return lab.Table(rows)
}

func (r report) explain(w io.Writer) {
	for _, s := range r {
		for i, problem := range s.Problems {
			if i == 10 {
				fmt.Fprintf(w, "%s: and %d more\n", s.Herd, len(s.Problems)-i)
				break
			}
			fmt.Fprintf(w, "%s: %s\n", s.Herd, problem)
		}
	}
}
