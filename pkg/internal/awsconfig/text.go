package awsconfig

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// bom is the byte-order mark that some editors write before the first line.
const bom = "\ufeff"

// lineEnds are the line ends of Python's text files, as the AWS CLI reads them: a line
// feed, a carriage return, or both.
const lineEnds = "\r\n"

// cutLine returns the first line of a text, its line end, and the rest.
func cutLine(text string) (line, end, rest string) {
	i := strings.IndexAny(text, lineEnds)
	if i < 0 {
		return text, "", ""
	}
	after := i + 1
	if text[i] == '\r' && after < len(text) && text[after] == '\n' {
		after++
	}
	return text[:i], text[i:after], text[after:]
}

// isBlank reports whether the AWS CLI strips a character from both ends of keys and
// values. It uses Python's str.strip and \s: all white space of Unicode and the four
// information separators. Text from an editor or a web page may contain an invisible
// no-break space (U+00A0).
func isBlank(r rune) bool {
	return unicode.IsSpace(r) && r != '\n' && r != '\r' || r >= 0x1c && r <= 0x1f
}

func trimLeft(s string) string { return strings.TrimLeftFunc(s, isBlank) }

func trimRight(s string) string { return strings.TrimRightFunc(s, isBlank) }

func trim(s string) string { return trimRight(trimLeft(s)) }

// lead returns the indentation of a line that is not empty.
func lead(line string) string { return line[:len(line)-len(trimLeft(line))] }

// depth returns the indentation of a line in characters, as Python counts them.
func depth(line string) int { return utf8.RuneCountInString(lead(line)) }

// isMark reports whether a character begins a comment.
func isMark(c byte) bool { return c == '#' || c == ';' }

// clean returns a line without the blanks around it, or "" for a comment.
func clean(line string) string {
	text := trim(line)
	if text == "" || isMark(text[0]) {
		return ""
	}
	return text
}

// lower converts only A-Z to lower case, so that no other bytes change.
func lower(s string) string {
	for i := range len(s) {
		if s[i] < 'A' || s[i] > 'Z' {
			continue
		}
		b := []byte(s)
		for ; i < len(b); i++ {
			if b[i] >= 'A' && b[i] <= 'Z' {
				b[i] += 'a' - 'A'
			}
		}
		return string(b)
	}
	return s
}
