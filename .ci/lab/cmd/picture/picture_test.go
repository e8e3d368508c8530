//go:build linux

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The pictures in the documentation show the current output. `make picture` updates them.
func TestPicturesAreCurrent(t *testing.T) {
	if _, err := os.Stat("/dev/ptmx"); err != nil {
		t.Skip("no pseudo-terminals on this machine:", err)
	}
	pictures, err := draw("")
	if err != nil {
		t.Fatal(err)
	}
	for name, drawn := range pictures {
		want, err := os.ReadFile(filepath.Join("..", "..", "..", "..", "docs", "picture", name))
		if err != nil {
			t.Fatal(err)
		}
		if drawn != string(want) {
			t.Errorf("%s is not what the program shows; run: make picture", name)
		}
	}
}

func TestScreenMatchesTerminal(t *testing.T) {
	text := func(lines [][]cell) string {
		var all []string
		for _, line := range lines {
			var b strings.Builder
			for _, c := range line {
				b.WriteRune(c.char)
			}
			all = append(all, b.String())
		}
		return strings.Join(all, "|")
	}
	for output, want := range map[string]string{
		"a\r\nb":                               "a|b",
		"abc\rx":                               "xbc",
		"a\r\nb\r\nc\x1b[2A\r\x1b[1C\x1b[Jx":   "ax",
		"wait\r\x1b[J\x1b[?25hdone":            "done",
		"\x1b[32m✓\x1b[m ok":                   "✓ ok",
		strings.Repeat("x", columns) + "y":     strings.Repeat("x", columns) + "|y",
		"a\x1b[K\r\n\x1b[1mb\x1b[mc\x1b[":      "a|bc",
		strings.Repeat("a\r\n", rows) + "last": strings.Repeat("a|", rows-1) + "last",
	} {
		if got := text(show([]byte(output))); got != want {
			t.Errorf("%q shows %q, want %q", output, got, want)
		}
	}
	if r := runs(show([]byte("a\x1b[1mb c\x1b[m <&"))[0]); len(r) != 3 || r[1].style != "b" || r[2].text != " <&" {
		t.Errorf("runs %+v", r)
	}
}
