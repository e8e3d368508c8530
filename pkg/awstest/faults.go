package awstest

import (
	"fmt"
	"net"
	"net/http"
	"slices"
	"time"
)

// Kind is a kind of fault. The IDs in parentheses are the fault families in
// docs/reliability.md.
type Kind string

// The fault kinds. Kinds marked * perform the operation first and then change or drop the
// response, so a refresh token is used up. WrongCA and later kinds are connection faults.
const (
	Status         Kind = "status"          // a service error with Fault.Status, Code, Message (F-net-4, F-svc-1)
	Throttle       Kind = "throttle"        // the service's throttling error (F-net-4)
	Deny           Kind = "deny"            // access denied; at Authorize: error=access_denied (F-svc-1)
	SlowDown       Kind = "slow-down"       // CreateToken: slow_down (F-login-2)
	Pending        Kind = "pending"         // CreateToken: authorization_pending (F-login-2)
	Delay          Kind = "delay"           // wait for Fault.Delay, then send the correct response
	Hang           Kind = "hang"            // no response until ClearFaults or Close (F-net-3)
	Reset          Kind = "reset"           // TCP RST instead of a response; the operation is not performed (F-net-1)
	LateReset      Kind = "late-reset"      // * TCP RST after the operation (F-net-1)
	Cut            Kind = "cut"             // * half of the body (F-net-1, F-net-5)
	HTML           Kind = "html"            // 200 with a captive portal page (F-net-2)
	Redirect       Kind = "redirect"        // 302 to Fault.Location (F-net-2)
	Garbage        Kind = "garbage"         // * invalid JSON with the right content type (F-net-5)
	WrongType      Kind = "wrong-type"      // * the correct body as text/plain (F-net-2)
	EmptyBody      Kind = "empty-body"      // * 200 and no body (F-net-5)
	EmptyObject    Kind = "empty-object"    // * {} or an empty element (F-net-5)
	NullFields     Kind = "null-fields"     // * every value is null (F-net-5)
	ExtraFields    Kind = "extra-fields"    // * the correct response with unknown fields (F-net-5)
	Rewrite        Kind = "rewrite"         // * Fault.Rewrite changes the body (F-net-5, F-net-6)
	Giant          Kind = "giant"           // Fault.Size bytes, 64 MiB if 0 (F-net-3)
	GzipBomb       Kind = "gzip-bomb"       // Fault.Size zero bytes, gzipped (F-net-3)
	EndlessChunks  Kind = "endless-chunks"  // an endless chunked response (F-net-3)
	HeaderFlood    Kind = "header-flood"    // 20,000 header lines (F-net-3)
	Drip           Kind = "drip"            // * one byte every Fault.Delay, 1 s if 0 (F-net-3)
	DateSkew       Kind = "date-skew"       // the Date header is wrong by Fault.Skew (F-time-1)
	WrongCA        Kind = "wrong-ca"        // a certificate from an untrusted CA (F-net-1)
	ExpiredCert    Kind = "expired-cert"    // a certificate that expired in 2000 (F-net-1)
	WrongHost      Kind = "wrong-host"      // a certificate for another name (F-net-1)
	OldTLS         Kind = "old-tls"         // nothing newer than TLS 1.0 (F-net-1)
	RefuseConnect  Kind = "refuse-connect"  // proxy: Fault.Status, 403 if 0; endpoint: TCP RST (F-net-1)
	SilentConnect  Kind = "silent-connect"  // the proxy accepts and sends nothing (F-net-7)
	DropConnection Kind = "drop-connection" // closes all open connections once, immediately (F-net-9)
	Down           Kind = "down"            // the proxy does not listen until ClearFaults (F-net-1)
)

// Kinds returns all fault kinds in the order of their documentation.
func Kinds() []Kind {
	return []Kind{Status, Throttle, Deny, SlowDown, Pending, Delay, Hang, Reset, LateReset, Cut, HTML, Redirect, Garbage, WrongType,
		EmptyBody, EmptyObject, NullFields, ExtraFields, Rewrite, Giant, GzipBomb, EndlessChunks, HeaderFlood, Drip, DateSkew, WrongCA,
		ExpiredCert, WrongHost, OldTLS, RefuseConnect, SilentConnect, DropConnection, Down}
}

// Fault describes a fault. A kind uses Kind, Times, Host and the fields named in its
// comment. Header and RetryAfter are added to every response.
type Fault struct {
	Kind       Kind          // "": Status
	Times      int           // number of affected calls or connections; 0: all, until ClearFaults
	Host       string        // affected host; "": all hosts of the operation
	Status     int           // HTTP status for Status
	Code       string        // error name for Status: "InvalidGrantException" or "invalid_grant", ...
	Message    string        // error text for Status
	Body       string        // for Status, HTML: replaces the default body
	Delay      time.Duration // Delay, Drip
	Skew       time.Duration // DateSkew
	Size       int64         // Giant, GzipBomb
	Location   string        // for Redirect; "": a captive portal
	RetryAfter string        // value of Retry-After, verbatim
	Header     http.Header   // further headers
	Rewrite    func(body []byte) []byte
}

type activeFault struct {
	Fault
	op     Op
	left   int // < 0: until ClearFaults
	healed chan struct{}
}

func (f *activeFault) kind() Kind {
	if f == nil {
		return ""
	}
	return f.Kind
}

// hang keeps a connection open without a response until ClearFaults.
func (f *activeFault) hang(a *AWS, c net.Conn) {
	select {
	case <-f.healed:
	case <-a.closing:
	}
	c.Close()
}

type faultPhase int

const (
	connectPhase faultPhase = iota
	handshakePhase
	oldTLSPhase
	callPhase
)

func (k Kind) phase() faultPhase {
	switch k {
	case RefuseConnect, SilentConnect:
		return connectPhase
	case WrongCA, ExpiredCert, WrongHost:
		return handshakePhase
	case OldTLS:
		return oldTLSPhase
	}
	return callPhase
}

// Fail injects a fault into an operation, a service, or Any. Faults for the same operation
// apply in the order of the Fail calls, each one Times times. A connection fault first
// closes the service's open connections. Fail panics if the operation or kind is unknown.
func (a *AWS) Fail(op Op, f Fault) {
	if f.Kind == "" {
		f.Kind = Status
	}
	if !op.known() || !slices.Contains(Kinds(), f.Kind) {
		panic(fmt.Sprintf("awstest: no operation %q or no fault %q", op, f.Kind))
	}
	if a.opt.InMemory && (f.Kind.phase() != callPhase || f.Kind == DropConnection) {
		panic(fmt.Sprintf("awstest: no fault %q without a network", f.Kind))
	}
	switch f.Kind {
	case DropConnection:
		a.dropTunnels(op, f.Host)
		return
	case Down:
		a.mu.Lock()
		a.net.proxy.Close()
		a.net.down = true
		if a.opt.InMemory {
			a.cutPipes()
		}
		a.mu.Unlock()
		a.dropTunnels(Any, "")
		return
	}
	left := f.Times
	if left == 0 {
		left = -1
	}
	a.mu.Lock()
	a.faults = append(a.faults, &activeFault{Fault: f, op: op, left: left, healed: make(chan struct{})})
	a.mu.Unlock()
	if f.Kind.phase() != callPhase {
		a.dropTunnels(op, f.Host)
	}
}

// ClearFaults ends all faults, including those from DenyRole and DenyECR, and closes
// hanging connections. Expired or revoked sessions stay expired or revoked.
func (a *AWS) ClearFaults() {
	a.mu.Lock()
	for _, f := range a.faults {
		close(f.healed)
	}
	a.faults = nil
	clear(a.state.deniedRoles)
	clear(a.state.deniedECR)
	down := a.net.down
	a.net.down = false
	a.mu.Unlock()
	if down {
		if err := a.openProxy(); err != nil {
			panic("awstest: proxy: " + err.Error())
		}
	}
}

// take returns the next fault for a call or connection and decrements its count.
func (a *AWS) take(service, op Op, host string, when faultPhase) *activeFault {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, f := range a.faults {
		if f.left == 0 || f.Kind.phase() != when || f.Host != "" && f.Host != host {
			continue
		}
		if f.op.covers(service, op) || when != callPhase && f.op.service() == service {
			if f.left > 0 {
				f.left--
			}
			return f
		}
	}
	return nil
}
