package style

import (
	"strconv"
	"strings"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
)

// URL returns an emphasized URL, as a link if the terminal supports links.
func (s Style) URL(url string) string { return s.linked(url, url) }

// Link returns a link to url with text of up to limit columns. If the terminal does not
// support links, it returns the whole URL, because a shortened one cannot be opened.
func (s Style) Link(url string, limit int) string {
	if !s.links || !isPrintable(url) {
		return s.URL(url)
	}
	return s.linked(Cut(url, limit), url)
}

// linked formats text as a hyperlink: OSC 8, the URL, ST, the text, and OSC 8 without a
// URL (https://gist.github.com/egmontkob/eb114294efbcd5adb1944c9f3cb5feda).
func (s Style) linked(text, url string) string {
	text = s.in(cyan, text)
	if !s.links || !isPrintable(url) {
		return text
	}
	return "\x1b]8;;" + url + "\x1b\\" + text + "\x1b]8;;\x1b\\"
}

// isPrintable reports whether a URL contains only characters that OSC 8 allows.
func isPrintable(url string) bool {
	return strings.IndexFunc(url, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}

// The terminals with OSC 8, identified by the variables that they set. An unknown
// terminal is treated as a terminal without OSC 8: otherwise it might show a shortened
// URL that cannot be opened.
var (
	linkPrograms = map[string]bool{ // TERM_PROGRAM
		"iTerm.app": true, "WezTerm": true, "vscode": true, "ghostty": true, "mintty": true,
		"Hyper": true, "Tabby": true, "rio": true, "contour": true,
	}
	linkTerms = []string{"xterm-kitty", "xterm-ghostty", "alacritty", "foot", "wezterm", "contour"} // TERM, also over SSH
)

// The first versions with OSC 8: VTE 0.50 (GNOME Terminal and other terminals), Konsole
// 20.12.
const (
	firstVTE     = 5000
	firstKonsole = 201200
)

// hasLinks reports whether the terminal supports OSC 8 hyperlinks. If FORCE_HYPERLINK is
// set, it decides (0 means no), as in other programs. tmux and screen pass on the
// variables of the outer terminal, but not always its links.
func hasLinks(e env.Set) bool {
	if force := e.Get(env.ForceHyperlink); force != "" {
		return force != "0"
	}
	kind := e.Get(env.Term)
	if e.Get(env.Tmux) != "" || strings.HasPrefix(kind, "tmux") || strings.HasPrefix(kind, "screen") {
		return false
	}
	for _, known := range linkTerms {
		if strings.HasPrefix(kind, known) {
			return true
		}
	}
	return linkPrograms[e.Get(env.TermProgram)] || e.Get(env.WTSession) != "" ||
		atLeast(e.Get(env.VTEVersion), firstVTE) || atLeast(e.Get(env.KonsoleVersion), firstKonsole)
}

func atLeast(version string, first int) bool {
	n, err := strconv.Atoi(version)
	return err == nil && n >= first
}
