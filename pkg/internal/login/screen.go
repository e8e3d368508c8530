package login

import (
	"fmt"
	"io"
	"time"
)

// Screen is what the person sees of a sign-in. Whatever comes from a server has
// passed the sanitiser.
type Screen interface {
	// Opening is told before the browser opens url.
	Opening(url string)
	// Visit is told when the person opens url on their own, on this machine.
	Visit(url string)
	// Code shows a device code.
	Code(Code)
	// Waiting is told when nothing is left to do but wait, until then at the
	// latest; the function it returns is called when that is over.
	Waiting(until time.Time) (over func())
	// Line shows one sentence.
	Line(text string)
}

// Code is a device code and what the person must know to trust it.
type Code struct {
	UserCode string // such as ABCD-EFGH
	URL      string // where it is typed
	FullURL  string // the same with the code filled in; may be empty
	Session  string // what is signed in to: SSO session "corp"
	Client   string // how the page calls this client; "" when not known
	Opening  bool   // the browser opens FullURL
	Trusted  bool   // the URLs are AWS's or those of the configured portal
}

// Plain is a Screen of plain lines in the words of the AWS CLI, for output that
// is no terminal, or to build on.
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

// Code prints the code, both URLs, and who asks.
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

// print has nobody to tell about an error: the sign-in goes on in the browser.
func (p Plain) print(text string) { _, _ = fmt.Fprint(p.W, text) }
