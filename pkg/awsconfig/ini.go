package awsconfig

import "strings"

// The kinds of sections that are kept.
const (
	kindProfile  = "profile"
	kindSession  = "sso-session"
	kindServices = "services"
)

// section is what all headers of one kind and name gathered. It has a profile's
// shape whatever its kind, so that 2,000 profiles are not copied.
type section struct {
	kind string
	Profile
}

// file is a parsed file: its sections in order, and by kind and name.
type file struct {
	sections []*section
	index    map[string]map[string]*section
}

// parser reads line by line; each line costs its own length and no more.
type parser struct {
	file
	header  func(text string) (kind, name string)
	current *section // nil: the lines belong to nobody
	block   string   // key with an empty value: deeper lines are its sub-keys
	indent  int      // of that key
}

// parse reads one file. header takes the text of a header line and returns an
// empty name for a section that is not wanted. A section that comes twice is
// merged, the last value of a key wins: the Go SDK does so, and the AWS CLI
// gives up on the whole file.
func parse(data string, header func(text string) (kind, name string)) file {
	brackets := strings.Count(data, "\n[") + 1
	p := &parser{header: header, file: file{
		sections: make([]*section, 0, brackets),
		index: map[string]map[string]*section{
			kindProfile: make(map[string]*section, brackets), kindSession: {}, kindServices: {},
		},
	}}
	data = strings.TrimPrefix(data, "\ufeff")
	for data != "" {
		var line string
		line, data, _ = strings.Cut(data, "\n")
		p.line(line)
	}
	return p.file
}

func (p *parser) line(line string) {
	text := trimLeft(line)
	indent := len(line) - len(text)
	text = trimRight(text)
	switch {
	case text == "" || text[0] == '#' || text[0] == ';':
	case text[0] == '[':
		p.open(p.header(text))
	case p.current != nil:
		p.property(text, indent)
	}
}

func (p *parser) open(kind, name string) {
	p.current, p.block = nil, ""
	if name == "" {
		return
	}
	known := p.index[kind]
	if p.current = known[name]; p.current == nil {
		p.current = &section{kind, Profile{Name: name, Keys: make(map[string]string, 8)}}
		known[name] = p.current
		p.sections = append(p.sections, p.current)
	}
}

// property takes a line of a section. A deeper line after a key without a value
// is a sub-key of it; after one with a value the SDK takes it as a key of its
// own, so that a file whose keys are indented anyhow can be read.
func (p *parser) property(text string, indent int) {
	key, value, ok := assignment(text)
	if p.block != "" && indent > p.indent {
		if ok {
			p.current.nest(p.block, key, unquote(value))
		}
		return
	}
	p.block = ""
	if !ok {
		return
	}
	if value = unquote(value); value == "" {
		p.block, p.indent = key, indent
	} else {
		p.current.flatten(key)
	}
	p.current.Keys[key] = value
}

func (p *Profile) nest(block, key, value string) {
	if p.Nested == nil {
		p.Nested = map[string]map[string]string{}
	}
	if p.Nested[block] == nil {
		p.Nested[block] = map[string]string{}
	}
	p.Nested[block][key] = value
}

// flatten drops the block of a key that has a value after all.
func (p *Profile) flatten(key string) {
	if delete(p.Nested, key); len(p.Nested) == 0 {
		p.Nested = nil
	}
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
		if isMark(value[i]) && isBlank(value[i-1]) {
			return trimRight(value[:i])
		}
	}
	return value
}

// endsHere reports whether nothing but blanks and a comment is left.
func endsHere(rest string) bool {
	text := trimLeft(rest)
	return text == "" || len(text) < len(rest) && isMark(text[0])
}

func isMark(c byte) bool { return c == '#' || c == ';' }

func isBlank(c byte) bool {
	return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f'
}

func trimLeft(s string) string {
	for s != "" && isBlank(s[0]) {
		s = s[1:]
	}
	return s
}

func trimRight(s string) string {
	for s != "" && isBlank(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}

// lower folds A-Z and nothing else, so that it never changes other bytes.
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
