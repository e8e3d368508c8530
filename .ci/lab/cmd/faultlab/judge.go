//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"unicode/utf8"

	"github.com/ecr-sso/docker-credential-ecr-sso/lab"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// The five invariants. Each has its own verdict. A helper passes a fault if all
// invariants hold.
const (
	noLeak    = iota // I1
	noLoss           // I2
	bounded          // I3
	protocol         // I4
	explained        // I5
	invariants
)

const dockerNotFound = "credentials not found in native keychain"

// row is the result of a fault.
type row struct {
	fault   *fault
	result  lab.Result
	faults  [invariants][]string // violations by invariant
	skipped string               // why the fault was not run
	said    string
}

func (r *row) bad(invariant int, format string, args ...any) {
	r.faults[invariant] = append(r.faults[invariant], fmt.Sprintf(format, args...))
}

func (r *row) passed() bool {
	return !slices.ContainsFunc(r.faults[:], func(f []string) bool { return len(f) > 0 })
}

// judge checks the result of a run while the fault is still active.
func (s *stage) judge(r *row, before []witness, hadOther bool, known []error) {
	s.judgeLeaks(r, known)
	for _, w := range before {
		if what := w.lost(); what != "" {
			r.bad(noLoss, "%s", what)
		}
	}
	if what := s.session(); what != "" {
		r.bad(noLoss, "%s", what)
	}
	if hadOther && !s.keepsOther() {
		r.bad(noLoss, "another registry's login is lost")
	}
	if names, _ := os.ReadDir(s.Path("tmp")); len(names) > 0 {
		r.bad(noLoss, "%s is left in the shared temporary directory", names[0].Name())
	}
	if what := s.leftovers(); what != "" && !s.fault.leaves {
		r.bad(noLoss, "%s", what)
	}
	s.judgeBounds(r)
	switch {
	case s.fault.want.command():
		s.judgeCommand(r)
	case s.fault.want.provider():
		s.judgeProvider(r)
	default:
		s.judgeProtocol(r)
	}
}

// secrets returns all secrets that must not appear.
func (s *stage) secrets() []string { return append(s.AWS.Secrets(), s.canary...) }

func (s *stage) scan() []error {
	return awstest.ScanTree(s.Home.Dir, s.secrets(), func(path string) bool { return s.helper.mayHold(s, path) })
}

func (s *stage) judgeLeaks(r *row, known []error) {
	secrets := s.secrets()
	if awstest.Leaks(secrets, r.result.Stderr) {
		r.bad(noLeak, "a secret on stderr")
	}
	if r.result.Code != 0 && awstest.Leaks(secrets, r.result.Stdout) {
		r.bad(noLeak, "a secret on stdout")
	}
	s.mu.Lock()
	if awstest.Leaks(secrets, strings.Join(s.received, "\n")) {
		r.bad(noLeak, "a secret was sent to a foreign server")
	}
	s.mu.Unlock()
	for _, found := range s.scan() {
		if !slices.ContainsFunc(known, func(k error) bool { return k.Error() == found.Error() }) {
			r.bad(noLeak, "%v", found)
		}
	}
}

func (s *stage) judgeBounds(r *row) {
	bound := s.bound()
	if r.result.TimedOut || r.result.Wall > bound+slack {
		r.bad(bounded, "%.1f s, %v allowed", r.result.Wall.Seconds(), bound)
	}
	if most := maxRSS + s.helper.resting; r.result.MaxRSS > most {
		r.bad(bounded, "%d MiB resident, %d allowed", r.result.MaxRSS>>20, most>>20)
	} else if s.grown.Load() {
		r.bad(bounded, "grew beyond %d MiB", killAbove>>20)
	}
	if !s.helper.ours {
		return // the call limit applies only to our helper
	}
	for op, most := range s.fault.calls {
		if n := s.AWS.Calls(op); n > most {
			r.bad(bounded, "%d calls of %s, %d allowed", n, op, most)
		}
	}
}

// judgeProtocol checks that the output follows Docker's protocol, and that an error
// contains its cause and the next command.
func (s *stage) judgeProtocol(r *row) {
	res, w := r.result, s.fault.want
	if line := dirty(res.Stderr); line != "" {
		r.bad(protocol, "stderr has %s", line)
	}
	if res.TimedOut || s.grown.Load() {
		return // killed by the lab; I3 reports that
	}
	switch {
	case w.ending == handed: // see handedOver
	case w.ending == stopped:
		if res.Code != 128+int(w.signal) && res.Signal != w.signal {
			r.bad(protocol, "after signal %d: status %d, signal %d", w.signal, res.Code, res.Signal)
		}
		if strings.Count(res.Stdout, "\n") > 1 || dirty(res.Stdout) != "" {
			r.bad(protocol, "after a signal: %q", head(res.Stdout))
		}
	case res.Code == 0:
		s.judgeAnswer(r)
	case s.helper.cli != "" && res.Code > 0: // the AWS CLI is not a helper: any status, error on stderr
		s.judgeMessage(r, res.Stderr)
	case res.Code == 1:
		s.judgeRefusal(r)
	case res.Signal == syscall.SIGPIPE && !s.helper.ours: // not exit 0, so the caller can detect the failure
	default:
		r.bad(protocol, "status %d, signal %d", res.Code, res.Signal)
	}
}

func (s *stage) judgeAnswer(r *row) {
	res, w := r.result, s.fault.want
	// Other helpers may return a valid login in cases in which ours is stricter, but not
	// for a host that is not a registry.
	if w.ending != answered && w.ending != either && (s.helper.ours || w.ending != refused) {
		r.bad(protocol, "exit 0, want a refusal")
	}
	if s.call.StdoutTo != nil || s.fault.from != signedOut && res.Stdout == "" {
		r.bad(protocol, "exit 0 without a complete answer")
		return
	}
	var answer struct{ ServerURL, Username, Secret string }
	d := json.NewDecoder(strings.NewReader(res.Stdout))
	d.DisallowUnknownFields()
	if err := d.Decode(&answer); err != nil {
		r.bad(protocol, "the answer is not a JSON object")
		return
	}
	if _, err := d.Token(); err != io.EOF {
		r.bad(protocol, "more than one JSON object")
	}
	if answer.ServerURL != strings.TrimRight(s.call.Stdin, "\r\n") && s.call.StdinFrom == nil {
		r.bad(protocol, "the answer is for %q", answer.ServerURL)
	}
	if answer.Username == "" || !s.AWS.PasswordValid(answer.Secret) && !slices.Contains(s.canary, answer.Secret) {
		r.bad(protocol, "the login is not one that AWS accepts")
	}
	if answer.Secret == s.other && s.call.Stdin == lab.Host && s.helper.ours {
		r.bad(protocol, "the login is another registry's")
	}
	switch lines := strings.Count(res.Stderr, "\n"); {
	case res.Stderr == "" && w.warned && s.helper.ours:
		r.bad(explained, "no warning")
	case res.Stderr == "", !s.helper.ours: // only our helper must be silent
	case w.warns == "":
		r.bad(protocol, "output on stderr with an answer: %q", head(res.Stderr))
	case lines != 1 || !regexp.MustCompile(w.warns).MatchString(res.Stderr):
		r.bad(protocol, "not the expected warning: %q", head(res.Stderr))
	}
}

func (s *stage) judgeRefusal(r *row) {
	res, w := r.result, s.fault.want
	if w.ending == answered && s.helper.ours {
		r.bad(protocol, "exit 1, want a login")
	}
	line, said := strings.CutSuffix(res.Stdout, "\n")
	silent := s.call.StdoutTo != nil || s.fault.verify != nil && res.Stdout == ""
	if silent {
		line = strings.TrimSuffix(res.Stderr, "\n")
	} else if !said || line == "" || strings.Contains(line, "\n") || dirty(res.Stdout) != "" || len(line) > 1200 {
		r.bad(protocol, "stdout is not one clean line: %q", head(res.Stdout))
	}
	if s.helper.ours && !silent && line != dockerNotFound && res.Stderr != res.Stdout {
		r.bad(protocol, "stderr differs from stdout: %q", head(res.Stderr))
	}
	if w.ending == notFound {
		if line != dockerNotFound {
			r.bad(protocol, "not docker's line: %q", line)
		}
		return
	}
	s.judgeMessage(r, line)
}

// judgeMessage checks for the cause and the next command. Other helpers only need to
// print a message.
func (s *stage) judgeMessage(r *row, text string) {
	w := s.fault.want
	if strings.Contains(text, dockerNotFound) || strings.TrimSpace(text) == "" {
		r.bad(explained, "the message is %q", head(text))
		return
	}
	if !s.helper.ours {
		return
	}
	if w.cause != "" && !regexp.MustCompile(w.cause).MatchString(text) {
		r.bad(explained, "the cause is %q", head(text))
	}
	if w.next != "" && !regexp.MustCompile(`; run: `+w.next).MatchString(text) {
		r.bad(explained, "no command in %q", head(text))
	}
}

// judgeCommand checks commands that users type.
func (s *stage) judgeCommand(r *row) {
	res, w := r.result, s.fault.want
	if dirty(res.Stdout) != "" || dirty(res.Stderr) != "" {
		r.bad(protocol, "control characters in the output")
	}
	switch {
	case w.ending == commandOK && res.Code != 0:
		r.bad(protocol, "exit %d: %q", res.Code, head(res.Stderr))
	case w.ending == commandNo && res.Code != 1 && res.Code != 2:
		r.bad(protocol, "exit %d, want a refusal: %q", res.Code, head(res.Stdout+res.Stderr))
	case w.ending == commandNo:
		s.judgeMessage(r, res.Stderr)
	case w.cause != "" && !regexp.MustCompile(w.cause).MatchString(res.Stdout+res.Stderr):
		r.bad(explained, "the message is %q", head(res.Stdout+res.Stderr))
	}
}

// dirty describes the first character that must not be sent to a terminal. It returns ""
// if there is none.
func dirty(text string) string {
	if !utf8.ValidString(text) {
		return "invalid UTF-8"
	}
	for _, c := range text {
		switch {
		case c < ' ' && c != '\n' && c != '\t', c >= 0x7f && c < 0xa0, c >= 0x202a && c <= 0x202e, c >= 0x2066 && c <= 0x2069:
			return fmt.Sprintf("U+%04X", c)
		}
	}
	return ""
}

func head(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	if len(line) > 300 {
		line = line[:300] + "..."
	}
	return line
}
