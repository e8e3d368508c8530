package login

import (
	"io"
	"strings"
	"time"

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
