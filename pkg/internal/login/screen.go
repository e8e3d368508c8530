package login

import (
	"fmt"
	"io"
	"time"
)

// Screen shows a sign-in to the user. Texts from a server are cleaned before.
type Screen interface {
	// Opening is called before the browser opens url.
	Opening(url string)
	// Visit is called if the user has to open url, on this machine.
	Visit(url string)
	// Code shows a device code.
	Code(Code)
	// Waiting is called when only the user's answer is missing; the wait ends at until at
	// the latest. The function that it returns is called at the end of the wait.
	Waiting(until time.Time) (done func())
	// Line shows one sentence.
	Line(text string)
}

// Code is a device code and what the user must know to trust it.
type Code struct {
	UserCode string // such as ABCD-EFGH
	URL      string // the page on which it is entered
	FullURL  string // the same with the code filled in; may be empty
	Session  string // such as: SSO session "corp"
	Client   string // the name of this client on the page; "" if not known
	Opening  bool   // the browser opens FullURL
	Trusted  bool   // the URLs are AWS's or those of the configured portal
}

// Plain is a Screen of plain lines with the AWS CLI's texts, for output that is not a
// terminal, or to embed.
type Plain struct{ W io.Writer }

// Opening prints the URL in case the browser does not open.
func (p Plain) Opening(url string) {
	p.print("Attempting to open your default browser.\n" +
		"If the browser does not open, open the following URL.\n" +
		"If you are unable to open the URL on this device, run this command again with the --use-device-code option.\n\n" + url + "\n\n")
}

// Visit prints the URL.
func (p Plain) Visit(url string) {
	p.print("Browser will not be automatically opened.\nPlease visit the following URL:\n\n" + url + "\n\n")
}

// Code prints the code, both URLs, the session and the client.
func (p Plain) Code(c Code) {
	if c.Opening {
		p.print("Attempting to open your default browser.\n" +
			"If the browser does not open or you wish to use a different device to authorize this request, open the following URL:\n\n")
	} else {
		p.print("Browser will not be automatically opened.\nPlease visit the following URL:\n\n")
	}
	p.print(c.URL + "\n\nThen enter the code:\n\n" + c.UserCode + "\n\n")
	if c.FullURL != "" {
		p.print("Alternatively, you may visit the following URL which will autofill the code upon loading:\n\n" + c.FullURL + "\n\n")
	}
	if !c.Trusted {
		p.print("WARNING: this address is neither AWS's nor your start URL's. Do not open it unless you know it.\n\n")
	}
	p.print("You started this sign-in to " + c.Session + "; approve no code that you did not ask for.\n")
	if c.Client != "" {
		p.print("The page calls this client " + c.Client + ".\n")
	}
}

// Waiting prints nothing.
func (p Plain) Waiting(time.Time) func() { return func() {} }

// Line prints the sentence.
func (p Plain) Line(text string) { p.print(text + "\n") }

// print ignores errors: the sign-in continues in the browser.
func (p Plain) print(text string) { _, _ = fmt.Fprint(p.W, text) }
