//go:build unix

package main

import (
	"math"
	"slices"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/lab"
)

// median is the middle of xs, 0 of none.
func median(xs []float64) float64 {
	s := slices.Sorted(slices.Values(xs))
	switch n := len(s); {
	case n == 0:
		return 0
	case n%2 == 1:
		return s[n/2]
	default:
		return (s[n/2-1] + s[n/2]) / 2
	}
}

// percentile is the smallest of xs that this many in a hundred do not exceed, 0 of
// none.
func percentile(xs []float64, hundredths float64) float64 {
	if len(xs) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(xs))
	return s[int(math.Ceil(hundredths*float64(len(s))/100))-1]
}

func p95(xs []float64) float64 { return percentile(xs, 95) }

// pairing is two programs run in turn: A B A B.
type pairing struct{ A, B []lab.Result }

// ratios are those of the pairs. What the machine does meanwhile meets both runs of a
// pair, so that the median of these is steadier than the ratio of the medians.
func (p pairing) ratios(of func(lab.Result) float64) []float64 {
	var all []float64
	for i := range p.A {
		all = append(all, of(p.A[i])/of(p.B[i]))
	}
	return all
}

// differences are A's less B's, a pair each.
func (p pairing) differences(of func(lab.Result) float64) []float64 {
	var all []float64
	for i := range p.A {
		all = append(all, of(p.A[i])-of(p.B[i]))
	}
	return all
}

// each is one figure of every run.
func each(runs []lab.Result, of func(lab.Result) float64) []float64 {
	var all []float64
	for _, r := range runs {
		all = append(all, of(r))
	}
	return all
}

// What is measured of a run: milliseconds, 10^6 bytes, minor faults.
func wall(r lab.Result) float64   { return ms(r.Wall) }
func rss(r lab.Result) float64    { return float64(r.MaxRSS) / 1e6 }
func faults(r lab.Result) float64 { return float64(r.MinorFaults) }

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
