package awsconfig

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"unicode/utf8"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
)

// UnreadableError reports that the AWS CLI cannot read a file. The AWS CLI then cannot use
// any profile.
type UnreadableError struct {
	Path   string // "" if the error is about text without a file
	Line   int    // from 1; 0 if the error is about the whole file
	Reason string
	fix    func(path string) string // returns the command that fixes the file; nil: open the file in an editor
}

// Error returns "PATH line N: REASON, so the AWS CLI cannot read the file".
func (e *UnreadableError) Error() string {
	return place(e.Path, e.Line) + ": " + e.Reason + ", so the AWS CLI cannot read the file"
}

// next returns the command that fixes the file or opens it at the line.
func (e *UnreadableError) next() string {
	if e.fix != nil {
		return e.fix(e.Path)
	}
	return hint.EditCommand(e.Path, "", e.Line)
}

// atPath adds the file path and the fix command to an error about the file's text.
func atPath(err error, path string) error {
	if e, ok := errors.AsType[*UnreadableError](err); ok {
		e.Path = path
		return hint.With(err, e.next())
	}
	if e, ok := errors.AsType[*OddValueError](err); ok {
		e.Path = path
		return hint.With(err, hint.EditCommand(path, "", e.Line))
	}
	if e, ok := errors.AsType[*EditError](err); ok {
		e.Path = path
		return hint.With(err, hint.EditCommand(path, "", e.Line))
	}
	return err
}

// place formats a position in a file.
func place(path string, line int) string {
	if path == "" {
		path = "AWS configuration"
	}
	if line > 0 {
		path += fmt.Sprintf(" line %d", line)
	}
	return path
}

// CheckCLI reads the configuration file or the credentials file like the AWS CLI. If the
// AWS CLI could not read it, CheckCLI returns an *UnreadableError with a fix command. A
// missing file is not an error.
func CheckCLI(path string) error {
	text, _, err := read(path)
	if err != nil {
		return err
	}
	_, err = readAsCLI(text)
	return atPath(err, path)
}

// CheckEdit returns an error if Edit would reject every change to the file: the AWS CLI
// cannot read the file, or programs read it differently. The errors are those of CheckCLI
// and EditText, with the path.
func CheckEdit(path string) error {
	text, _, err := read(path)
	if err != nil {
		return err
	}
	_, err = sane(text)
	return atPath(err, path)
}

// cliFile is the configuration file as the AWS CLI reads it: with Python's strict
// RawConfigParser and botocore's rules for blocks and names. A section name is the text
// between the brackets.
type cliFile struct {
	sections map[string]map[string]string
	names    []string          // section names, in file order
	defaults map[string]string // [DEFAULT], whose keys every section inherits
}

// cliReader is the state of readAsCLI.
type cliReader struct {
	cliFile
	line    int            // number of the current line, from 1
	headers map[string]int // line of each section's header
	section string
	keys    map[string]string // keys of the current section; nil before the first section
	lines   map[string]int    // line of each key
	option  string            // the key whose value an indented line continues; "" after a header
	indent  int
	empty   int // empty lines since the value's last line; they are part of the value
	odd     []*OddValueError
}

func readAsCLI(text string) (cliFile, error) {
	r := newCLIReader()
	if err := r.read(text); err != nil {
		return cliFile{}, err
	}
	return r.cliFile, nil
}

func newCLIReader() *cliReader {
	return &cliReader{
		cliFile: cliFile{sections: map[string]map[string]string{}, defaults: map[string]string{}},
		headers: map[string]int{},
	}
}

func (r *cliReader) read(text string) error {
	if err := encoding(text); err != nil {
		return err
	}
	defaultLines := map[string]int{}
	for text != "" {
		var line string
		line, _, text = cutLine(text)
		r.line++
		if err := r.take(line, defaultLines); err != nil {
			return err
		}
	}
	return nil
}

// encoding rejects text that is not UTF-8. On Windows, the AWS CLI uses the system code
// page, in which most bytes are valid characters.
func encoding(text string) error {
	utf16 := func(path string) (*safefile.TextError, bool) {
		return errors.AsType[*safefile.TextError](safefile.CheckText(path, []byte(text[:min(len(text), 1024)])))
	}
	e, isUTF16 := utf16("")
	switch {
	case isUTF16:
		return &UnreadableError{Reason: "it " + e.Form, fix: func(path string) string {
			e, _ := utf16(path)
			return e.Fix
		}}
	case strings.HasPrefix(text, bom):
		return &UnreadableError{Line: 1, Reason: "a byte-order mark (U+FEFF) is before the first line", fix: safefile.WithoutMark}
	case !utf8.ValidString(text) && runtime.GOOS != "windows":
		return &UnreadableError{Line: 1 + countLines(text[:invalid(text)]), Reason: "a byte that is not UTF-8"}
	}
	return nil
}

// invalid returns the position of the first byte that is not UTF-8.
func invalid(text string) int {
	for i, r := range text {
		if r == utf8.RuneError && !strings.HasPrefix(text[i:], string(utf8.RuneError)) {
			return i
		}
	}
	return len(text)
}

func countLines(text string) (n int) {
	for end := ""; text != ""; {
		if _, end, text = cutLine(text); end != "" {
			n++
		}
	}
	return n
}

func (r *cliReader) take(line string, defaultLines map[string]int) error {
	text := clean(line)
	if text == "" {
		if trim(line) == "" {
			r.empty++
		}
		return nil
	}
	deep := depth(line)
	if r.option != "" && deep > r.indent {
		return r.more(text)
	}
	r.indent, r.empty = deep, 0
	if name, ok := cliHeader(text); ok {
		return r.open(name, defaultLines)
	}
	key, value, ok := assignment(text)
	switch {
	case !ok && strings.HasPrefix(text, "["):
		return r.fault("the section header is not closed")
	case r.keys == nil && ok:
		return r.fault("%s is before the first section", hint.Clean(key, 60))
	case !ok:
		return r.fault("a line without a key and = (%s)", hint.Clean(text, 40))
	}
	key = strings.ToLower(key)
	if first, twice := r.lines[key]; twice {
		return r.fault("%s is also in line %d of the same section", hint.Clean(key, 60), first)
	}
	r.lines[key], r.option, r.keys[key] = r.line, key, trim(value)
	r.checkValue(key, trim(value))
	return nil
}

// more handles a line that continues a value. After an empty value, the line is a sub-key.
func (r *cliReader) more(text string) error {
	value := r.keys[r.option]
	if value == "" || value[0] == '\n' {
		for _, part := range strings.FieldsFunc(text, isLineBreak) {
			if trim(part) != "" && !strings.Contains(part, "=") {
				return r.fault("a line without = in the block of %s", hint.Clean(r.option, 60))
			}
		}
	}
	r.keys[r.option] = value + strings.Repeat("\n", 1+r.empty) + text
	r.empty = 0
	return nil
}

// isLineBreak reports whether a character is a line break for Python's str.splitlines,
// which botocore uses to split blocks.
func isLineBreak(c rune) bool {
	switch c {
	case '\n', '\r', '\v', '\f', 0x1c, 0x1d, 0x1e, 0x85, 0x2028, 0x2029:
		return true
	}
	return false
}

func (r *cliReader) open(name string, defaultLines map[string]int) error {
	r.option, r.section = "", name
	if name == kindDefaults {
		r.keys, r.lines = r.defaults, defaultLines
		return nil
	}
	if first, twice := r.headers[name]; twice {
		return r.fault("[%s] is also in line %d", hint.Clean(name, 60), first)
	}
	r.keys, r.lines = map[string]string{}, map[string]int{}
	r.headers[name], r.sections[name] = r.line, r.keys
	r.names = append(r.names, name)
	return nil
}

func (r *cliReader) fault(format string, args ...any) error {
	return &UnreadableError{Line: r.line, Reason: fmt.Sprintf(format, args...)}
}

// cliHeader returns the section name as the AWS CLI reads it: all text between the first
// and the last bracket.
func cliHeader(text string) (name string, ok bool) {
	end := strings.LastIndexByte(text, ']')
	if text[0] != '[' || end < 2 {
		return "", false
	}
	return text[1:end], true
}

// byName returns the keys that the AWS CLI reads in each section. If a name has several
// spellings, the last section applies.
func (f cliFile) byName() map[sectionKey]map[string]string {
	found := map[sectionKey]map[string]string{}
	for _, raw := range f.names {
		for _, kind := range [...]string{kindProfile, kindSession} {
			if name, ok := cliName(raw, kind); ok {
				found[sectionKey{kind, name}] = f.sections[raw]
			}
		}
	}
	return found
}

// cliName returns the name by which the AWS CLI finds a section of this kind. The AWS CLI
// splits the header into two shell words, the first of which begins with the kind.
func cliName(raw, kind string) (string, bool) {
	if raw == "default" {
		return raw, kind == kindProfile
	}
	end := strings.IndexAny(raw, shellBlanks)
	if end < 0 || !strings.HasPrefix(raw[:end], kind) {
		return "", false
	}
	word, tail, ok := shellWord(strings.TrimLeft(raw[end:], shellBlanks) + "]")
	return word, ok && strings.Trim(tail, shellBlanks) == "]"
}

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
