//go:build unix

package main

import (
	"cmp"
	"fmt"
	"os"
	"strings"
)

// Report is the result of a benchmark run.
type Report struct {
	Machine Machine `json:"machine"`
	Seconds int     `json:"seconds"`
	Partial string  `json:"partial,omitempty"` // why this is not a full run
	Rows    []Row   `json:"rows"`
}

// table shows every row.
func (r Report) table() string {
	var b strings.Builder
	b.WriteString("| limit | what | ours | compared with | ratio | at most | n | result |\n|---|---|---|---|---|---|---|---|\n")
	for _, row := range r.Rows {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s | %s |\n", row.ID, row.What, row.ours(), row.base(), row.ratio(), row.limit(),
			row.n(), row.verdict())
	}
	return b.String()
}

func (r Row) measured() bool { return r.Verdict != NotRun && (r.Failed == "" || r.Unit != "") }

func (r Row) ours() string {
	if !r.measured() {
		return ""
	}
	return figure(r.Ours, r.Unit) + tail(r.OursP95, r.Unit)
}

func (r Row) base() string {
	if !r.measured() || r.Against == "" {
		return ""
	}
	return r.Against + ": " + figure(r.Base, r.Unit) + tail(r.BaseP95, r.Unit)
}

func tail(p95 float64, unit string) string {
	if p95 == 0 {
		return ""
	}
	return " (p95 " + strings.TrimSuffix(figure(p95, unit), " "+unit) + ")"
}

func (r Row) ratio() string {
	switch {
	case !r.measured() || r.Base == 0:
		return ""
	case r.Judged == byDifference:
		return fmt.Sprintf("%+.2f %s", r.Value, r.Unit)
	case r.Judged == byOurs:
		return fmt.Sprintf("%.2f", r.Ours/r.Base)
	case r.Value < 0.05:
		return fmt.Sprintf("%.4f", r.Value)
	}
	return fmt.Sprintf("%.2f", r.Value)
}

func (r Row) limit() string {
	switch {
	case !r.measured() || r.Judged == "":
		return ""
	case r.Judged == byOurs:
		return "≤ " + figure(r.Limit, r.Unit)
	case r.Judged == byDifference:
		return "≤ +" + figure(r.Limit, r.Unit)
	}
	return fmt.Sprintf("≤ %.2f", r.Limit)
}

func (r Row) n() string {
	if r.N == 0 {
		return ""
	}
	return fmt.Sprint(r.N)
}

// verdict is bold if the limit was missed or the run failed.
func (r Row) verdict() string {
	text := string(r.Verdict)
	if r.Verdict == Missed || r.Verdict == Failed {
		text = "**" + text + "**"
	}
	for _, why := range []string{r.Failed, r.Note} {
		if why != "" {
			text += "; " + strings.Join(strings.Fields(strings.ReplaceAll(why, "|", "/")), " ")
		}
	}
	return text
}

// behind lists the limits that were not met.
func (r Report) behind() string {
	var b strings.Builder
	for _, row := range r.Rows {
		switch row.Verdict {
		case Missed:
			fmt.Fprintf(&b, "- %s: %s; the limit is %s.\n", row.title(), row.judgedFigure(), row.limit())
		case Failed:
			fmt.Fprintf(&b, "- %s: failed: %s.\n", row.title(), strings.Join(strings.Fields(row.Failed), " "))
		case NotRun:
			fmt.Fprintf(&b, "- %s: not run: %s.\n", row.title(), row.Note)
		}
	}
	if b.Len() == 0 {
		return "Every limit was met in this run.\n"
	}
	return b.String()
}

func (r Row) title() string {
	if r.What == "" {
		return r.ID
	}
	return r.ID + ", " + r.What
}

func (r Row) judgedFigure() string {
	if r.Judged == byOurs {
		return r.ours()
	}
	return r.ratio()
}

// comparison returns the short table for pages that are not about performance.
func (r Report) comparison() string {
	var b strings.Builder
	fmt.Fprintf(&b, "| | this helper | %s |\n|---|---|---|\n", r.Machine.Peer)
	for _, row := range r.Rows {
		if row.Headline != "" && row.measured() && row.Verdict != Failed {
			fmt.Fprintf(&b, "| %s | %s | %s |\n", row.Headline, figure(row.Ours, row.Unit), figure(row.Base, row.Unit))
		}
	}
	return b.String()
}

// failed returns an error if a run failed. A missed limit is not an error.
func (r Report) failed() error {
	var limits []string
	for _, row := range r.Rows {
		if row.Verdict == Failed {
			limits = append(limits, row.ID)
		}
	}
	if limits == nil {
		return nil
	}
	return fmt.Errorf("failed: %s", strings.Join(limits, " "))
}

// about describes the machine and the time.
func (r Report) about() string {
	m := r.Machine
	kind := ""
	if m.Virtual {
		kind = "virtual, "
	}
	text := fmt.Sprintf("Measured %s at commit %s in %d s: %s, %s%d cores, %s, kernel %s, load %s; %s; compared with %s.\n", m.Date,
		cmp.Or(m.Commit, "unknown"), r.Seconds, m.System, kind, m.Cores, m.CPU, m.Kernel, m.Load, m.Go, m.Peer)
	if r.Partial != "" {
		text += "\nNot a full run: " + r.Partial + ".\n"
	}
	for _, row := range r.Rows {
		if row.ID == selfCheckID && (row.Value < 0.97 || row.Value > 1.03) {
			text += fmt.Sprintf("\nA self-check is %.2f: the machine was too busy. Do not publish these wall times.\n", row.Value)
		}
	}
	return text
}

// write writes the report to the parts of a page: table, machine, behind and comparison.
// The markers <!-- bench:table --> and <!-- /bench --> enclose the part table.
func (r Report) write(path string) error {
	page, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	text, err := r.fill(string(page))
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.WriteFile(path, []byte(text), info.Mode().Perm())
}

const markerEnd = "<!-- /bench -->"

func (r Report) fill(page string) (string, error) {
	found := false
	for name, part := range map[string]func() string{
		"table": r.table, "behind": r.behind, "machine": r.about, "comparison": r.comparison,
	} {
		before, rest, ok := strings.Cut(page, "<!-- bench:"+name+" -->")
		if !ok {
			continue
		}
		_, after, ok := strings.Cut(rest, markerEnd)
		if !ok {
			return "", fmt.Errorf("no %s after the marker of %s", markerEnd, name)
		}
		found = true
		page = before + "<!-- bench:" + name + " -->\n" + part() + markerEnd + after
	}
	if !found {
		return "", fmt.Errorf("no marker <!-- bench:table -->, machine, behind or comparison")
	}
	return page, nil
}
