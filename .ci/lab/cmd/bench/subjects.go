//go:build unix

package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/lab"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// subject is one measurement. It may return rows for several limits.
type subject struct {
	limits  []string
	peer    bool // also measures the peer
	measure func(*stage) ([]Row, error)
}

var subjects = []subject{
	{[]string{selfCheckID}, false, selfCheck("at the start")},
	{[]string{"W1"}, false, warmWall},
	{[]string{"W2"}, true, warmInstructions},
	{[]string{"W3", "W5"}, true, warmPeer},
	{[]string{"W4"}, true, repeatedSSO},
	{[]string{"C1"}, true, coldAt20},
	{[]string{"C1", "C2", "C5"}, true, coldAt50},
	{[]string{"C3"}, true, coldNear},
	{[]string{"C4"}, true, coldRole},
	{[]string{"S1"}, false, stormCalls},
	{[]string{"S2"}, true, stormWall},
	{[]string{"S3"}, false, killedHolder},
	{[]string{"G1"}, true, manyRegistries},
	{[]string{"G2"}, true, warmProfiles},
	{[]string{"G3"}, false, coldProfiles},
	{[]string{"B1"}, true, binarySize},
	{[]string{"F1"}, true, hangs},
	{[]string{"F2"}, true, refusals},
	{[]string{"CLI"}, false, awsCLI},
	{[]string{selfCheckID}, false, selfCheck("at the end")},
}

// onlyIDs returns the limits given in -only, or nil for all limits.
func (o options) onlyIDs() ([]string, error) {
	if o.only == "" {
		return nil, nil
	}
	var known []string
	for _, s := range subjects {
		known = append(known, s.limits...)
	}
	limits := strings.Split(o.only, ",")
	for _, id := range limits {
		if !slices.Contains(known, id) {
			return nil, fmt.Errorf("no limit %q in %s", id, strings.Join(slices.Compact(known), " "))
		}
	}
	return limits, nil
}

// selected returns the subjects selected by the options. peer reports whether any subject
// measures the peer.
func (o options) selected() (list []subject, limits []string, peer bool, err error) {
	if limits, err = o.onlyIDs(); err != nil {
		return nil, nil, false, err
	}
	for _, sub := range subjects {
		if limits == nil || slices.ContainsFunc(sub.limits, func(id string) bool { return slices.Contains(limits, id) }) {
			list, peer = append(list, sub), peer || sub.peer
		}
	}
	return list, limits, peer, nil
}

func measure(o options, progress io.Writer) (Report, error) {
	list, limits, peer, err := o.selected()
	if err != nil {
		return Report{}, err
	}
	r := Report{Machine: thisMachine(o)}
	switch {
	case o.only != "":
		r.Partial = "only " + o.only
	case o.quick, o.runs > 0:
		r.Partial = "fewer runs than the method requires"
	}
	begin := time.Now()
	s, err := newStage(o, peer, progress)
	if err != nil {
		return r, err
	}
	defer s.close()
	for _, sub := range list {
		start := time.Now()
		fmt.Fprintf(progress, "%-10s ", strings.Join(sub.limits, " "))
		for _, row := range sub.rows(s) {
			if limits == nil || slices.Contains(limits, row.ID) {
				r.Rows = append(r.Rows, row)
			}
		}
		fmt.Fprintf(progress, "%5.1f s\n", time.Since(start).Seconds())
	}
	r.Seconds = int(time.Since(begin).Seconds())
	slices.SortStableFunc(r.Rows, func(a, b Row) int { return cmp.Compare(order(a.ID), order(b.ID)) })
	return r, nil
}

// order sorts the rows, because W5 is measured before W4.
func order(id string) int {
	return strings.IndexByte("sWCSGBF", id[0])*256 + int(id[1])
}

// rows runs the measurement and returns its rows. If it fails, each limit has a row with
// the error.
func (sub subject) rows(s *stage) []Row {
	rows, err := sub.measure(s)
	if err != nil {
		rows = nil
		for _, id := range sub.limits {
			if errors.Is(err, errNoValgrind) {
				rows = append(rows, notRun(id, err.Error()))
			} else {
				rows = append(rows, Row{ID: id, Failed: err.Error()})
			}
		}
	}
	for i := range rows {
		rows[i] = rows[i].judge()
	}
	return rows
}

func newStage(o options, peer bool, progress io.Writer) (*stage, error) {
	dir, err := os.MkdirTemp("", "ecr-sso-bench-")
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(progress, "building in %s\n", dir)
	s := &stage{options: o, dir: dir, fakes: map[latency]*awstest.AWS{}}
	s.removeOnInterrupt()
	if s.programs, err = buildPrograms(dir, o, peer); err == nil {
		s.bench, err = lab.NewBench(dir)
	}
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}
