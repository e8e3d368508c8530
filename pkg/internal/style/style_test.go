package style

import (
	"slices"
	"strings"
	"testing"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
)

func TestPlainStyleAddsNothing(t *testing.T) {
	var s Style
	for got, want := range map[string]string{
		s.Bold("a"): "a", s.Faint("b"): "b", s.OK("c"): "c", s.Problem("d"): "d", s.Warning("e"): "warning: e",
		s.Mark(Problem, "problem"): "problem", s.URL("https://x"): "https://x", s.Link("https://x.example/long", 9): "https://x.example/long",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestEmphasis(t *testing.T) {
	s := Style{emphasis: true, links: true}
	for got, want := range map[string]string{
		s.Bold("a"):            "\x1b[1ma\x1b[m",
		s.Bold(""):             "",
		s.OK("done"):           "\x1b[32m✓\x1b[m done",
		s.Warning("look"):      "\x1b[33m!\x1b[m look",
		s.Mark(Problem, "bad"): "\x1b[31m✗ bad\x1b[m",
		s.URL("https://x"):     "\x1b]8;;https://x\x1b\\\x1b[36mhttps://x\x1b[m\x1b]8;;\x1b\\",
		// A link with shortened text leads to the whole URL.
		s.Link("https://x.example/long", 12): "\x1b]8;;https://x.example/long\x1b\\\x1b[36mhttps://x...\x1b[m\x1b]8;;\x1b\\",
		// A URL that would end the sequence is not a link and is not shortened.
		s.Link("https://x/\x1b\\y", 8): "\x1b[36mhttps://x/\x1b\\y\x1b[m",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestWhichTerminalsHaveLinks(t *testing.T) {
	for name, tc := range map[string]struct {
		set  map[string]string
		want bool
	}{
		"unknown xterm":                      {map[string]string{"TERM": "xterm-256color"}, false},
		"macOS Terminal":                     {map[string]string{"TERM": "xterm-256color", "TERM_PROGRAM": "Apple_Terminal"}, false},
		"iTerm":                              {map[string]string{"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}, true},
		"kitty, over SSH":                    {map[string]string{"TERM": "xterm-kitty"}, true},
		"foot":                               {map[string]string{"TERM": "foot-extra"}, true},
		"GNOME Terminal":                     {map[string]string{"TERM": "xterm-256color", "VTE_VERSION": "7600"}, true},
		"old VTE":                            {map[string]string{"TERM": "xterm-256color", "VTE_VERSION": "4205"}, false},
		"a VTE version that is not a number": {map[string]string{"TERM": "xterm-256color", "VTE_VERSION": "new"}, false},
		"old Konsole":                        {map[string]string{"TERM": "xterm-256color", "KONSOLE_VERSION": "190800"}, false},
		"Konsole":                            {map[string]string{"TERM": "xterm-256color", "KONSOLE_VERSION": "230804"}, true},
		"Windows Terminal":                   {map[string]string{"WT_SESSION": "a-b"}, true},
		"tmux inside GNOME Terminal":         {map[string]string{"TERM": "tmux-256color", "VTE_VERSION": "7600"}, false},
		"tmux that says xterm":               {map[string]string{"TERM": "xterm-256color", "VTE_VERSION": "7600", "TMUX": "/tmp/x"}, false},
		"forced":                             {map[string]string{"TERM": "screen", "FORCE_HYPERLINK": "1"}, true},
		"forced off":                         {map[string]string{"TERM": "xterm-kitty", "FORCE_HYPERLINK": "0"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := hasLinks(env.FromMap(tc.set)); got != tc.want {
				t.Errorf("hasLinks = %v", got)
			}
		})
	}
}

func TestCut(t *testing.T) {
	for _, tc := range []struct {
		text  string
		limit int
		want  string
	}{
		{"short", 5, "short"}, {"longer", 5, "lo..."}, {"東京東京", 7, "東京..."}, {"東京東京", 6, "東..."}, {"abc", 2, ".."}, {"abc", 0, ""}, {"abc", -1, ""},
	} {
		if got := Cut(tc.text, tc.limit); got != tc.want || Columns(got) > max(tc.limit, 0) {
			t.Errorf("Cut(%q, %d) = %q, want %q", tc.text, tc.limit, got, tc.want)
		}
	}
}

func TestColumnsDoNotCountSequences(t *testing.T) {
	s := Style{emphasis: true, links: true}
	for text, want := range map[string]int{
		"abc": 3, "東京": 4, "e\u0301": 1, s.Bold("abc"): 3, s.Link("https://x.example/long", 12): 12, s.Mark(OK, "ok"): 4, "\x1b": 1, "\xff": 1,
	} {
		if got := Columns(text); got != want {
			t.Errorf("Columns(%q) = %d, want %d", text, got, want)
		}
	}
}

func TestWrap(t *testing.T) {
	for name, tc := range map[string]struct {
		text  string
		limit int
		want  []string
	}{
		"it fits":               {"a bc d", 6, []string{"a bc d"}},
		"between words":         {"one two three", 8, []string{"one two", "three"}},
		"long word stays whole": {"see https://example.com/path now", 10, []string{"see", "https://example.com/path", "now"}},
		"blanks at the start":   {"  one two three", 8, []string{"  one", "  two", "  three"}},
		"no limit":              {"one two three", 0, []string{"one two three"}},
		"nothing":               {"", 5, []string{""}},
		"wide characters":       {"東京 東京 東京", 9, []string{"東京 東京", "東京"}},
		"emphasis has no width": {Style{emphasis: true}.Bold("one") + " two", 7, []string{"\x1b[1mone\x1b[m two"}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Wrap(tc.text, tc.limit); !slices.Equal(got, tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func FuzzText(f *testing.F) {
	for _, s := range []string{"a b", "\x1b[1mx", "\x1b]8;;u\x1b\\x", "\x1b]", "東京", "\xff", "  a"} {
		f.Add(s, 5)
	}
	f.Fuzz(func(t *testing.T, s string, limit int) {
		if n := Columns(s); n < 0 || n > 2*len(s) {
			t.Errorf("Columns(%q) = %d", s, n)
		}
		if got := strings.Fields(strings.Join(Wrap(s, limit%100), " ")); !slices.Equal(got, strings.Fields(s)) {
			t.Errorf("Wrap(%q) changed the words: %q", s, got)
		}
		if !strings.Contains(s, "\x1b") && Columns(Cut(s, limit%100)) > max(limit%100, 0) {
			t.Errorf("Cut(%q, %d) is too wide", s, limit%100)
		}
	})
}
