package cli

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/style"
)

// report formats a command's result for stdout. Lines wrap between words, and verdicts are
// highlighted on a terminal. Each command is unwrapped on its own line, so that users can
// paste it. streams formats lines for stderr.
type report struct {
	bytes.Buffer
	style style.Style
	width int
}

// Limits for the width of a report.
const (
	maxColumns   = 100 // longer lines are hard to read
	leastColumns = 40
)

// report returns an empty report with the width of the terminal, up to maxColumns.
func (a app) report() *report {
	r := a.lines()
	if r.width == 0 {
		r.width = maxColumns
	}
	return r
}

// lines returns a report for text that programs may parse: if stdout is not a terminal,
// lines are not wrapped.
func (a app) lines() *report {
	width := style.Width(a.out)
	if width > 0 {
		width = max(leastColumns, min(width, maxColumns))
	}
	return &report{style: style.Of(a.out, a.env), width: width}
}

// step is the indent of a report.
const step = "  "

// line writes indented text and wraps it with the same indentation.
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

// row writes a verdict, a label, a text and the commands that fix it. The text wraps in its
// column or, on a narrow terminal, below the label.
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

// entry writes a registry with its verdict, and the details below. On a terminal, the
// verdict is a symbol. Elsewhere, a list with verdicts needs the word.
func (r *report) entry(level style.Level, word, host, text string, next []string) {
	head := r.style.Mark(level, hint.Clean(host, 300))
	if r.style.Plain() && word != "" {
		head = fmt.Sprintf("%-8s %s", word, head)
	}
	r.WriteString(step + head + "\n")
	r.line(step+step, "%s", text)
	r.next(step+step, next)
}

// wrap writes head and then text, wrapped with an indent. It never splits words: a long
// word is a host or a path.
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

// next writes the commands that fix a problem.
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
