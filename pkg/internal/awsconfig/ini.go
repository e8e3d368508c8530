package awsconfig

import (
	"strings"
	"unicode/utf8"
)

// The kinds of sections that are used.
const (
	kindProfile  = "profile"
	kindSession  = "sso-session"
	kindServices = "services"

	// kindDefaults is [DEFAULT]. It is not a profile: its keys apply to every section
	// that does not set them.
	kindDefaults = "DEFAULT"
)

// section is the content below all headers of one kind and name. Every kind has the type
// of a profile, so that 2,000 profiles need not be copied.
type section struct {
	kind string
	Profile
}

// file is a file whose headers were parsed: its sections in order, and by kind and name.
type file struct {
	sections []*section
	index    map[string]map[string]*section
	defaults *section  // [DEFAULT]; may be nil
	room     []section // for the next sections: one allocation for many
}

// roomFor is the maximum number of sections to allocate at once: a file may consist of
// brackets.
const roomFor = 4096

// parse parses the headers of one file. The lines below them are parsed only when they
// are needed, which for most of 2,000 profiles is never. header parses the text of a
// header line and returns an empty name for a section that is not used. Sections with the
// same name are merged, and the last value of a key counts, as in the Go SDK. The AWS CLI
// rejects the whole file.
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
	var current *section // nil: the lines belong to no section
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
// character is a bracket. Both are the end of data if there is none.
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

// lineStart returns the start of the line if only blanks are between it and at, or else
// -1.
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

// assignment splits "key = value" at the first = or :, as both dialects do. The value is
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

// unquote returns the text after the = without the blanks around it, its quotes and its
// inline comment. A comment needs a blank before it, so https://x.awsapps.com/start#/ has
// none.
func unquote(raw string) string {
	value := trimLeft(raw)
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
	if isMark(value[0]) && len(value) < len(raw) {
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
