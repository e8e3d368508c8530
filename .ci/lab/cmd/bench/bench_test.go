//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/lab"
)

func TestMedianAndP95(t *testing.T) {
	for _, c := range []struct {
		xs          []float64
		median, p95 float64
	}{
		{nil, 0, 0}, {[]float64{7}, 7, 7}, {[]float64{3, 1, 2}, 2, 3}, {[]float64{4, 1, 3, 2}, 2.5, 4},
		{[]float64{20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1}, 10.5, 19},
	} {
		if m, p := median(c.xs), p95(c.xs); m != c.median || p != c.p95 {
			t.Errorf("%v: median %v, p95 %v; want %v, %v", c.xs, m, p, c.median, c.p95)
		}
	}
}

func runs(millis ...int) (list []lab.Result) {
	for _, m := range millis {
		list = append(list, lab.Result{Wall: time.Duration(m) * time.Millisecond})
	}
	return list
}

func TestRatiosUsePairs(t *testing.T) {
	// The machine is ten times slower during the second pair, for both programs.
	p := pairing{A: runs(1, 10, 3), B: runs(2, 20, 4)}
	if got := median(p.ratios(wall)); got != 0.5 {
		t.Errorf("ratio %v", got)
	}
	if got := median(p.differences(wall)); got != -1 {
		t.Errorf("difference %v", got)
	}
	row := ratioRow("W1", "x", "empty Go", p, 0.5).judge()
	if row.Ours != 3 || row.Base != 4 || row.OursP95 != 10 || row.N != 3 || row.Value != 0.5 || row.Verdict != Met {
		t.Errorf("%+v", row)
	}
}

func TestVerdicts(t *testing.T) {
	for name, c := range map[string]struct {
		row  Row
		want Verdict
	}{
		"a ratio at its limit":                 {Row{Judged: byRatio, Ours: 3, Base: 2, Limit: 1.5}, Met},
		"a ratio above":                        {Row{Judged: byRatio, Ours: 3.1, Base: 2, Limit: 1.5}, Missed},
		"a figure":                             {Row{Judged: byOurs, Ours: 4.5, Base: 1, Limit: 4.5}, Met},
		"a figure above":                       {Row{Judged: byOurs, Ours: 4.6, Base: 9, Limit: 4.5}, Missed},
		"a figure of 0 with the limit 0":       {Row{Judged: byOurs}, Met},
		"a difference":                         {Row{Judged: byDifference, Ours: 20, Base: 19.5, Limit: 1}, Met},
		"a difference above":                   {Row{Judged: byDifference, Ours: 21, Base: 19.5, Limit: 1}, Missed},
		"fast, with the wrong calls":           {Row{Judged: byRatio, Ours: 1, Base: 2, Limit: 1, Failed: "2 calls"}, Failed},
		"for information, however slow":        {Row{Ours: 9, Base: 1}, Info},
		"not run, because valgrind is missing": {notRun("W2", "no valgrind"), NotRun},
	} {
		if got := c.row.judge().Verdict; got != c.want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// sample is a report with a row of each kind.
func sample() Report {
	r := Report{Machine: Machine{Date: "2026-01-02", Cores: 2, Peer: "peer v1"}, Seconds: 9}
	for _, row := range []Row{
		{ID: "W1", What: "warm", Unit: "ms", Ours: 1.5, Base: 1, OursP95: 2, Against: "empty Go", N: 200, Judged: byRatio, Limit: 1.4, Headline: "cached"},
		{ID: "W2", What: "instructions", Unit: "instructions", Ours: 610000, Base: 5e6, Against: "peer", Judged: byOurs, Limit: 0.8e6},
		{ID: "G3", What: "more by", Unit: "ms", Ours: 20.25, Base: 20, Against: "one", Judged: byDifference, Limit: 1},
		{ID: "S1", Failed: "2 portal calls\n| and more"},
		notRun("G1", "valgrind is not installed"),
	} {
		r.Rows = append(r.Rows, row.judge())
	}
	return r
}

func TestTable(t *testing.T) {
	want := `| limit | what | ours | compared with | ratio | at most | n | result |
|---|---|---|---|---|---|---|---|
| W1 | warm | 1.50 ms (p95 2) | empty Go: 1 ms | 1.50 | ≤ 1.40 | 200 | **missed** |
| W2 | instructions | 0.61 M | peer: 5.00 M | 0.12 | ≤ 0.80 M |  | met |
| G3 | more by | 20.25 ms | one: 20 ms | +0.25 ms | ≤ +1 ms |  | met |
| S1 |  |  |  |  |  |  | **failed**; 2 portal calls / and more |
| G1 |  |  |  |  |  |  | not run; valgrind is not installed |
`
	if got := sample().table(); got != want {
		t.Errorf("got\n%s", got)
	}
	behind := sample().behind()
	for _, line := range []string{"- W1, warm: 1.50; the limit is ≤ 1.40.", "- S1: failed: 2 portal calls | and more.", "- G1: not run: valgrind"} {
		if !strings.Contains(behind, line) {
			t.Errorf("no %q in\n%s", line, behind)
		}
	}
	if got := sample().comparison(); !strings.HasSuffix(got, "|---|---|---|\n| cached | 1.50 ms | 1 ms |\n") {
		t.Errorf("got\n%s", got)
	}
}

func TestBusyMachineIsReported(t *testing.T) {
	r := sample()
	for ratio, busy := range map[float64]bool{1.02: false, 0.97: false, 1.04: true, 0.9: true} {
		r.Rows = []Row{Row{ID: selfCheckID, Unit: "ms", Ours: ratio, Base: 1}.judge()}
		if got := strings.Contains(r.about(), "Do not publish"); got != busy {
			t.Errorf("%v: %v\n%s", ratio, got, r.about())
		}
	}
}

func TestFillReplacesTextBetweenMarkers(t *testing.T) {
	page := "top\n<!-- bench:table -->\nold\n<!-- /bench -->\nmiddle\n<!-- bench:behind -->\n<!-- /bench -->\nend\n"
	once, err := sample().fill(page)
	if err != nil {
		t.Fatal(err)
	}
	twice, err := sample().fill(once)
	if err != nil || once != twice || strings.Contains(once, "old") || !strings.HasPrefix(once, "top\n") || !strings.HasSuffix(once, "\nend\n") {
		t.Errorf("%v\n%s", err, once)
	}
	for _, bad := range []string{"no marker", "<!-- bench:table --> without an end"} {
		if _, err := sample().fill(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

func TestCollected(t *testing.T) {
	if n, ok := parseCollected("==1== Events    : Ir\n==1== Collected : 612345\n"); !ok || n != 612345 {
		t.Error(n, ok)
	}
	if _, ok := parseCollected("Assertion failed"); ok {
		t.Error("a count from a text without one")
	}
}

// The page explains each limit in the benchmark.
func TestEachLimitIsDocumented(t *testing.T) {
	page, err := os.ReadFile(filepath.FromSlash("../../../../docs/performance.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, limits, _ := strings.Cut(string(page), "## The limits")
	for _, sub := range subjects {
		for _, id := range sub.limits {
			if id != selfCheckID && id != "CLI" && !strings.Contains(limits, "\n| "+id+" |") {
				t.Errorf("%s is not in the table of limits", id)
			}
		}
	}
	if _, err := sample().fill(string(page)); err != nil {
		t.Error(err)
	}
}

// This is the smallest real run with all its parts: programs, fake, pairs, report and
// page.
func TestBenchRuns(t *testing.T) {
	dir := t.TempDir()
	out, page := filepath.Join(dir, "report.json"), filepath.Join(dir, "page.md")
	if err := os.WriteFile(page, []byte("<!-- bench:table -->\n<!-- /bench -->\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	if err := run([]string{"-only", "W1", "-runs", "2", "-json", out, "-write", page}, &stdout, &stderr); err != nil {
		t.Fatalf("%v\n%s%s", err, &stdout, &stderr)
	}
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	var r Report
	if err := json.Unmarshal(data, &r); err != nil || len(r.Rows) != 2 {
		t.Fatalf("%v\n%s", err, data)
	}
	if row := r.Rows[0]; row.ID != "W1" || row.N != 2 || row.Ours <= 0 || row.Base <= 0 || row.Value <= 0 || r.Partial == "" {
		t.Errorf("%+v", r)
	}
	if text, _ := os.ReadFile(page); !strings.Contains(string(text), "| W1 | warm get, wall |") {
		t.Errorf("%s", text)
	}
	// -from prints the same report without a measurement.
	var again bytes.Buffer
	if err := run([]string{"-from", out}, &again, &stderr); err != nil || again.String() != stdout.String() {
		t.Errorf("%v\n%s", err, &again)
	}
	if err := run([]string{"-only", "W9"}, &stdout, &stderr); err == nil || !strings.Contains(err.Error(), `no limit "W9"`) {
		t.Error(err)
	}
}
