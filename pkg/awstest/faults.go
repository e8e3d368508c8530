package awstest

import (
	"fmt"
	"net"
	"net/http"
	"slices"
	"time"
)

// Kind is the kind of a fault. The IDs in parentheses are the families of docs/reliability.md.
type Kind string

// The kinds. Those marked * perform the operation first and change or lose its answer, so a
// refresh token is used up. From WrongCA on they are faults of the connection.
const (
	Status         Kind = "status"          // an error of the service with Fault.Status, Code, Message (F-net-4, F-svc-1)
	Throttle       Kind = "throttle"        // the service's own throttling error (F-net-4)
	Deny           Kind = "deny"            // access denied; at Authorize: error=access_denied (F-svc-1)
	SlowDown       Kind = "slow-down"       // CreateToken: slow_down (F-login-2)
	Pending        Kind = "pending"         // CreateToken: authorization_pending (F-login-2)
	Delay          Kind = "delay"           // wait Fault.Delay, then send the correct answer
	Hang           Kind = "hang"            // no answer until Heal or Close (F-net-3)
	Reset          Kind = "reset"           // TCP RST instead of an answer; the operation is not performed (F-net-1)
	LateReset      Kind = "late-reset"      // * TCP RST after the operation (F-net-1)
	Cut            Kind = "cut"             // * half of the body (F-net-1, F-net-5)
	HTML           Kind = "html"            // 200 and the page of a captive portal (F-net-2)
	Redirect       Kind = "redirect"        // 302 to Fault.Location (F-net-2)
	Garbage        Kind = "garbage"         // * invalid JSON with the right content type (F-net-5)
	WrongType      Kind = "wrong-type"      // * the correct body as text/plain (F-net-2)
	EmptyBody      Kind = "empty-body"      // * 200 and no body (F-net-5)
	EmptyObject    Kind = "empty-object"    // * {} or an empty element (F-net-5)
	NullFields     Kind = "null-fields"     // * every value is null (F-net-5)
	ExtraFields    Kind = "extra-fields"    // * the correct answer with unknown fields (F-net-5)
	Rewrite        Kind = "rewrite"         // * Fault.Rewrite changes the body (F-net-5, F-net-6)
	Giant          Kind = "giant"           // Fault.Size bytes, 64 MiB if 0 (F-net-3)
	GzipBomb       Kind = "gzip-bomb"       // Fault.Size zero bytes, gzipped (F-net-3)
	EndlessChunks  Kind = "endless-chunks"  // chunks without end (F-net-3)
	HeaderFlood    Kind = "header-flood"    // 20,000 header lines (F-net-3)
	Drip           Kind = "drip"            // * one byte every Fault.Delay, 1 s if 0 (F-net-3)
	DateSkew       Kind = "date-skew"       // the Date header is wrong by Fault.Skew (F-time-1)
	WrongCA        Kind = "wrong-ca"        // a certificate of a CA that no client trusts (F-net-1)
	ExpiredCert    Kind = "expired-cert"    // a certificate that expired in 2000 (F-net-1)
	WrongHost      Kind = "wrong-host"      // a certificate for another name (F-net-1)
	OldTLS         Kind = "old-tls"         // TLS 1.0 at most (F-net-1)
	RefuseConnect  Kind = "refuse-connect"  // Fault.Status of the proxy, 403 if 0; RST of an endpoint (F-net-1)
	SilentConnect  Kind = "silent-connect"  // the proxy accepts and sends nothing (F-net-7)
	DropConnection Kind = "drop-connection" // closes the open connections, once, now (F-net-9)
	Down           Kind = "down"            // the proxy does not listen until Heal (F-net-1)
)

// Kinds returns every kind of fault, in the order of their documentation.
func Kinds() []Kind {
	return []Kind{Status, Throttle, Deny, SlowDown, Pending, Delay, Hang, Reset, LateReset, Cut, HTML, Redirect, Garbage, WrongType,
		EmptyBody, EmptyObject, NullFields, ExtraFields, Rewrite, Giant, GzipBomb, EndlessChunks, HeaderFlood, Drip, DateSkew, WrongCA,
		ExpiredCert, WrongHost, OldTLS, RefuseConnect, SilentConnect, DropConnection, Down}
}

// Fault is one failure. Besides Kind, Times and Host, it uses only the fields that the
// comment of its kind names. Header and RetryAfter are added to any answer.
type Fault struct {
	Kind       Kind          // "": Status
	Times      int           // number of calls or connections that get it; 0: all, until Heal
	Host       string        // this host only; "": all hosts of the operation
	Status     int           // HTTP status for Status
	Code       string        // error name for Status: "InvalidGrantException" or "invalid_grant", ...
	Message    string        // error text for Status
	Body       string        // for Status, HTML: replaces the default body
	Delay      time.Duration // Delay, Drip
	Skew       time.Duration // DateSkew
	Size       int64         // Giant, GzipBomb
	Location   string        // for Redirect; "": the address of a captive portal
	RetryAfter string        // value of Retry-After, verbatim
	Header     http.Header   // further headers
	Rewrite    func(body []byte) []byte
}

type armed struct {
	Fault
	op     Op
	left   int // < 0: until Heal
	healed chan struct{}
}

func (f *armed) kind() Kind {
	if f == nil {
		return ""
	}
	return f.Kind
}

// hold keeps a connection open and silent until Heal.
func (f *armed) hold(a *AWS, c net.Conn) {
	select {
	case <-f.healed:
	case <-a.closing:
	}
	c.Close()
}

type moment int

const (
	connectFault moment = iota
	handshakeFault
	oldTLSFault
	callFault
)

func (k Kind) moment() moment {
	switch k {
	case RefuseConnect, SilentConnect:
		return connectFault
	case WrongCA, ExpiredCert, WrongHost:
		return handshakeFault
	case OldTLS:
		return oldTLSFault
	}
	return callFault
}

// Fail sets a fault for an operation, a service, or Any. The calls of an operation get its
// faults in the order of Fail, each Times times. A fault of the connection first closes the
// open connections of that service. Fail panics on an unknown operation or kind.
func (a *AWS) Fail(op Op, f Fault) {
	if f.Kind == "" {
		f.Kind = Status
	}
	if !op.known() || !slices.Contains(Kinds(), f.Kind) {
		panic(fmt.Sprintf("awstest: no operation %q or no fault %q", op, f.Kind))
	}
	if a.opt.Piped && (f.Kind.moment() != callFault || f.Kind == DropConnection) {
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
		if a.opt.Piped {
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
	a.faults = append(a.faults, &armed{Fault: f, op: op, left: left, healed: make(chan struct{})})
	a.mu.Unlock()
	if f.Kind.moment() != callFault {
		a.dropTunnels(op, f.Host)
	}
}

// Heal ends every fault, including those of DenyRole and DenyECR, and closes the
// connections that hang. Expired or revoked sessions stay so.
func (a *AWS) Heal() {
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

// take returns the fault for a call or a connection, and counts it.
func (a *AWS) take(service, op Op, host string, when moment) *armed {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, f := range a.faults {
		if f.left == 0 || f.Kind.moment() != when || f.Host != "" && f.Host != host {
			continue
		}
		if f.op.covers(service, op) || when != callFault && f.op.service() == service {
			if f.left > 0 {
				f.left--
			}
			return f
		}
	}
	return nil
}
