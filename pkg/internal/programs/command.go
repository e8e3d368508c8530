package programs

import (
	"errors"
	"runtime"
	"strings"
)

// SplitWords splits a command line in a setting (BROWSER, credential_process) into words
// like the AWS CLI, without a shell and without expansion. The result has at least one
// word, and the first word is not empty.
func SplitWords(line string) ([]string, error) {
	split := splitPOSIX
	if runtime.GOOS == "windows" {
		split = splitWindows
	}
	words, err := split(line)
	if err == nil && (len(words) == 0 || words[0] == "") {
		err = errors.New("no command")
	}
	if err != nil {
		return nil, err
	}
	return words, nil
}

var errQuote = errors.New("a quote is not closed")

// splitPOSIX works like Python's shlex.split. Outside quotes, a backslash escapes any
// character. Inside double quotes, it escapes only a double quote and a backslash. Inside
// single quotes, it escapes nothing. "#" does not begin a comment.
func splitPOSIX(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	var quote rune
	inWord, escaped := false, false
	for _, r := range line {
		switch {
		case escaped:
			if quote == '"' && r != '"' && r != '\\' {
				word.WriteByte('\\')
			}
			word.WriteRune(r)
			escaped = false
		case r == '\\' && quote != '\'':
			escaped, inWord = true, true
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, inWord = r, true
		case strings.ContainsRune(" \t\r\n", r):
			if inWord {
				words = append(words, word.String())
				word.Reset()
				inWord = false
			}
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	if quote != 0 || escaped {
		return nil, errQuote
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, nil
}

// splitWindows works like the AWS CLI on Windows, which follows Microsoft's C runtime. Only
// double quotes quote. Backslashes are literal unless a double quote follows them. In that
// case, each pair is one backslash, and an odd backslash escapes the quote.
// https://learn.microsoft.com/cpp/c-language/parsing-c-command-line-arguments
func splitWindows(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	inWord, quoted, backslashes := false, false, 0
	for _, r := range line {
		if r == '\\' {
			backslashes++
			inWord = true
			continue
		}
		if r == '"' {
			word.WriteString(strings.Repeat(`\`, backslashes/2))
			inWord = true
			if backslashes%2 == 1 {
				word.WriteByte('"')
			} else {
				quoted = !quoted
			}
			backslashes = 0
			continue
		}
		word.WriteString(strings.Repeat(`\`, backslashes))
		backslashes = 0
		switch {
		case (r == ' ' || r == '\t') && !quoted:
			if inWord {
				words = append(words, word.String())
				word.Reset()
				inWord = false
			}
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	if quoted {
		return nil, errQuote
	}
	if word.WriteString(strings.Repeat(`\`, backslashes)); inWord {
		words = append(words, word.String())
	}
	return words, nil
}
