//go:build linux

package main

import (
	"syscall"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// fault is one row of the table: a failure while a helper runs.
type fault struct {
	id, family string // family is a row of the legend in docs/reliability.md
	what       string
	from       state          // state of the home directory before the fault
	set        func(s *stage) // causes the fault
	want       want
	limit      time.Duration // time limit for our helper; 0: 30 s (see stage.bound)
	quick      bool          // part of -quick
	slow       bool          // mostly waits, so many run concurrently
	root       bool          // needs root
	ours       bool          // tests a feature that only our helper has
	leaves     bool          // temporary files may remain because the helper was killed
	aws        awstest.Options
	calls      map[awstest.Op]int     // the maximum number of calls; other operations are not counted
	after      func(s *stage) error   // check after the fault has ended; an error counts as lost state (I2)
	verify     func(s *stage, r *row) // changes the verdicts if this fault needs other checks
}

// state is the state of a home directory before the fault.
type state int

const (
	signedIn      state = iota // a valid session, and another registry's login in the cache
	warmed                     // like signedIn, plus the requested registry's login
	expired                    // an expired access token that can be refreshed
	unrefreshable              // an expired access token that cannot be refreshed
	signedOut                  // no session, and an empty cache
)

// Limits of invariant I3.
const (
	local     = 2 * time.Second // no network needed
	network   = 30 * time.Second
	openStdin = 7 * time.Second  // stdin is never closed: a 5 s wait, plus the work
	inGet     = 60 * time.Second // a user signs in
	maxRSS    = 64 << 20
	// slack is the extra time to start a process on a busy machine.
	slack = 700 * time.Millisecond
)

// ending is the expected end of a run.
type ending int

const (
	answered   ending = iota // one JSON object, exit 0
	refused                  // one line, exit 1
	notFound                 // docker's not-found line, exit 1
	either                   // answered or refused
	stopped                  // by the signal
	handed                   // the fallback store's output, byte for byte
	commandOK                // one of our commands: exit 0
	commandNo                // one of our commands: exit 1 or 2, the reason on stderr
	provided                 // kubelet provider: a response with a login, exit 0
	anonymous                // kubelet provider: a response without a login, exit 0
	unprovided               // kubelet provider: only one line on stderr, exit 1
)

// want is the expected end of a run and its expected output.
type want struct {
	ending
	cause  string // pattern of the cause in an error
	next   string // pattern of the command after "run: "
	warns  string // pattern of the line that may be on stderr after a success
	warned bool   // the line is required
	signal syscall.Signal
}

// is returns a want without expected text.
func is(e ending) want { return want{ending: e} }

// refusal expects an error with this cause and next command. Both are patterns. If next
// is "", it matches any of our commands.
func refusal(cause, next string) want {
	if next == "" {
		next = "docker-credential-ecr-sso "
	}
	return want{ending: refused, cause: cause, next: next}
}

// mayWarn allows one line on stderr after a success. warning requires the line.
func mayWarn(pattern string) want { return want{ending: answered, warns: pattern} }

func warning(pattern string) want { return want{ending: answered, warns: pattern, warned: true} }

func (w want) command() bool { return w.ending == commandOK || w.ending == commandNo }

func (w want) provider() bool { return w.ending >= provided }

// table returns all faults, in the order of families.
func table() []fault {
	var all []fault
	for _, family := range families {
		all = append(all, family()...)
	}
	return all
}
