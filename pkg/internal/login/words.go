package login

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// browserCommands divides BROWSER into its alternatives. A path of a program
// that exists is one command even when it holds a separator or a blank.
func browserCommands(value string) []string {
	if filepath.IsAbs(value) {
		if info, err := os.Stat(value); err == nil && !info.IsDir() {
			return []string{quoteWord(value)}
		}
	}
	var commands []string
	for _, c := range strings.Split(value, string(os.PathListSeparator)) {
		c = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(c), "&"))
		if c != "" {
			commands = append(commands, c)
		}
	}
	return commands
}

func quoteWord(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// splitWords splits a command line into its words as a POSIX shell would, with
// quotes and backslashes but without expanding anything. At least one word.
func splitWords(line string) ([]string, error) {
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
		case r == '\\' && quote != '\'' && (quote == '"' || runtime.GOOS != "windows"):
			escaped, inWord = true, true
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, inWord = r, true
		case r == ' ' || r == '\t':
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
		return nil, errors.New("quote without its end")
	}
	if inWord {
		words = append(words, word.String())
	}
	if len(words) == 0 || words[0] == "" {
		return nil, errors.New("no command")
	}
	return words, nil
}

// withURL puts the URL where %s stands, else at the end.
func withURL(args []string, rawURL string) []string {
	out := make([]string, 0, len(args)+1)
	found := false
	for _, a := range args {
		if strings.Contains(a, "%s") {
			found = true
			a = strings.ReplaceAll(a, "%s", rawURL)
		}
		out = append(out, a)
	}
	if !found {
		out = append(out, rawURL)
	}
	return out
}
