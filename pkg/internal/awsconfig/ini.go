package awsconfig

import (
	"strings"
	"unicode/utf8"
)

// The kinds of sections that are kept.
const (
	kindProfile  = "profile"
	kindSession  = "sso-session"
	kindServices = "services"

	// kindDefaults is [DEFAULT]: not a profile, its keys count in every section
	// that does not have them.
	kindDefaults = "DEFAULT"
)

// section is what all headers of one kind and name gathered. It has a profile's
// shape whatever its kind, so that 2,000 profiles are not copied.
type section struct {
	kind string
	Profile
}

// file is a file whose headers were read: its sections in order, and by kind and
// name.
type file struct {
	sections []*section
	index    map[string]map[string]*section
	defaults *section  // [DEFAULT]; nil: none
	room     []section // for the next ones: one allocation for many
}

// roomFor is how many sections are made room for at once, at most: a file may be
// all brackets.
const roomFor = 4096

// parse reads the headers of one file; what stands below them waits until
// somebody asks for it, which for most of 2,000 profiles is nobody. header takes
// the text of a header line and returns an empty name for a section that is not
// wanted. A section that comes twice is merged, the last value of a key wins: the
// Go SDK does so, and the AWS CLI gives up on the whole file.
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
	var current *section // nil: the lines belong to nobody
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

// nextHeader finds the next line whose first character that is no blank is a
// bracket, by its start and its end; both are the end of data when there is none.
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

// lineStart returns the start of the line when nothing but blanks are between it
// and at, else -1.
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

// assignment splits "key = value" at the first = or :, as both dialects do. The
// value is what follows, blanks included.
func assignment(text string) (key, value string, ok bool) {
	for i := range len(text) {
		if text[i] == '=' || text[i] == ':' {
			key = lower(trimRight(text[:i]))
			return key, text[i+1:], key != ""
		}
	}
	return "", "", false
}

// unquote takes what follows the = and returns the value without blanks around
// it, its quotes or its inline comment. A comment needs a blank before it:
// https://x.awsapps.com/start#/ is whole.
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

// endsHere reports whether nothing but blanks and a comment is left.
func endsHere(rest string) bool {
	text := trimLeft(rest)
	return text == "" || len(text) < len(rest) && isMark(text[0])
}
