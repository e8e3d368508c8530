package login

import (
	"crypto/rand"
	_ "embed"
	"fmt"
	"html"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/style"
)

// Screen displays a sign-in to the user. Texts from servers are already sanitized.
type Screen interface {
	// BrowserOpening is called before the browser opens for a sign-in to session.
	BrowserOpening(session string)
	// BrowserOpened is called after the browser has started, with the page's URL. The URL
	// is not shown earlier, because it would be useless if the browser fails.
	BrowserOpened(url string)
	// Visit is called if the user must open url on this machine.
	Visit(session, url string)
	// Code shows a device code.
	Code(Code)
	// WaitStarted is called when the sign-in only waits for the user, until the given time
	// at the latest. The returned function is called when the wait ends.
	WaitStarted(until time.Time) (done func())
	// Line shows one message.
	Line(text string)
}

// Code is a device code with the information that a user needs to trust it.
type Code struct {
	UserCode       string // for example ABCD-EFGH
	URL            string // the page to enter it on
	FullURL        string // the same page with the code filled in; may be empty
	Session        string // for example: SSO session "corp"
	Client         string // the client name shown on the page; "": unknown
	BrowserOpening bool   // the browser opens FullURL
	Trusted        bool   // the URLs belong to AWS or the configured portal
}

// Lines is a Screen that writes lines, formatted with a style.
type Lines struct {
	W     io.Writer
	Style style.Style
	Width func() int // columns of W, for wrapping; nil or 0: no limit
}

// BrowserOpening prints that the browser is being opened.
func (l Lines) BrowserOpening(session string) {
	l.Line("Opening your browser to sign in to " + session + ".")
}

// BrowserOpened prints the URL in case the browser does not show the page.
func (l Lines) BrowserOpened(url string) {
	l.print(l.line("If the browser does not show the sign-in page, open this URL on this computer:"),
		l.block(l.Style.URL(url)),
		l.line("To sign in on another device, run the command again with --use-device-code."), "\n")
}

// Visit prints the URL.
func (l Lines) Visit(session, url string) {
	l.print(l.line("To sign in to "+session+", open this URL on this computer:"), l.block(l.Style.URL(url)))
}

// Code prints the code, both URLs, the session and the client.
func (l Lines) Code(c Code) {
	open := []string{l.line("To sign in to " + c.Session + ", open this URL in any browser:")}
	if c.BrowserOpening {
		open = []string{
			l.line("Opening your browser to sign in to " + c.Session + "."),
			l.line("If the browser does not show the sign-in page, open this URL in any browser:"),
		}
	}
	text := append(open, l.block(l.Style.URL(c.URL)), l.line("Then enter this code:"), l.block(l.Style.Bold(c.UserCode)))
	if c.FullURL != "" {
		text = append(text, l.line("Or open this URL, which includes the code:"), l.block(l.Style.URL(c.FullURL)))
	}
	if !c.Trusted {
		text = append(text, l.line(l.Style.Warning("This URL belongs neither to AWS nor to your start URL. Do not open it unless you know it.")))
	}
	text = append(text, l.line("Only approve this code if you started this sign-in."))
	if c.Client != "" {
		text = append(text, l.line("The page shows "+c.Client+" as the name of the application."))
	}
	l.print(text...)
}

// block is a line surrounded by empty lines. It is indented only if it still fits, so that
// a long URL can be copied from the screen.
func (l Lines) block(text string) string {
	const indent = "  "
	if width := l.width(); width == 0 || len(indent)+style.Columns(text) < width {
		text = indent + text
	}
	return "\n" + text + "\n\n"
}

// WaitStarted prints nothing.
func (l Lines) WaitStarted(time.Time) func() { return func() {} }

// Line prints the message.
func (l Lines) Line(text string) { l.print(l.line(text)) }

func (l Lines) line(text string) string {
	return strings.Join(style.Wrap(text, l.width()), "\n") + "\n"
}

func (l Lines) width() int {
	if l.Width == nil {
		return 0
	}
	return l.Width()
}

// print writes everything at once. It ignores errors: the sign-in continues in the browser.
func (l Lines) print(text ...string) { _, _ = io.WriteString(l.W, strings.Join(text, "")) }

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
