//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// report is a helper's result in JSON.
type report struct {
	Helper  string          `json:"helper"`
	Taken   time.Time       `json:"taken"`
	Go      string          `json:"go"`
	Machine string          `json:"machine"`
	Commit  string          `json:"commit,omitempty"`
	Run     int             `json:"run"`
	Passed  int             `json:"passed"`
	NotRun  int             `json:"not_run"`
	Broken  [invariants]int `json:"broken"` // faults that break I1 ... I5
	Longest float64         `json:"longest_seconds"`
	Largest int64           `json:"largest_rss_bytes"`
	Faults  []faultReport   `json:"faults"`
}

type faultReport struct {
	ID      string     `json:"id"`
	Family  string     `json:"family"`
	What    string     `json:"what"`
	Skipped string     `json:"skipped,omitempty"`
	Holds   []bool     `json:"holds,omitempty"` // I1 ... I5
	Broken  [][]string `json:"broken,omitempty"`
	Seconds float64    `json:"seconds,omitempty"`
	RSS     int64      `json:"rss_bytes,omitempty"`
	Said    string     `json:"said,omitempty"`
}

func reportOf(h helper, rows []row) report {
	p := report{Helper: h.name, Taken: time.Now().UTC().Truncate(time.Second), Go: runtime.Version(), Machine: machine()}
	if h.ours {
		p.Commit = commit()
	}
	for i := range rows {
		r := &rows[i]
		f := faultReport{ID: r.fault.id, Family: r.fault.family, What: r.fault.what, Skipped: r.skipped}
		if r.skipped != "" {
			p.NotRun++
			p.Faults = append(p.Faults, f)
			continue
		}
		f.Seconds, f.RSS, f.Said = r.result.Wall.Seconds(), r.result.MaxRSS, r.said
		for k, wrong := range r.faults {
			f.Holds = append(f.Holds, len(wrong) == 0)
			if len(wrong) > 0 {
				p.Broken[k]++
			}
		}
		p.Run++
		if r.passed() {
			p.Passed++
		} else {
			f.Broken = r.faults[:]
		}
		p.Longest, p.Largest = max(p.Longest, f.Seconds), max(p.Largest, f.RSS)
		p.Faults = append(p.Faults, f)
	}
	return p
}

func machine() string {
	return fmt.Sprintf("%s/%s, %d CPUs", runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
}

// commit returns the commit of the checkout, or "".
func commit() string {
	out, err := exec.Command("git", "rev-parse", "--short=12", "HEAD").Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

func printTable(out io.Writer, h helper, rows []row) error {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s\n%-34s I1 I2 I3 I4 I5 %8s %6s  %s\n", h.name, "fault", "seconds", "MiB", "said")
	for i := range rows {
		r := &rows[i]
		if r.skipped != "" {
			fmt.Fprintf(&b, "%-34s %s\n", r.fault.id, r.skipped)
			continue
		}
		fmt.Fprintf(&b, "%-34s", r.fault.id)
		for _, wrong := range r.faults {
			fmt.Fprintf(&b, " %-2s", mark(len(wrong) == 0))
		}
		fmt.Fprintf(&b, " %8.2f %6.1f  %s\n", r.result.Wall.Seconds(), float64(r.result.MaxRSS)/(1<<20), r.said)
		for k, wrong := range r.faults {
			for _, what := range wrong {
				fmt.Fprintf(&b, "    I%d: %s\n", k+1, what)
			}
		}
	}
	p := reportOf(h, rows)
	fmt.Fprintf(&b, "\n%s: %d of %d faults passed; broken: I1 %d, I2 %d, I3 %d, I4 %d, I5 %d; not run: %d\n", h.name,
		p.Passed, p.Run, p.Broken[0], p.Broken[1], p.Broken[2], p.Broken[3], p.Broken[4], p.NotRun)
	_, err := io.WriteString(out, b.String())
	return err
}

func mark(ok bool) string {
	if ok {
		return "ok"
	}
	return "NO"
}

func writeJSON(path string, all []report) error {
	text, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}
