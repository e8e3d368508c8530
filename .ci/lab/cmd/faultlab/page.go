//go:build linux

package main

import (
	"fmt"
	"strings"

	"github.com/ecr-sso/docker-credential-ecr-sso/lab"
)

// part is the name in the page's markers.
const part = "faultlab"

func writePage(page string, all []report) error { return lab.WritePart(page, part, totals(all)) }

// totals returns the page's tables: the total of all faults, and one row per family. Each
// helper has a column.
func totals(all []report) string {
	rows := [][]string{{""}}
	add := func(what string, cell func(report) string) {
		row := []string{what}
		for _, p := range all {
			row = append(row, cell(p))
		}
		rows = append(rows, row)
	}
	for _, p := range all {
		rows[0] = append(rows[0], p.Helper)
	}
	add("faults run", func(p report) string { return fmt.Sprint(p.Run) })
	add("**passed: no invariant broken**", func(p report) string { return fmt.Sprintf("**%d**", p.Passed) })
	for k, name := range []string{
		"I1 broken: a secret leaks", "I2 broken: a file or login is lost", "I3 broken: longer or larger than allowed",
		"I4 broken: the protocol", "I5 broken: no cause or no command",
	} {
		add(name, func(p report) string { return fmt.Sprint(p.Broken[k]) })
	}
	add("longest, seconds", func(p report) string { return fmt.Sprintf("%.1f", p.Longest) })
	add("largest resident size, MiB", func(p report) string { return fmt.Sprintf("%.1f", float64(p.Largest)/(1<<20)) })
	add("not run: does not apply", func(p report) string { return fmt.Sprint(p.NotRun) })
	return lab.Table(rows) + "\n" + lab.Table(byFamily(all)) +
		fmt.Sprintf("\nMeasured %s at commit %s with %s on %s.\n", all[0].Taken.Format("2006-01-02"), all[0].Commit, all[0].Go, all[0].Machine)
}

func byFamily(all []report) [][]string {
	var order []string
	count := map[string][][2]int{} // passed, run; by helper
	for i, p := range all {
		for _, f := range p.Faults {
			if count[f.Family] == nil {
				order = append(order, f.Family)
				count[f.Family] = make([][2]int, len(all))
			}
			if f.Skipped != "" {
				continue
			}
			count[f.Family][i][1]++
			if len(f.Broken) == 0 {
				count[f.Family][i][0]++
			}
		}
	}
	rows := [][]string{{"family"}}
	for _, p := range all {
		rows[0] = append(rows[0], strings.TrimPrefix(p.Helper, "docker-credential-"))
	}
	for _, family := range order {
		row := []string{family}
		for _, c := range count[family] {
			cell := "n/a"
			if c[1] > 0 {
				cell = fmt.Sprintf("%d of %d", c[0], c[1])
			}
			row = append(row, cell)
		}
		rows = append(rows, row)
	}
	return rows
}
