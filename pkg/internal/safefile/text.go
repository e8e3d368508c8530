package safefile

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
)

// TextError is a text file in a form that programs cannot read, with a command that fixes
// it.
type TextError struct{ Path, Form, Fix string }

func (e *TextError) Error() string { return fmt.Sprintf("%s: the file %s", e.Path, e.Form) }

// rewrite reads a file in some form as plain UTF-8 text: a filter for a POSIX shell, and a
// .NET expression for PowerShell with %s for the quoted path.
type rewrite struct{ filter, expression string }

// CheckText returns an error, with the command that fixes the file, if data is not
// UTF-8 text but UTF-16, as some Windows programs write it.
func CheckText(path string, data []byte) error {
	if fix, ok := utf16(data); ok {
		return textError(path, "is in UTF-16, not UTF-8", fix)
	}
	return nil
}

// utf16 reports whether data is UTF-16, by its mark or by its NUL bytes, and how to rewrite
// it.
func utf16(data []byte) (fix rewrite, ok bool) {
	switch first, second := halves(data); {
	case bytes.HasPrefix(data, []byte("\xff\xfe")):
		return fromUTF16("UTF-16", "Unicode"), true // iconv and .NET remove the mark
	case bytes.HasPrefix(data, []byte("\xfe\xff")):
		return fromUTF16("UTF-16", "BigEndianUnicode"), true
	case len(data) < 4 || len(data)%2 != 0:
		return rewrite{}, false
	case first == 0 && second > 0.5:
		return fromUTF16("UTF-16LE", "Unicode"), true
	case second == 0 && first > 0.5:
		return fromUTF16("UTF-16BE", "BigEndianUnicode"), true
	}
	return rewrite{}, false
}

func fromUTF16(iconv, dotnet string) rewrite {
	return rewrite{"iconv -f " + iconv + " -t UTF-8", "[IO.File]::ReadAllText(%s, [Text.Encoding]::" + dotnet + ")"}
}

// halves returns the share of NUL among the first and among the second bytes of all byte
// pairs in the first kilobyte: an ASCII character in UTF-16 has one NUL byte.
func halves(data []byte) (first, second float64) {
	data = data[:min(len(data), 1024)&^1]
	for i := 0; i < len(data); i += 2 {
		if data[i] == 0 {
			first++
		}
		if data[i+1] == 0 {
			second++
		}
	}
	pairs := max(float64(len(data)/2), 1)
	return first / pairs, second / pairs
}

// CheckLines returns an error, with the command that fixes the file, if its lines end
// in a carriage return alone (old Mac OS). Most programs read such a file as one line.
func CheckLines(path string, data []byte) error {
	if !bytes.ContainsRune(data, '\r') || bytes.ContainsRune(data, '\n') {
		return nil
	}
	return textError(path, "has line ends that are carriage returns only",
		rewrite{`tr '\r' '\n'`, "[IO.File]::ReadAllText(%s).Replace([char]13, [char]10)"})
}

// WithoutMark returns the command that removes the UTF-8 byte-order mark from a file.
func WithoutMark(path string) string {
	return rewrite{"tail -c +4", "[IO.File]::ReadAllText(%s)"}.command(runtime.GOOS, path)
}

func textError(path, form string, fix rewrite) error {
	e := &TextError{Path: path, Form: form, Fix: fix.command(runtime.GOOS, path)}
	return hint.With(e, e.Fix)
}

// command returns the command that replaces the content of a file. The file keeps its mode,
// owner and links. WriteAllText writes UTF-8 without a byte-order mark. The Command Prompt
// and PowerShell both pass on what the double quotes contain.
func (r rewrite) command(goos, path string) string {
	if goos == "windows" {
		quoted := "'" + strings.ReplaceAll(path, "'", "''") + "'"
		return fmt.Sprintf(`powershell -NoProfile -Command "[IO.File]::WriteAllText(%s, %s)"`, quoted, fmt.Sprintf(r.expression, quoted))
	}
	return fmt.Sprintf(`(umask 077; f=%s; %s <"$f" >"$f.new" && cat "$f.new" >"$f" && rm "$f.new")`, hint.Arg(path), r.filter)
}
