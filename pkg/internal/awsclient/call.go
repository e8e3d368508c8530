package awsclient

import (
	"context"
	"sync"
	"time"
)

// policy says which failures of a call may be tried again.
type policy int

const (
	always   policy = iota // a connection error, 5xx, 429 and throttling
	unspent                // the same, but a connection error only if nothing was sent: the request spends a single-use token
	never                  // the caller has its own loop (the device-code poller)
	metadata               // once and quickly: the instance metadata service is often not there
)

// call is what the transport notes about one API call. The SDK's credential
// cache works in a goroutine of its own, so it is locked.
type call struct {
	service, op string
	again       policy
	phase       time.Duration
	json        bool // every answer must be JSON
	older       bool // another name of the host is tried when this one does not resolve

	mu sync.Mutex
	callNotes
}

type callNotes struct {
	host   string
	status int // of the last answer, 0 without
	tries  int
	skew   time.Duration // the server's clock minus ours
	answer answer        // what an error answer says

	proxy    string // host of the proxy that the try goes through, "" without
	tunneled bool   // and it let us through, now or at an earlier try

	noMetadata bool // the instance metadata service did not answer
}

type callKey struct{}

func withCall(ctx context.Context, c *call) context.Context {
	return context.WithValue(ctx, callKey{}, c)
}

// callFrom returns the notes of ctx; what the SDK asks on its own account gets
// notes nobody reads.
func callFrom(ctx context.Context) *call {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		return c
	}
	return &call{}
}

func (c *call) note(change func(*callNotes)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.callNotes)
}

func (c *call) notes() callNotes {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.callNotes
}
