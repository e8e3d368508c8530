// Package programs prepares the start of other programs. It finds them in the absolute
// entries of PATH and never in the working directory, which may be an untrusted repository.
// It removes secrets from their environment. It puts them into a process group, which makes
// their children end with them. It limits their output.
//
// It does not start programs: login starts the browser, awsclient a profile's
// credential_process, keychain a docker-credential-* helper. It imports only env and the
// standard library.
package programs

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
)

// Find returns the absolute path of a program in the absolute entries of PATH. A name with
// a directory must be absolute.
func Find(e env.Set, name string) (string, error) {
	if strings.ContainsAny(name, `/\`) {
		if !filepath.IsAbs(name) {
			return "", fmt.Errorf("%q is a relative path, which is not allowed", name)
		}
		return exec.LookPath(name)
	}
	for _, dir := range filepath.SplitList(e.Get(env.Path)) {
		if !filepath.IsAbs(dir) {
			continue
		}
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%q is not on PATH", name)
}

// Environ returns e as the environment of another program, so that it gets the environment
// of credhelper.WithEnv, which may differ from that of the process. It omits the empty and
// relative entries of PATH, because a shell would search the working directory for programs.
func Environ(e env.Set) []string {
	environ := e.List()
	for i, kv := range environ {
		name, value, _ := strings.Cut(kv, "=")
		if !strings.EqualFold(name, env.Path.Name()) {
			continue
		}
		dirs := slices.DeleteFunc(filepath.SplitList(value), func(dir string) bool { return !filepath.IsAbs(dir) })
		environ[i] = name + "=" + strings.Join(dirs, string(filepath.ListSeparator))
	}
	return environ
}

// WithoutSecrets returns environ without the AWS and Docker keys and tokens in env's table.
// A proxy password remains, because all programs of the user need it.
func WithoutSecrets(environ []string) []string {
	secret := map[string]bool{}
	for _, row := range env.Table() {
		secret[strings.ToUpper(row.Name)] = row.Secret && row.Owner != env.System
	}
	return slices.DeleteFunc(slices.Clone(environ), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		return secret[strings.ToUpper(name)]
	})
}

// Output records the first Max bytes of program output. It drops the rest, or returns an
// error if Strict is set.
type Output struct {
	Max    int // bytes
	Strict bool

	kept []byte
	over bool
}

// Write implements io.Writer. The error is io.ErrShortWrite.
func (o *Output) Write(p []byte) (int, error) {
	n := min(len(p), o.Max-len(o.kept))
	o.kept = append(o.kept, p[:n]...)
	if n == len(p) {
		return n, nil
	}
	if o.over = true; o.Strict {
		return n, io.ErrShortWrite
	}
	return len(p), nil
}

// Bytes returns the recorded bytes.
func (o *Output) Bytes() []byte { return o.kept }

// Over reports whether the program printed more than Max bytes.
func (o *Output) Over() bool { return o.over }

// ParentName returns the name of the executable file that started this process, in
// lower case and without ".exe". It is "" if the system does not report it. It affects only
// the output format. It is not a reason to trust the program, because a program can have
// any name.
func ParentName() string {
	name := parentFile(os.Getppid())
	if name == "" {
		return ""
	}
	name = strings.ToLower(filepath.Base(name))
	if runtime.GOOS == "windows" {
		name = strings.TrimSuffix(name, ".exe")
	}
	return name
}

// ParentID identifies the process that started this one, from its start to its end. It
// consists of the process ID and, if the system reports it, the start time. The start time
// is necessary because the system reuses IDs.
func ParentID() string {
	pid := os.Getppid()
	return strconv.Itoa(pid) + " " + startOf(pid)
}

// SplitWords splits a command line in a setting (BROWSER, credential_process) into words
// like the AWS CLI, without a shell and without expansion. The result has at least one
// word, and the first word is not empty.
func SplitWords(line string) ([]string, error) {
	split := splitPOSIX
	if runtime.GOOS == "windows" {
		split = splitWindows
	}
	words, err := split(line)
	if err == nil && (len(words) == 0 || words[0] == "") {
		err = errors.New("no command")
	}
	if err != nil {
		return nil, err
	}
	return words, nil
}

var errQuote = errors.New("a quote is not closed")

// splitPOSIX works like Python's shlex.split. Outside quotes, a backslash escapes any
// character. Inside double quotes, it escapes only a double quote and a backslash. Inside
// single quotes, it escapes nothing. "#" does not begin a comment.
func splitPOSIX(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	var quote rune
	inWord, escaped := false, false
	for _, r := range line {
		switch {
		case escaped:
			if quote == '"' && r != '"' && r != '\\' {
				word.WriteByte('\\')
			}
			word.WriteRune(r)
			escaped = false
		case r == '\\' && quote != '\'':
			escaped, inWord = true, true
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, inWord = r, true
		case strings.ContainsRune(" \t\r\n", r):
			if inWord {
				words = append(words, word.String())
				word.Reset()
				inWord = false
			}
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	if quote != 0 || escaped {
		return nil, errQuote
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, nil
}

// splitWindows works like the AWS CLI on Windows, which follows Microsoft's C runtime. Only
// double quotes quote. Backslashes are literal unless a double quote follows them. In that
// case, each pair is one backslash, and an odd backslash escapes the quote.
// https://learn.microsoft.com/cpp/c-language/parsing-c-command-line-arguments
func splitWindows(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	inWord, quoted, backslashes := false, false, 0
	for _, r := range line {
		if r == '\\' {
			backslashes++
			inWord = true
			continue
		}
		if r == '"' {
			word.WriteString(strings.Repeat(`\`, backslashes/2))
			inWord = true
			if backslashes%2 == 1 {
				word.WriteByte('"')
			} else {
				quoted = !quoted
			}
			backslashes = 0
			continue
		}
		word.WriteString(strings.Repeat(`\`, backslashes))
		backslashes = 0
		switch {
		case (r == ' ' || r == '\t') && !quoted:
			if inWord {
				words = append(words, word.String())
				word.Reset()
				inWord = false
			}
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	if quoted {
		return nil, errQuote
	}
	if word.WriteString(strings.Repeat(`\`, backslashes)); inWord {
		words = append(words, word.String())
	}
	return words, nil
}
