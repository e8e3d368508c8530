package dockerconfig

import (
	"slices"
	"strings"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
)

// maxDiffLine bounds a line in runes; a host name has at most 253.
const maxDiffLine = 600

// Diff returns the change as lines that start with "-", "+" or a blank, "" when
// there is none. It shows credHelpers and nothing else: the lines around it may
// hold tokens of other registries, on a file of one line even the same line.
func (p Plan) Diff() string {
	if !p.Changed() {
		return ""
	}
	var b strings.Builder
	b.WriteString("--- " + clean(p.Path) + "\n+++ " + clean(p.Path) + "\n")
	for _, line := range compare(section(p.Old), section(p.New)) {
		b.WriteString(clean(line) + "\n")
	}
	return b.String()
}

// section returns the lines of the credHelpers member.
func section(data []byte) []string {
	d, err := outline(data)
	if err != nil || !d.hasHelpers {
		return nil
	}
	m := d.top.members[d.helpersAt]
	from := m.key.from
	for from > 0 && (data[from-1] == ' ' || data[from-1] == '\t') {
		from--
	}
	return strings.Split(strings.ReplaceAll(string(data[from:m.value.to]), "\r", ""), "\n")
}

// maxCompare bounds the table below; beyond it the change is shown in full.
const maxCompare = 4 << 20

// compare gives a shortest list of kept, dropped and added lines.
func compare(a, b []string) []string {
	if len(a)*len(b) > maxCompare {
		return slices.Concat(mark("-", a), mark("+", b))
	}
	// common[i][j] is the length of the longest common part of a[i:] and b[j:].
	common := make([][]int, len(a)+1)
	for i := range common {
		common[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	var out []string
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			out = append(out, " "+a[i])
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && common[i+1][j] >= common[i][j+1]:
			out = append(out, "-"+a[i])
			i++
		default:
			out = append(out, "+"+b[j])
			j++
		}
	}
	return out
}

func mark(sign string, lines []string) []string {
	out := make([]string, len(lines))
	for i, line := range lines {
		out[i] = sign + line
	}
	return out
}

// clean keeps indentation and makes the rest fit for a terminal.
func clean(line string) string {
	parts := strings.Split(line, "\t")
	for i, part := range parts {
		parts[i] = hint.Clean(part, maxDiffLine)
	}
	return strings.Join(parts, "\t")
}
