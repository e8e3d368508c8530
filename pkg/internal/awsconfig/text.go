package awsconfig

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// bom is the byte-order mark that some editors put before the first line.
const bom = "\ufeff"

// lineEnds are the line ends of Python's text files, which the AWS CLI reads: a
// line feed, a carriage return, or both.
const lineEnds = "\r\n"

// cutLine returns the first line of a text with its line end apart, and the rest.
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

// isBlank reports whether the AWS CLI strips a character from both ends of keys
// and values. It reads the file with Python's str.strip and \s: everything that
// Unicode calls white space, and the four information separators. An editor or a
// web page puts a no-break space (U+00A0) where nobody sees it.
func isBlank(r rune) bool {
	return unicode.IsSpace(r) && r != '\n' && r != '\r' || r >= 0x1c && r <= 0x1f
}

func trimLeft(s string) string { return strings.TrimLeftFunc(s, isBlank) }

func trimRight(s string) string { return strings.TrimRightFunc(s, isBlank) }

func trim(s string) string { return trimRight(trimLeft(s)) }

// lead returns the indentation of a line that is not blank.
func lead(line string) string { return line[:len(line)-len(trimLeft(line))] }

// depth is how deep a line is indented, in characters as Python counts them.
func depth(line string) int { return utf8.RuneCountInString(lead(line)) }

// isMark reports whether a character begins a comment.
func isMark(c byte) bool { return c == '#' || c == ';' }

// clean returns a line without the blanks around it, "" for a comment.
func clean(line string) string {
	text := trim(line)
	if text == "" || isMark(text[0]) {
		return ""
	}
	return text
}

// lower folds A-Z and nothing else, so that it never changes other bytes.
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
