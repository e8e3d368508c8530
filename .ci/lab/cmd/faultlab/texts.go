//go:build linux

package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
)

// quoted matches the string value of a JSON member.
var quoted = regexp.MustCompile(`: ?"[^"]*"`)

func nulls(text string) string { return quoted.ReplaceAllString(text, ":null") }

// replaceIn edits a file.
func (s *stage) replaceIn(path, pattern, with string) {
	text, err := os.ReadFile(path)
	s.must(err)
	changed := regexp.MustCompile(pattern).ReplaceAllString(string(text), with)
	if changed == string(text) {
		s.must(fmt.Errorf("%s: nothing matches %s", path, pattern))
	}
	s.must(os.WriteFile(path, []byte(changed), 0o600))
}

// slug turns words into a part of an id.
func slug(words string) string {
	return strings.NewReplacer(" ", "-", "_", "-").Replace(strings.ToLower(words))
}
