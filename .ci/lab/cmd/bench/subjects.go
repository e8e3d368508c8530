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

// subject is one measurement, which may serve several bars.
type subject struct {
	bars    []string
	peer    bool // is measured too
	measure func(*stage) ([]Row, error)
}

var subjects = []subject{
	{[]string{selfCheckBar}, false, selfCheck("at the start")},
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
	{[]string{selfCheckBar}, false, selfCheck("at the end")},
}

// wanted are the bars of -only; nil means all.
func (o options) wanted() ([]string, error) {
	if o.only == "" {
		return nil, nil
	}
	var known []string
	for _, s := range subjects {
		known = append(known, s.bars...)
	}
	bars := strings.Split(o.only, ",")
	for _, bar := range bars {
		if !slices.Contains(known, bar) {
			return nil, fmt.Errorf("no bar %q in %s", bar, strings.Join(slices.Compact(known), " "))
		}
	}
	return bars, nil
}

// chosen are the subjects that the options want, and whether the peer is among what
// they measure.
func (o options) chosen() (list []subject, bars []string, peer bool, err error) {
	if bars, err = o.wanted(); err != nil {
		return nil, nil, false, err
	}
	for _, sub := range subjects {
		if bars == nil || slices.ContainsFunc(sub.bars, func(bar string) bool { return slices.Contains(bars, bar) }) {
			list, peer = append(list, sub), peer || sub.peer
		}
	}
	return list, bars, peer, nil
}

func measure(o options, progress io.Writer) (Report, error) {
	list, bars, peer, err := o.chosen()
	if err != nil {
		return Report{}, err
	}
	r := Report{Machine: thisMachine(o)}
	switch {
	case o.only != "":
		r.Partial = "only " + o.only
	case o.quick, o.runs > 0:
		r.Partial = "not as many runs as the method asks for"
	}
	begin := time.Now()
	s, err := newStage(o, peer, progress)
	if err != nil {
		return r, err
	}
	defer s.close()
	for _, sub := range list {
		start := time.Now()
		fmt.Fprintf(progress, "%-10s ", strings.Join(sub.bars, " "))
		for _, row := range sub.rows(s) {
			if bars == nil || slices.Contains(bars, row.Bar) {
				r.Rows = append(r.Rows, row)
			}
		}
		fmt.Fprintf(progress, "%5.1f s\n", time.Since(start).Seconds())
	}
	r.Seconds = int(time.Since(begin).Seconds())
	slices.SortStableFunc(r.Rows, func(a, b Row) int { return cmp.Compare(order(a.Bar), order(b.Bar)) })
	return r, nil
}

// order puts W5 behind W4, wherever it was measured.
func order(bar string) int {
	return strings.IndexByte("sWCSGBF", bar[0])*256 + int(bar[1])
}

// rows measures, and says of each bar what came of it.
func (sub subject) rows(s *stage) []Row {
	rows, err := sub.measure(s)
	if err != nil {
		rows = nil
		for _, bar := range sub.bars {
			if errors.Is(err, errNoValgrind) {
				rows = append(rows, notRun(bar, err.Error()))
			} else {
				rows = append(rows, Row{Bar: bar, Failed: err.Error()})
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
	s.untilInterrupted()
	if s.programs, err = buildPrograms(dir, o, peer); err == nil {
		s.bench, err = lab.NewBench(dir)
	}
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}
