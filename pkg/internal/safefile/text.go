package safefile

import (
	"bytes"
	"fmt"
	"runtime"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
)

// TextError says in which form a text file is that its readers do not take, and fixes
// it by a command.
type TextError struct{ Path, Form, Fix string }

func (e *TextError) Error() string { return fmt.Sprintf("%s: the file %s", e.Path, e.Form) }

// CheckText returns an error, with the command that fixes the file, if data is not
// UTF-8 text but UTF-16, as some Windows programs write it.
func CheckText(path string, data []byte) error {
	form := ""
	switch first, second := halves(data); {
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")):
		form = "UTF-16"
	case len(data) < 4 || len(data)%2 != 0:
		return nil
	case first == 0 && second > 0.5:
		form = "UTF-16LE"
	case second == 0 && first > 0.5:
		form = "UTF-16BE"
	default:
		return nil
	}
	return textError(path, "is in UTF-16, not UTF-8", "iconv -f "+form+" -t UTF-8")
}

// halves returns which part of the first and of the second bytes of all pairs is NUL, in
// the first kilobyte: an ASCII character in UTF-16 has a NUL on one side.
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
// in a carriage return alone, as on the first Macintosh: to most readers that is one line.
func CheckLines(path string, data []byte) error {
	if !bytes.ContainsRune(data, '\r') || bytes.ContainsRune(data, '\n') {
		return nil
	}
	return textError(path, "has line ends that are carriage returns only", `tr '\r' '\n'`)
}

// WithoutMark is the command that takes the UTF-8 byte-order mark off a file.
func WithoutMark(path string) string { return through(path, "tail -c +4") }

func textError(path, form, filter string) error {
	e := &TextError{Path: path, Form: form, Fix: through(path, filter)}
	if runtime.GOOS == "windows" { // reads both forms by the mark
		return hint.With(e, `notepad "`+path+`"`)
	}
	return hint.With(e, e.Fix)
}

// through replaces a file's content by what a filter makes of it; its mode, owner and
// links stay.
func through(path, filter string) string {
	return fmt.Sprintf(`(umask 077; f=%s; %s <"$f" >"$f.new" && cat "$f.new" >"$f" && rm "$f.new")`, hint.Arg(path), filter)
}
