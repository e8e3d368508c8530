package awsconfig

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// The section kinds that the program uses.
const (
	kindProfile  = "profile"
	kindSession  = "sso-session"
	kindServices = "services"

	// kindDefaults is [DEFAULT]. It is not a profile: its keys apply to every section that
	// does not set them.
	kindDefaults = "DEFAULT"
)

// section is the content below all headers with one kind and name. Sections of every kind
// embed a Profile, to avoid copying 2,000 profiles.
type section struct {
	kind string
	Profile
}

// file is a file with parsed headers: its sections in order, and by kind and name.
type file struct {
	sections []*section
	index    map[string]map[string]*section
	defaults *section  // [DEFAULT]; may be nil
	room     []section // free space for the next sections, to allocate many at once
}

// roomFor is the maximum number of sections to allocate at once. A file may consist only
// of brackets.
const roomFor = 4096

// parse parses the headers of one file. The lines below a header are parsed only on demand,
// which means never for most of 2,000 profiles. header parses the text of a header line and
// returns an empty name for an unused section. As in the Go SDK, sections with the same name
// are merged, and the last value of a key applies. The AWS CLI rejects the whole file.
func parse(data string, header func(text string) (kind, name string)) file {
	brackets := min(strings.Count(data, "["), roomFor)
	f := file{
		sections: make([]*section, 0, brackets),
		index: map[string]map[string]*section{
			kindProfile: make(map[string]*section, brackets), kindSession: {}, kindServices: {},
		},
		room: make([]section, 0, brackets),
	}
	data = strings.TrimPrefix(data, "\ufeff")
	var current *section // nil if the lines belong to no section
	for data != "" {
		at, end := nextHeader(data)
		if current != nil {
			current.add(data[:at])
		}
		if at < end {
			current = f.open(header(trim(data[at:end])))
		}
		data = data[end:]
	}
	if f.defaults != nil {
		for _, s := range f.sections {
			s.further().defaults = &f.defaults.Profile
		}
	}
	return f
}

// nextHeader returns the start and the end of the next line whose first non-blank
// character is a bracket. If there is none, both are the end of data.
func nextHeader(data string) (start, end int) {
	for from := 0; ; {
		i := strings.IndexByte(data[from:], '[')
		if i < 0 {
			return len(data), len(data)
		}
		from += i
		if start = lineStart(data, from); start >= 0 {
			if i = strings.IndexAny(data[from:], lineEnds); i < 0 {
				return start, len(data)
			}
			return start, from + i
		}
		from++
	}
}

// lineStart returns the start of the line if only blanks precede position at, otherwise -1.
func lineStart(data string, at int) int {
	for at > 0 && data[at-1] != '\n' && data[at-1] != '\r' {
		r, size := utf8.DecodeLastRuneInString(data[:at])
		if !isBlank(r) {
			return -1
		}
		at -= size
	}
	return at
}

func (f *file) open(kind, name string) *section {
	if name == "" {
		return nil
	}
	if kind == kindDefaults {
		if f.defaults == nil {
			f.defaults = &section{kind, Profile{Name: name}}
		}
		return f.defaults
	}
	known := f.index[kind]
	if s := known[name]; s != nil {
		return s
	}
	if len(f.room) == cap(f.room) {
		f.room = make([]section, 0, roomFor)
	}
	f.room = append(f.room, section{kind, Profile{Name: name}})
	s := &f.room[len(f.room)-1]
	known[name] = s
	f.sections = append(f.sections, s)
	return s
}

// assignment splits "key = value" at the first = or :, as in both dialects. The value is
// the text after it, including blanks.
func assignment(text string) (key, value string, ok bool) {
	for i := range len(text) {
		if text[i] == '=' || text[i] == ':' {
			key = lower(trimRight(text[:i]))
			return key, text[i+1:], key != ""
		}
	}
	return "", "", false
}

// unquote returns the text after the = without surrounding blanks, quotes and inline
// comment.
func unquote(raw string) string {
	value := trimLeft(raw)
	return unquoteValue(value, len(value) < len(raw))
}

// unquoteValue is unquote for a text without leading blanks. afterBlank reports whether a
// blank preceded it. A comment must follow a blank, so https://x.awsapps.com/start#/ has no
// comment.
func unquoteValue(value string, afterBlank bool) string {
	if value == "" {
		return ""
	}
	if q := value[0]; q == '"' || q == '\'' {
		for i := 1; i < len(value); i++ {
			if value[i] == q && endsHere(value[i+1:]) {
				return value[1:i]
			}
		}
	}
	if isMark(value[0]) && afterBlank {
		return ""
	}
	for i := 1; i < len(value); i++ {
		if isMark(value[i]) && endsInBlank(value[:i]) {
			return trimRight(value[:i])
		}
	}
	return value
}

func endsInBlank(s string) bool {
	r, _ := utf8.DecodeLastRuneInString(s)
	return isBlank(r)
}

// endsHere reports whether only blanks and a comment remain.
func endsHere(rest string) bool {
	text := trimLeft(rest)
	return text == "" || len(text) < len(rest) && isMark(text[0])
}

// configHeader parses a header in the configuration file: [default], [profile NAME],
// [sso-session NAME], [services NAME] or [DEFAULT]. The name is empty for any other header
// and for a truncated one. The AWS CLI checks only the beginning of the first word.
func configHeader(text string) (kind, name string) {
	inner := trimLeft(text[1:])
	end := strings.IndexAny(inner, " \t]")
	if end < 0 {
		return "", ""
	}
	word := inner[:end]
	name = headerName(strings.TrimLeft(inner[end:], shellBlanks))
	switch {
	case word == "default" && name == "":
		return kindProfile, "default"
	case word == kindDefaults && name == "":
		return kindDefaults, word
	}
	for _, kind := range [...]string{kindProfile, kindSession, kindServices} {
		if strings.HasPrefix(word, kind) {
			return kind, name
		}
	}
	return "", ""
}

// shellBlanks separate the words of a header. The AWS CLI splits the header like a shell, so
// a no-break space is part of a name.
const shellBlanks = " \t"

// headerName returns the name before the closing bracket: one shell word, as in the AWS
// CLI. If the text is not a single word, the name is the unchanged text, as in the Go SDK.
func headerName(rest string) string {
	word, tail, ok := shellWord(rest)
	if ok && strings.HasPrefix(strings.TrimLeft(tail, shellBlanks), "]") {
		return word
	}
	name, _, ok := strings.Cut(rest, "]")
	if !ok {
		return ""
	}
	return strings.TrimRight(name, shellBlanks)
}

// shellWord reads one POSIX shell word up to a blank or a bracket outside quotes. It
// fails if a quote is not closed.
func shellWord(s string) (word, tail string, ok bool) {
	// Nearly all names have no quotes. Copying each of thousands of names would be slow.
	if end := strings.IndexAny(s, shellBlanks+`]'"\`); end >= 0 && (s[end] == ']' || strings.IndexByte(shellBlanks, s[end]) >= 0) {
		return s[:end], s[end:], true
	}
	var b strings.Builder
	var quote byte
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case quote == 0 && (c == '\'' || c == '"'):
			quote = c
		case quote == 0 && (strings.IndexByte(shellBlanks, c) >= 0 || c == ']'):
			return b.String(), s[i:], true
		case c == quote:
			quote = 0
		case c == '\\' && i+1 < len(s) && (quote == 0 || quote == '"' && strings.IndexByte(`"\`, s[i+1]) >= 0):
			i++
			b.WriteByte(s[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", "", false
}

// credentialsHeader parses a header in the credentials file, in which the whole text is
// the profile name. Configuration file headers such as [profile NAME] are not valid there:
// the Go SDK ignores them.
func credentialsHeader(text string) (kind, name string) {
	name, _, ok := strings.Cut(text[1:], "]")
	if name = trim(name); !ok {
		return "", ""
	}
	if name == kindDefaults {
		return kindDefaults, name
	}
	if first, _, many := strings.Cut(name, " "); many {
		switch first {
		case kindProfile, kindSession, kindServices:
			return "", ""
		}
	}
	return kindProfile, name
}

// bom is the byte-order mark that some editors write before the first line.
const bom = "\ufeff"

// lineEnds are the line ends of Python text files, which the AWS CLI uses: a line feed, a
// carriage return, or both.
const lineEnds = "\r\n"

// cutLine returns the first line of a text, its line end, and the rest.
func cutLine(text string) (line, end, rest string) {
	i := strings.IndexAny(text, lineEnds)
	if i < 0 {
		return text, "", ""
	}
	after := i + 1
	if text[i] == '\r' && after < len(text) && text[after] == '\n' {
		after++
	}
	return text[:i], text[i:after], text[after:]
}

// isBlank reports whether the AWS CLI strips a character from both ends of keys and
// values. The AWS CLI uses Python's str.strip and \s, which match all Unicode white space
// and the four information separators. Text from an editor or a web page may contain an
// invisible no-break space (U+00A0).
func isBlank(r rune) bool {
	return unicode.IsSpace(r) && r != '\n' && r != '\r' || r >= 0x1c && r <= 0x1f
}

func trimLeft(s string) string { return strings.TrimLeftFunc(s, isBlank) }

func trimRight(s string) string { return strings.TrimRightFunc(s, isBlank) }

func trim(s string) string { return trimRight(trimLeft(s)) }

// lead returns the indentation of a line that is not empty.
func lead(line string) string { return line[:len(line)-len(trimLeft(line))] }

// depth returns the indentation of a line in characters, like Python.
func depth(line string) int { return utf8.RuneCountInString(lead(line)) }

// isMark reports whether a character begins a comment.
func isMark(c byte) bool { return c == '#' || c == ';' }

// clean returns a line without surrounding blanks, or "" for a comment.
func clean(line string) string {
	text := trim(line)
	if text == "" || isMark(text[0]) {
		return ""
	}
	return text
}

// lower converts only A-Z to lower case. No other bytes change.
func lower(s string) string {
	for i := range len(s) {
		if s[i] < 'A' || s[i] > 'Z' {
			continue
		}
		b := []byte(s)
		for ; i < len(b); i++ {
			if b[i] >= 'A' && b[i] <= 'Z' {
				b[i] += 'a' - 'A'
			}
		}
		return string(b)
	}
	return s
}
