//go:build linux

package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
)

// quoted is a text that is a member's value in JSON.
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

// slug makes a piece of an id from words.
func slug(words string) string {
	return strings.NewReplacer(" ", "-", "_", "-").Replace(strings.ToLower(words))
}
