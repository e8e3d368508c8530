//go:build unix

package main

import (
	"math"
	"slices"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/lab"
)

// median returns the median, or 0 without values.
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

// percentile returns the smallest value that is not exceeded by this percentage of xs, or
// 0 without values.
func percentile(xs []float64, hundredths float64) float64 {
	if len(xs) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(xs))
	return s[int(math.Ceil(hundredths*float64(len(s))/100))-1]
}

func p95(xs []float64) float64 { return percentile(xs, 95) }

// pairing contains the runs of two programs that ran alternately: A B A B.
type pairing struct{ A, B []lab.Result }

// ratios returns the ratio of each pair. Other load on the machine affects both runs of a
// pair, so the median of these ratios varies less than the ratio of the medians.
func (p pairing) ratios(of func(lab.Result) float64) []float64 {
	var all []float64
	for i := range p.A {
		all = append(all, of(p.A[i])/of(p.B[i]))
	}
	return all
}

// differences returns A minus B for each pair.
func (p pairing) differences(of func(lab.Result) float64) []float64 {
	var all []float64
	for i := range p.A {
		all = append(all, of(p.A[i])-of(p.B[i]))
	}
	return all
}

// each returns one figure of every run.
func each(runs []lab.Result, of func(lab.Result) float64) []float64 {
	var all []float64
	for _, r := range runs {
		all = append(all, of(r))
	}
	return all
}

// The figures of a run: milliseconds, 10^6 bytes, minor page faults.
func wall(r lab.Result) float64   { return ms(r.Wall) }
func rss(r lab.Result) float64    { return float64(r.MaxRSS) / 1e6 }
func faults(r lab.Result) float64 { return float64(r.MinorFaults) }

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
