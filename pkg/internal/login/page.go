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

// page is the final page in the browser: success, or the reason for the failure.
type page struct {
	OK      bool
	Session string // session name or start URL
	Title   string
	Text    string
	Reason  string // "" on success
	Next    string // the command to run; "" on success
}

func successPage(session string) page {
	return page{OK: true, Session: session, Title: "Signed in",
		Text: "You can close this window and return to the terminal."}
}

func failurePage(session, reason, next string) page {
	return page{Session: session, Title: "Sign-in failed", Reason: hint.Clean(reason, 300), Next: next,
		Text: "You can close this window. The terminal shows what to do next."}
}

func notFoundPage() page {
	return page{Title: "No sign-in here", Text: "This page is only used while a sign-in is in progress. You can close this window."}
}

func usedLinkPage() page {
	return page{Title: "This link was already used",
		Text: "It opens the sign-in page only once. If that page did not open, press Ctrl-C in the terminal and sign in again."}
}

func foreignLinkPage() page {
	return page{Title: "This link is for another user",
		Text: "Only the user who started the sign-in can open it. In the browser of another user, open the URL that the terminal shows."}
}

// html renders the page. It escapes all texts and inserts them only between tags, where
// escaped text is safe. The template packages would do the same but add 3 MB, because they
// make the linker keep all methods of the AWS SDK.
func (p page) html(nonce string) string {
	mark, path := "bad", "M24 14.5v12M24 33v.2"
	if p.OK {
		mark, path = "ok", "M15.5 24.8l6 6 11.5-13"
	}
	var body strings.Builder
	add := func(format, text string) {
		if text != "" {
			_, _ = fmt.Fprintf(&body, format+"\n", html.EscapeString(text))
		}
	}
	add(`<p class="name">%s</p>`, p.Session)
	add(`<p class="reason">%s</p>`, p.Reason)
	add("<p>%s</p>", p.Text)
	add("<code>%s</code>", p.Next)
	return strings.NewReplacer("{{title}}", html.EscapeString(p.Title), "{{nonce}}", nonce,
		"{{mark}}", mark, "{{path}}", path, "{{body}}", strings.TrimSpace(body.String())).Replace(pageSource)
}

// write sends the page as a response. The page loads nothing, and the headers prevent it
// from sending anything: the address bar still contains the code.
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
