package style

import (
	"strconv"
	"strings"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
)

// URL returns a URL that stands out, and that is a link where the terminal has links.
func (s Style) URL(url string) string { return s.linked(url, url) }

// Link returns a link to url with at most limit columns of it to read. Without links the
// whole URL is returned, because a shortened one cannot be opened.
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

// isPrintable reports whether a URL has only the characters that OSC 8 allows.
func isPrintable(url string) bool {
	return strings.IndexFunc(url, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}

// The terminals with OSC 8, by the variables that they set. An unknown terminal counts as
// one without: it would show a shortened URL that cannot be opened.
var (
	linkPrograms = map[string]bool{ // TERM_PROGRAM
		"iTerm.app": true, "WezTerm": true, "vscode": true, "ghostty": true, "mintty": true,
		"Hyper": true, "Tabby": true, "rio": true, "contour": true,
	}
	linkTerms = []string{"xterm-kitty", "xterm-ghostty", "alacritty", "foot", "wezterm", "contour"} // TERM, also over SSH
)

// The first versions with OSC 8: VTE 0.50 (GNOME Terminal and others), Konsole 20.12.
const (
	firstVTE     = 5000
	firstKonsole = 201200
)

// hasLinks reports whether the terminal shows OSC 8 hyperlinks. FORCE_HYPERLINK decides
// if it is set (0 means no), as for other programs. tmux and screen pass the variables of
// the terminal around them on, but not always its links.
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
