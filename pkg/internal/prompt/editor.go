package prompt

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/style"
)

// editor is one line of text that the user edits.
type editor struct {
	label  string // text before the input, such as "SSO region [us-east-1]: "
	text   []rune
	at     int // cursor index in text
	column int // cursor column on the screen
}

func (e *editor) answer() string { return strings.TrimSpace(string(e.text)) }

// press handles one key.
func (e *editor) press(k key) (done bool, err error) {
	switch k.code {
	case keyInterrupt:
		return false, ErrInterrupted
	case keyEOF:
		if len(e.text) == 0 {
			return false, ErrEnded
		}
		e.remove(e.at, e.at+1)
	case keyEnter:
		return true, nil
	case keyLeft:
		e.at = max(e.at-1, 0)
	case keyRight:
		e.at = min(e.at+1, len(e.text))
	case keyHome:
		e.at = 0
	case keyEnd:
		e.at = len(e.text)
	case keyBackspace:
		e.remove(e.at-1, e.at)
	case keyDelete:
		e.remove(e.at, e.at+1)
	case keyKill:
		e.remove(e.at, len(e.text))
	case keyClear:
		e.remove(0, e.at)
	case keyWord:
		e.remove(wordBefore(e.text, e.at), e.at)
	case keyText:
		if len(e.text) < maxLine {
			e.text = append(e.text[:e.at], append([]rune{k.char}, e.text[e.at:]...)...)
			e.at++
		}
	}
	return false, nil
}

// remove deletes the existing characters with indexes from <= i < to.
func (e *editor) remove(from, to int) {
	from, to = max(from, 0), min(to, len(e.text))
	if from >= to {
		return
	}
	e.text = append(e.text[:from], e.text[to:]...)
	e.at = from
}

// wordBefore returns the start index of the word before at. As in a shell, blanks after the
// word belong to it.
func wordBefore(text []rune, at int) int {
	for at > 0 && unicode.IsSpace(text[at-1]) {
		at--
	}
	for at > 0 && !unicode.IsSpace(text[at-1]) {
		at--
	}
	return at
}

// minText is the number of columns reserved for the text, if it needs that many. A long label
// is shortened only to reserve them, because its end shows the answer to an empty text.
const minText = 10

// draw returns the output that replaces the line: the label, and the part of the text
// around the cursor that fits.
func (e *editor) draw(width, _ int, _ style.Style) string {
	label := style.Cut(e.label, max(width-1-min(style.Columns(string(e.text))+1, minText), 1))
	room := width - 1 - style.Columns(label)
	from := e.at
	for from > 0 && style.Columns(string(e.text[from-1:e.at])) < room {
		from--
	}
	to := e.at
	for to < len(e.text) && style.Columns(string(e.text[from:to+1])) <= room {
		to++
	}
	e.column = style.Columns(label) + style.Columns(string(e.text[from:e.at]))
	return erase + label + string(e.text[from:to]) + fmt.Sprintf("\r\x1b[%dC", max(e.column, 1))
}

func (e *editor) cursor() int { return e.column }

// end returns the final form of the line on the screen.
func (e *editor) end(width int, s style.Style) string {
	e.at = len(e.text)
	return e.draw(width, 0, s) + "\r\n"
}

// abandon leaves the line unchanged.
func (e *editor) abandon() string { return "\r\n" }
