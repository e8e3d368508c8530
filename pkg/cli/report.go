package cli

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/style"
)

// report formats the result of a command for stdout: lines that break between words, and
// verdicts that stand out on a terminal. Each command to run is unbroken on its own line,
// so that a user can paste it. Lines for stderr are those of streams.
type report struct {
	bytes.Buffer
	style style.Style
	width int
}

// The limits for the width of a report.
const (
	mostColumns  = 100 // longer lines are hard to read
	leastColumns = 40
)

// report returns an empty report, as wide as the terminal or mostColumns.
func (a app) report() *report {
	r := a.lines()
	if r.width == 0 {
		r.width = mostColumns
	}
	return r
}

// lines is report for texts that other programs may read: each stays on one line if
// stdout is not a terminal.
func (a app) lines() *report {
	width := style.Width(a.out)
	if width > 0 {
		width = max(leastColumns, min(width, mostColumns))
	}
	return &report{style: style.Of(a.out, a.env), width: width}
}

// line writes a text below an indent, and continues it below the same indent.
func (r *report) line(indent, format string, args ...any) {
	r.wrap(indent, len(indent), fmt.Sprintf(format, args...))
}

// result writes a line that may be a command.
func (r *report) result(text string) {
	if strings.HasPrefix(text, "aws ") || strings.HasPrefix(text, name+" ") {
		r.WriteString(hint.Clean(text, 1000) + "\n")
		return
	}
	r.line("", "%s", text)
}

// row writes a verdict, a label, a text and the commands that help. The text continues in
// its column, or on a narrow terminal below the label.
func (r *report) row(verdict, label, text string, next []string) {
	const leastText = 30
	columns := style.Columns(verdict + label)
	if r.width > 0 && r.width-columns < leastText {
		r.WriteString(strings.TrimRight(verdict+label, " ") + "\n")
		r.line(step+step, "%s", text)
		r.next(step+step, next)
		return
	}
	r.wrap(verdict+label, columns, text)
	r.next(strings.Repeat(" ", columns), next)
}

// entry writes a registry with its verdict, and the details below. On a terminal the
// symbol is the verdict. Elsewhere a list of verdicts needs the word.
func (r *report) entry(level style.Level, word, host, text string, next []string) {
	head := r.style.Mark(level, hint.Clean(host, 300))
	if r.style.Plain() && word != "" {
		head = fmt.Sprintf("%-8s %s", word, head)
	}
	r.WriteString(step + head + "\n")
	r.line(step+step, "%s", text)
	r.next(step+step, next)
}

// wrap writes head, and then text with lines that continue below an indent. It never
// splits a word, because a long word is a host or a path.
func (r *report) wrap(head string, indent int, text string) {
	lines := []string{hint.Clean(text, 1000)}
	if r.width > 0 {
		lines = style.Wrap(lines[0], max(1, r.width-style.Columns(head)))
		if rest := strings.Join(lines[1:], " "); rest != "" {
			lines = append(lines[:1], style.Wrap(rest, max(1, r.width-indent))...)
		}
	}
	for _, line := range lines {
		r.WriteString(head + line + "\n")
		head = strings.Repeat(" ", indent)
	}
}

// next writes the commands that help.
func (r *report) next(indent string, commands []string) {
	for i, command := range commands {
		_, _ = fmt.Fprintf(r, "%s%s %s\n", indent, []string{"run:", "or: "}[min(i, 1)], hint.Clean(command, 1000))
	}
}

func count(n int, noun string) string {
	if n == 0 {
		return "no " + noun
	}
	return hint.Count(n, noun)
}
