package login

import (
	"crypto/rand"
	_ "embed"
	"fmt"
	"html"
	"net/http"
	"strconv"
	"strings"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
)

//go:embed page.html
var pageSource string

// page is the page that the browser shows at the end: success, or the reason of the
// failure.
type page struct {
	OK      bool
	Session string // a session's name or a start URL
	Title   string
	Text    string
	Reason  string // "" after a success
	Next    string // the command to run, "" after a success
}

func successPage(session string) page {
	return page{OK: true, Session: session, Title: "Signed in",
		Text: "You can close this window and go back to the terminal."}
}

func failurePage(session, reason, next string) page {
	return page{Session: session, Title: "Not signed in", Reason: hint.Clean(reason, 300), Next: next,
		Text: "You can close this window; the terminal says what to do next."}
}

func notFoundPage() page {
	return page{Title: "Nothing here", Text: "This address only takes the answer of a sign-in that is under way. You can close this window."}
}

func usedLinkPage() page {
	return page{Title: "This link was used already",
		Text: "It leads to the sign-in page once. If you have not opened that page, press Ctrl-C in the terminal and sign in again."}
}

func foreignLinkPage() page {
	return page{Title: "This link is for another user",
		Text: "It leads only the user of this machine who started the sign-in to its page. In a browser of another user, open the address that the terminal shows."}
}

// html fills in the page. It escapes every text and puts it only where escaped text is
// safe: between tags. The template packages would do the same but add 3 MB, because with
// them the linker keeps every method of the AWS SDK.
func (p page) html(nonce string) string {
	mark, path, did := "bad", "M24 14.5v12M24 33v.2", "The sign-in did not complete for"
	if p.OK {
		mark, path, did = "ok", "M15.5 24.8l6 6 11.5-13", "You are signed in to"
	}
	var body strings.Builder
	add := func(format, text string) {
		if text != "" {
			_, _ = fmt.Fprintf(&body, format+"\n", html.EscapeString(text))
		}
	}
	add("<p>"+did+" <strong>%s</strong>.</p>", p.Session)
	add(`<p class="reason">%s</p>`, p.Reason)
	add("<p>%s</p>", p.Text)
	add("<code>%s</code>", p.Next)
	return strings.NewReplacer("{{title}}", html.EscapeString(p.Title), "{{nonce}}", nonce,
		"{{mark}}", mark, "{{path}}", path, "{{body}}", strings.TrimSpace(body.String())).Replace(pageSource)
}

// write answers one request with the page. The page loads nothing, and the headers
// prevent that anything leaves it: the address bar still has the code.
func (p page) write(w http.ResponseWriter, status int) {
	nonce := rand.Text()
	body := p.html(nonce)
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'nonce-"+nonce+"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}
