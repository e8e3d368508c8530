//go:build linux

package main

import (
	"os"
	"strings"

	"github.com/ecr-sso/docker-credential-ecr-sso/lab"
)

// questions: F-io-1: what stands on stdin is no question, or never ends.
func questions() []fault {
	asks := func(id, what, stdin string, w want) fault {
		return fault{id: "stdin-" + id, family: "F-io-1", what: "stdin holds " + what, want: w, limit: local, quick: true,
			set: func(s *stage) { s.call.Stdin = stdin }}
	}
	no := func(id, what, stdin string) fault { return asks(id, what, stdin, is(notFound)) }
	all := []fault{
		asks("empty", "nothing", "", want{ending: refused}),
		asks("blank-line", "an empty line", "\n", want{ending: refused}),
		asks("host-line-end", "the host and a line end", lab.Host+"\r\n", is(answered)),
		asks("mib", "a megabyte", strings.Repeat("x", 1<<20), want{ending: refused, cause: "stdin holds more than"}),
		asks("long-line", "a host with a path of 5,000 bytes", lab.Host+"/"+strings.Repeat("x", 5000), want{ending: refused, cause: "stdin holds more than"}),
		no("two-lines", "two lines", lab.Host+"\nexample.com\n"),
		no("split-host", "a host with a line break inside", "123456789012.dkr.ecr.us-\neast-1.amazonaws.com"),
		no("nul", "a host with a NUL", lab.Host+"\x00.evil.com"),
		no("binary", "random bytes", "\x7f\x80\xfe\xff\x00\x1b[2J"),
		no("userinfo", "a host behind a user name", "https://"+lab.Host+"@evil.com"),
		no("suffix", "a host that only begins like ECR's", lab.Host+".evil.com"),
		no("blank", "a host with a blank in front", " "+lab.Host),
	}
	for i := range all {
		if all[i].want.ending == refused {
			all[i].want.next = "" // no command mends a client's question
		}
	}
	return append(all,
		fault{id: "stdin-open", family: "F-io-1", what: "stdin holds the host without a line end and is never closed", want: want{ending: refused, cause: "stdin was not closed"},
			limit: patience, slow: true, quick: true, set: func(s *stage) { s.neverClosed(lab.Host) }},
		fault{id: "stdin-open-line", family: "F-io-1", what: "stdin holds the host and a line end and is never closed", want: is(answered),
			limit: patience, slow: true, quick: true, set: func(s *stage) { s.neverClosed(lab.Host + "\n") }},
		fault{id: "stdin-silent", family: "F-io-1", what: "stdin holds nothing and is never closed", want: want{ending: refused, cause: "stdin was not closed"},
			limit: patience, slow: true, set: func(s *stage) { s.neverClosed("") }},
		fault{id: "stdin-closed", family: "F-io-1", what: "descriptor 0 is closed", want: want{ending: refused}, limit: local, quick: true,
			set: func(s *stage) { s.shell("exec <&-") }},
		fault{id: "stdin-directory", family: "F-io-1", what: "stdin is a directory", want: want{ending: refused, cause: "stdin"}, limit: local, quick: true,
			set: func(s *stage) { s.opened(&s.call.StdinFrom, s.Home.Dir, os.O_RDONLY) }},
		fault{id: "stdin-zero", family: "F-io-1", what: "stdin is a device without end", want: want{ending: refused, cause: "stdin holds more than"}, limit: local, quick: true,
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

// answersLost: F-io-2: the answer cannot be written. Exit 0 would be a lie.
func answersLost() []fault {
	row := func(id, what string, from state, set func(s *stage)) fault {
		return fault{id: "stdout-" + id, family: "F-io-2", what: what, from: from, quick: true, set: set,
			want: want{ending: refused, cause: "stdout"}, mend: unseen}
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
		row("broken", "nobody reads stdout", signedIn, broken), row("broken-warm", "nobody reads stdout and the login is cached", warmed, broken),
		row("closed", "descriptor 1 is closed", signedIn, closed), row("closed-warm", "descriptor 1 is closed and the login is cached", warmed, closed),
		row("read-only", "stdout is open for reading only", signedIn, readOnly),
		{id: "stderr-closed", family: "F-io-2", what: "descriptor 2 is closed", want: is(answered), quick: true, set: func(s *stage) { s.shell("exec 2>&-") }},
		{id: "stderr-full-refused", family: "F-io-2", what: "stderr is a full device, and nobody is signed in", from: signedOut, quick: true, limit: local,
			want: want{ending: refused, cause: "not signed in"}, mend: onlyStdout, set: func(s *stage) { s.shell("exec 2>/dev/full") }},
		{id: "all-closed", family: "F-io-1", what: "descriptors 0, 1 and 2 are closed", want: want{ending: refused}, quick: true, limit: local,
			mend: mute, set: func(s *stage) { s.shell("exec <&- >&- 2>&-") }},
	}
}

// unseen: what stands on stdout cannot be seen; judgeRefusal takes stderr's line.
func unseen(*stage, *row) {}

// mute forgives silence: there is no stream left to speak on.
func mute(_ *stage, r *row) { r.faults[explained] = nil }

// onlyStdout forgives that stderr could not repeat the line.
func onlyStdout(_ *stage, r *row) {
	if r.result.Stderr == "" && r.result.Code == 1 && strings.HasPrefix(r.result.Stdout, "not signed in") {
		r.faults[protocol] = nil
	}
}
