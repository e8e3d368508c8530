//go:build unix

package main

import (
	"fmt"
	"math"
)

// Row is a measurement for one limit.
type Row struct {
	ID   string `json:"id"`
	What string `json:"what"`
	Unit string `json:"unit"` // unit of ours and base

	Ours    float64 `json:"ours"`
	Base    float64 `json:"base,omitempty"` // the figure compared with ours
	Against string  `json:"against,omitempty"`
	OursP95 float64 `json:"ours_p95,omitempty"`
	BaseP95 float64 `json:"base_p95,omitempty"`
	N       int     `json:"n,omitempty"` // pairs, or runs

	// Judged is the figure to which the limit applies: the ratio, ours, or the
	// difference. If it is "", the row is for information only.
	Judged string  `json:"judged,omitempty"`
	Value  float64 `json:"value"`
	Limit  float64 `json:"limit,omitempty"`

	// Headline is the name of the row in the short comparison.
	Headline string  `json:"headline,omitempty"`
	Note     string  `json:"note,omitempty"`
	Failed   string  `json:"failed,omitempty"` // why there is no valid figure
	Verdict  Verdict `json:"verdict"`
}

// The figures that a limit can apply to.
const (
	byRatio      = "ratio"
	byOurs       = "ours"
	byDifference = "difference"
)

// Verdict is the result of a row.
type Verdict string

// The verdicts.
const (
	Met    Verdict = "met"
	Missed Verdict = "missed"
	Failed Verdict = "failed" // wrong calls or answers
	NotRun Verdict = "not run"
	Info   Verdict = "for information"
)

// judge sets Value, if it is not set, and the verdict.
func (r Row) judge() Row {
	if r.Value == 0 {
		switch {
		case r.Judged == byOurs:
			r.Value = r.Ours
		case r.Judged == byDifference:
			r.Value = r.Ours - r.Base
		case r.Base != 0:
			r.Value = r.Ours / r.Base
		}
	}
	switch {
	case r.Verdict == NotRun:
	case math.IsNaN(r.Value) || math.IsInf(r.Value, 0):
		r.Value, r.Verdict, r.Failed = 0, Failed, "a run without a wall time" // JSON does not support such numbers
	case r.Failed != "":
		r.Verdict = Failed
	case r.Judged == "":
		r.Verdict = Info
	case r.Value <= r.Limit:
		r.Verdict = Met
	default:
		r.Verdict = Missed
	}
	return r
}

// ratioRow compares the median of the pairwise ratios of wall times with a limit.
func ratioRow(id, what, against string, p pairing, limit float64) Row {
	a, b := each(p.A, wall), each(p.B, wall)
	return Row{
		ID: id, What: what, Unit: "ms", Ours: median(a), Base: median(b), Against: against, OursP95: p95(a), BaseP95: p95(b), N: len(p.A),
		Judged: byRatio, Value: median(p.ratios(wall)), Limit: limit,
	}
}

// figureRow compares the median of one of our figures with a limit and also shows the
// peer's median.
func figureRow(id, what, unit string, p pairing, of ofRun, limit float64) Row {
	a, b := each(p.A, of), each(p.B, of)
	return Row{
		ID: id, What: what, Unit: unit, Ours: median(a), Base: median(b), Against: peerName, OursP95: p95(a), BaseP95: p95(b), N: len(p.A),
		Judged: byOurs, Limit: limit,
	}
}

func notRun(id, why string) Row { return Row{ID: id, Verdict: NotRun, Note: why} }

// figure formats x with its unit. Small figures have more decimals.
func figure(x float64, unit string) string {
	if unit == "instructions" {
		return fmt.Sprintf("%.2f M", x/1e6)
	}
	digits := 2
	switch {
	case x == math.Trunc(x) || math.Abs(x) >= 1000:
		digits = 0
	case math.Abs(x) >= 100:
		digits = 1
	}
	return fmt.Sprintf("%.*f %s", digits, x, unit)
}
