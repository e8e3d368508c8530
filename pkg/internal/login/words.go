package login

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/programs"
)

// browserCommands returns the words of each alternative in BROWSER, or why it has none.
// A path of a program that exists is one word even when it holds a separator or a blank.
func browserCommands(value string) (commands []browserCommand) {
	if filepath.IsAbs(value) {
		if info, err := os.Stat(value); err == nil && !info.IsDir() {
			return []browserCommand{{words: []string{value}}}
		}
	}
	for _, c := range strings.Split(value, string(os.PathListSeparator)) {
		c = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(c), "&"))
		if c != "" {
			words, err := programs.SplitWords(c)
			commands = append(commands, browserCommand{words, err})
		}
	}
	return commands
}

type browserCommand struct {
	words []string
	err   error // of splitting
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
