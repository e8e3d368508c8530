//go:build linux

package main

import (
	"os"
	"strings"

	"github.com/ecr-sso/docker-credential-ecr-sso/lab"
)

// stdins: F-io-1: stdin is not a valid request, or never ends.
func stdins() []fault {
	contains := func(id, what, stdin string, w want) fault {
		return fault{id: "stdin-" + id, family: "F-io-1", what: "stdin contains " + what, want: w, limit: local, quick: true,
			set: func(s *stage) { s.call.Stdin = stdin }}
	}
	no := func(id, what, stdin string) fault { return contains(id, what, stdin, is(notFound)) }
	all := []fault{
		contains("empty", "nothing", "", want{ending: refused}),
		contains("blank-line", "an empty line", "\n", want{ending: refused}),
		contains("host-line-end", "the host and a newline", lab.Host+"\r\n", is(answered)),
		contains("mib", "1 MB", strings.Repeat("x", 1<<20), want{ending: refused, cause: "stdin has more than"}),
		contains("long-line", "a host with a path of 5,000 bytes", lab.Host+"/"+strings.Repeat("x", 5000), want{ending: refused, cause: "stdin has more than"}),
		no("two-lines", "two lines", lab.Host+"\nexample.com\n"),
		no("split-host", "a host with a line break inside", "123456789012.dkr.ecr.us-\neast-1.amazonaws.com"),
		no("nul", "a host with a NUL", lab.Host+"\x00.evil.com"),
		no("binary", "random bytes", "\x7f\x80\xfe\xff\x00\x1b[2J"),
		no("userinfo", "a host after a user name", "https://"+lab.Host+"@evil.com"),
		no("suffix", "a host that begins with an ECR host", lab.Host+".evil.com"),
		no("blank", "a host after a blank", " "+lab.Host),
	}
	for i := range all {
		if all[i].want.ending == refused {
			all[i].want.next = "" // no command fixes a client's request
		}
	}
	return append(all,
		fault{id: "stdin-open", family: "F-io-1", what: "stdin contains the host without a newline and is never closed", want: want{ending: refused, cause: "stdin was not closed"},
			limit: openStdin, slow: true, quick: true, set: func(s *stage) { s.neverClosed(lab.Host) }},
		fault{id: "stdin-open-line", family: "F-io-1", what: "stdin contains the host and a newline and is never closed", want: is(answered),
			limit: openStdin, slow: true, quick: true, set: func(s *stage) { s.neverClosed(lab.Host + "\n") }},
		fault{id: "stdin-silent", family: "F-io-1", what: "stdin is empty and is never closed", want: want{ending: refused, cause: "stdin was not closed"},
			limit: openStdin, slow: true, set: func(s *stage) { s.neverClosed("") }},
		fault{id: "stdin-closed", family: "F-io-1", what: "descriptor 0 is closed", want: want{ending: refused}, limit: local, quick: true,
			set: func(s *stage) { s.shell("exec <&-") }},
		fault{id: "stdin-directory", family: "F-io-1", what: "stdin is a directory", want: want{ending: refused, cause: "stdin"}, limit: local, quick: true,
			set: func(s *stage) { s.opened(&s.call.StdinFrom, s.Home.Dir, os.O_RDONLY) }},
		fault{id: "stdin-zero", family: "F-io-1", what: "stdin is an endless device", want: want{ending: refused, cause: "stdin has more than"}, limit: local, quick: true,
			set: func(s *stage) { s.opened(&s.call.StdinFrom, "/dev/zero", os.O_RDONLY) }},
	)
}

// neverClosed leaves the other end of stdin open.
func (s *stage) neverClosed(text string) {
	r, w, err := os.Pipe()
	s.must(err)
	s.ends = append(s.ends, func() { r.Close(); w.Close() })
	_, err = w.WriteString(text)
	s.must(err)
	s.call.StdinFrom = r
}

func (s *stage) opened(to **os.File, path string, flag int) {
	f, err := os.OpenFile(path, flag, 0)
	s.must(err)
	s.ends = append(s.ends, func() { f.Close() })
	*to = f
}

// stdouts: F-io-2: the answer cannot be written. The exit status must not be 0.
func stdouts() []fault {
	row := func(id, what string, from state, set func(s *stage)) fault {
		return fault{id: "stdout-" + id, family: "F-io-2", what: what, from: from, quick: true, set: set,
			want: want{ending: refused, cause: "stdout"}, verify: stderrOnly}
	}
	full := func(s *stage) { s.opened(&s.call.StdoutTo, "/dev/full", os.O_WRONLY) }
	broken := func(s *stage) {
		r, w, err := os.Pipe()
		s.must(err)
		s.must(r.Close())
		s.ends = append(s.ends, func() { w.Close() })
		s.call.StdoutTo = w
	}
	closed := func(s *stage) { s.shell("exec >&-") }
	readOnly := func(s *stage) { s.opened(&s.call.StdoutTo, "/dev/null", os.O_RDONLY) }
	return []fault{
		row("full", "stdout is a full device", signedIn, full), row("full-warm", "stdout is a full device and the login is cached", warmed, full),
		row("broken", "stdout is a pipe without a reader", signedIn, broken), row("broken-warm", "stdout is a pipe without a reader and the login is cached", warmed, broken),
		row("closed", "descriptor 1 is closed", signedIn, closed), row("closed-warm", "descriptor 1 is closed and the login is cached", warmed, closed),
		row("read-only", "stdout is read-only", signedIn, readOnly),
		{id: "stderr-closed", family: "F-io-2", what: "descriptor 2 is closed", want: is(answered), quick: true, set: func(s *stage) { s.shell("exec 2>&-") }},
		{id: "stderr-full-refused", family: "F-io-2", what: "stderr is a full device, not signed in", from: signedOut, quick: true, limit: local,
			want: want{ending: refused, cause: "not signed in"}, verify: onlyStdout, set: func(s *stage) { s.shell("exec 2>/dev/full") }},
		{id: "all-closed", family: "F-io-1", what: "descriptors 0, 1 and 2 are closed", want: want{ending: refused}, quick: true, limit: local,
			verify: noStreams, set: func(s *stage) { s.shell("exec <&- >&- 2>&-") }},
	}
}

// stderrOnly marks a fault whose stdout cannot be read: judgeRefusal reads stderr.
func stderrOnly(*stage, *row) {}

// noStreams accepts a run without output, because every stream is closed.
func noStreams(_ *stage, r *row) { r.faults[explained] = nil }

// onlyStdout accepts a run that prints the line only on stdout.
func onlyStdout(_ *stage, r *row) {
	if r.result.Stderr == "" && r.result.Code == 1 && strings.HasPrefix(r.result.Stdout, "not signed in") {
		r.faults[protocol] = nil
	}
}
