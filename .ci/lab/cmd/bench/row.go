//go:build unix

package main

import (
	"fmt"
	"math"
)

// Row is one bar, or a part of one, and what was measured.
type Row struct {
	Bar  string `json:"bar"`
	What string `json:"what"`
	Unit string `json:"unit"` // of ours and base

	Ours    float64 `json:"ours"`
	Base    float64 `json:"base,omitempty"` // what ours is held against or shown beside
	Against string  `json:"against,omitempty"`
	OursP95 float64 `json:"ours_p95,omitempty"`
	BaseP95 float64 `json:"base_p95,omitempty"`
	N       int     `json:"n,omitempty"` // pairs, or runs

	// Held is the figure that the limit applies to: the ratio, ours, or the
	// difference. "" is for information only.
	Held  string  `json:"held,omitempty"`
	Value float64 `json:"value"`
	Limit float64 `json:"limit,omitempty"`

	// Headline names the row in the short comparison.
	Headline string  `json:"headline,omitempty"`
	Note     string  `json:"note,omitempty"`
	Failed   string  `json:"failed,omitempty"` // why there is no figure, or none that counts
	Verdict  Verdict `json:"verdict"`
}

// The figures that a limit can apply to.
const (
	byRatio      = "ratio"
	byOurs       = "ours"
	byDifference = "difference"
)

// Verdict is the result of a bar.
type Verdict string

// The verdicts.
const (
	Met    Verdict = "met"
	Missed Verdict = "missed"
	Failed Verdict = "failed" // wrong calls or answers, however fast
	NotRun Verdict = "not run"
	Info   Verdict = "for information"
)

// judge fills Value where the case has not, and the verdict.
func (r Row) judge() Row {
	if r.Value == 0 {
		switch {
		case r.Held == byOurs:
			r.Value = r.Ours
		case r.Held == byDifference:
			r.Value = r.Ours - r.Base
		case r.Base != 0:
			r.Value = r.Ours / r.Base
		}
	}
	switch {
	case r.Verdict == NotRun:
	case math.IsNaN(r.Value) || math.IsInf(r.Value, 0):
		r.Value, r.Verdict, r.Failed = 0, Failed, "a run without a wall time" // JSON has no such numbers
	case r.Failed != "":
		r.Verdict = Failed
	case r.Held == "":
		r.Verdict = Info
	case r.Value <= r.Limit:
		r.Verdict = Met
	default:
		r.Verdict = Missed
	}
	return r
}

// ratioRow holds the median of the pairwise wall ratios against a limit.
func ratioRow(bar, what, against string, p pairing, limit float64) Row {
	a, b := each(p.A, wall), each(p.B, wall)
	return Row{
		Bar: bar, What: what, Unit: "ms", Ours: median(a), Base: median(b), Against: against, OursP95: p95(a), BaseP95: p95(b), N: len(p.A),
		Held: byRatio, Value: median(p.ratios(wall)), Limit: limit,
	}
}

// figureRow holds the median of one of our figures against a limit, with the peer's
// beside it.
func figureRow(bar, what, unit string, p pairing, of ofRun, limit float64) Row {
	a, b := each(p.A, of), each(p.B, of)
	return Row{
		Bar: bar, What: what, Unit: unit, Ours: median(a), Base: median(b), Against: peerName, OursP95: p95(a), BaseP95: p95(b), N: len(p.A),
		Held: byOurs, Limit: limit,
	}
}

func notRun(bar, why string) Row { return Row{Bar: bar, Verdict: NotRun, Note: why} }

// figure writes x with its unit, as fine as its size deserves.
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
