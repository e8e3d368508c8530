package awsconfig

import (
	"fmt"
	"strings"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
)

// OddValueError reports a line whose value the AWS CLI and the SDKs read differently. It
// does not prevent a login, because the profile may be unused.
type OddValueError struct {
	Path    string
	Line    int // from 1
	Section string
	Key     string
	Why     string
}

// Error returns "PATH line N: KEY of [SECTION] WHY". It omits the value, which may be a
// secret.
func (e *OddValueError) Error() string {
	return fmt.Sprintf("%s: %s of [%s] %s", place(e.Path, e.Line), hint.Clean(e.Key, 60), hint.Clean(e.Section, 60), e.Why)
}

// OddValues returns an *OddValueError for each line whose value the AWS CLI and the SDKs
// read differently, with a command that opens the file at that line. path is the
// configuration file or the credentials file. OddValues returns none for a file that the
// AWS CLI cannot read: CheckCLI reports the reason.
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

// value returns the value as the AWS CLI reads it.
func (e *OddValueError) value(r *cliReader) string {
	if e.Section == kindDefaults {
		return r.defaults[e.Key]
	}
	return r.sections[e.Section][e.Key]
}

// isName reports whether a value is a section name, such as 'a #b'. The reader uses such a
// value whole.
func (r *cliReader) isName(value string) bool {
	for _, raw := range r.names {
		if _, name := configHeader("[" + raw + "]"); name == value {
			return true
		}
	}
	return false
}

// checkValue records a value that other tools read differently.
func (r *cliReader) checkValue(key, value string) {
	if why := oddValue(key, value); why != "" {
		r.odd = append(r.odd, &OddValueError{Line: r.line, Section: r.section, Key: key, Why: why})
	}
}

// oddValue describes the problem with a value. It returns "" for nearly all values. The AWS
// CLI reads quotes and comments as part of the value. Most SDKs remove them, and the AWS SDK
// for Go panics on a value that is only a quote character.
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
		return "is in quotes, which the AWS CLI reads as part of the value"
	}
	return "has a comment after it, which the AWS CLI reads as part of the value"
}

func isQuote(c byte) bool { return c == '"' || c == '\'' }

// isCommand reports whether the value of a key is a command line, which has its own
// quotes: credential_process and keys of other tools, such as mfa_process.
func isCommand(key string) bool {
	return strings.HasSuffix(key, "_process") || strings.HasSuffix(key, "_command")
}

// isTerminal reports whether a key affects only AWS CLI output, such as cli_pager.
func isTerminal(key string) bool { return strings.HasPrefix(key, "cli_") || key == "output" }
