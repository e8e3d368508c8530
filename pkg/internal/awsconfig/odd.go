package awsconfig

import (
	"fmt"
	"strings"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
)

// OddValueError names a line whose value the AWS CLI and the SDKs read in different
// ways. It stops no login: the profile may not be the one in use.
type OddValueError struct {
	Path    string
	Line    int // from 1
	Section string
	Key     string
	Why     string
}

// Error returns "PATH line N: KEY of [SECTION] WHY". The value is not in it: it may be
// a secret.
func (e *OddValueError) Error() string {
	return fmt.Sprintf("%s: %s of [%s] %s", place(e.Path, e.Line), hint.Clean(e.Key, 60), hint.Clean(e.Section, 60), e.Why)
}

// OddValues lists the lines of one of the two files whose values the AWS CLI and the
// SDKs read in different ways, each as an *OddValueError with a command that opens the
// file at the line. A file that the AWS CLI cannot read has none: CheckCLI tells why.
func OddValues(path string) []error {
	text, _, err := read(path)
	if err != nil {
		return nil
	}
	r := newCLIReader()
	if r.read(text) != nil {
		return nil
	}
	var all []error
	for _, e := range r.odd {
		if !r.isName(e.value(r)) {
			all = append(all, atPath(e, path))
		}
	}
	return all
}

// value is what the AWS CLI reads.
func (e *OddValueError) value(r *cliReader) string {
	if e.Section == kindDefaults {
		return r.defaults[e.Key]
	}
	return r.sections[e.Section][e.Key]
}

// isName reports whether a value is the name of a section, such as the name 'a #b': a
// value that is such a name is taken whole.
func (r *cliReader) isName(value string) bool {
	for _, raw := range r.names {
		if _, name := configHeader("[" + raw + "]"); name == value {
			return true
		}
	}
	return false
}

// checkValue notes a value that other readers take for something else.
func (r *cliReader) checkValue(key, value string) {
	if why := oddValue(key, value); why != "" {
		r.odd = append(r.odd, &OddValueError{Line: r.line, Section: r.section, Key: key, Why: why})
	}
}

// oddValue says what is odd about a value, "" for nearly all. The AWS CLI takes quotes
// and comments for part of the value; most SDKs remove them, and AWS's SDK for Go ends
// in a panic on a quote alone.
func oddValue(key, value string) string {
	if value == "" || isCommand(key) {
		return ""
	}
	read := unquote(" " + value)
	switch first, last := value[0], value[len(value)-1]; {
	case isQuote(first) && strings.HasPrefix(read, value[:1]), last == '"' && strings.Count(value, `"`) == 1:
		return "has a quote that is not closed"
	case read == value || isTerminal(key):
		return ""
	case isQuote(first):
		return "is in quotes, which the AWS CLI takes for a part of the value"
	}
	return "has a comment behind it, which the AWS CLI takes for a part of the value"
}

func isQuote(c byte) bool { return c == '"' || c == '\'' }

// isCommand reports whether the value of a key is a command line, which has quotes of
// its own: credential_process, and those of other tools, such as mfa_process.
func isCommand(key string) bool {
	return strings.HasSuffix(key, "_process") || strings.HasSuffix(key, "_command")
}

// isTerminal reports whether a key is about the output of the AWS CLI only, such as
// cli_pager.
func isTerminal(key string) bool { return strings.HasPrefix(key, "cli_") || key == "output" }
