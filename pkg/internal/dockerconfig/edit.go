package dockerconfig

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// The layout of a new file, as Docker writes it.
const (
	dockerIndent = "\t"
	dockerColon  = ": "
)

// set sets the helper of a host. It changes only the bytes of that entry, or inserts an
// entry in the layout of the surrounding lines.
func set(data []byte, host, helper string) ([]byte, error) {
	if len(bytes.TrimSpace(data)) == 0 {
		data = []byte("{}")
	}
	d, err := outline(data)
	if err != nil {
		return nil, err
	}
	l := d.layout()
	if !d.hasHelpers {
		entry := quote("credHelpers") + l.colon + l.wrap(quote(host)+l.colon+quote(helper), 1)
		if len(d.top.members) == 0 {
			return splice(data, span{d.top.open, d.top.close + 1}, l.wrap(entry, 0)), nil
		}
		return after(data, d.top, entry, l), nil
	}
	for _, m := range d.helpers.members {
		if m.name == host {
			return splice(data, m.value, quote(helper)), nil
		}
	}
	entry := quote(host) + l.colon + quote(helper)
	if len(d.helpers.members) == 0 {
		return splice(data, span{d.helpers.open, d.helpers.close + 1}, l.wrap(entry, 1)), nil
	}
	return after(data, d.helpers, entry, l), nil
}

// remove removes the entry of a host. With the last entry it also removes credHelpers, like
// Docker. Removing an entry that set added restores the original bytes.
func remove(data []byte, host string) ([]byte, error) {
	d, err := outline(data)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(d.helpers.members, func(m member) bool { return m.name == host })
	switch {
	case i < 0:
		return data, nil
	case len(d.helpers.members) > 1:
		return without(data, d.helpers, i), nil
	default:
		return without(data, d.top, d.helpersAt), nil
	}
}

const credsStore = "credsStore"

// setStore sets credsStore, or removes it if helper is "". Removing a value that setStore
// added restores the original bytes.
func setStore(data []byte, helper string) ([]byte, error) {
	if len(bytes.TrimSpace(data)) == 0 {
		data = []byte("{}")
	}
	d, err := outline(data)
	if err != nil {
		return nil, err
	}
	at := -1
	for i, m := range d.top.members {
		if !strings.EqualFold(m.name, credsStore) { // Docker's decoder ignores the case
			continue
		}
		if at >= 0 || d.data[m.value.from] != '"' {
			return nil, fmt.Errorf("%w: credsStore is not a string", ErrUnexpected)
		}
		at = i
	}
	l := d.layout()
	entry := quote(credsStore) + l.colon + quote(helper)
	switch {
	case at >= 0 && helper == "":
		return without(data, d.top, at), nil
	case at >= 0:
		return splice(data, d.top.members[at].value, quote(helper)), nil
	case helper == "":
		return data, nil
	case len(d.top.members) == 0:
		return splice(data, span{d.top.open, d.top.close + 1}, l.wrap(entry, 0)), nil
	}
	return after(data, d.top, entry, l), nil
}

// without removes member i and the comma between it and its neighbor.
func without(data []byte, o object, i int) []byte {
	switch {
	case len(o.members) == 1:
		return splice(data, span{o.open + 1, o.close}, "")
	case i > 0:
		return splice(data, span{o.members[i-1].value.to, o.members[i].value.to}, "")
	default:
		return splice(data, span{o.members[0].key.from, o.members[1].key.from}, "")
	}
}

// after adds entry after the object's last member, with the same separator as between the
// other members.
func after(data []byte, o object, entry string, l layout) []byte {
	last := o.members[len(o.members)-1]
	first := string(data[o.open+1 : o.members[0].key.from])
	gap := first
	if len(o.members) > 1 {
		between := data[o.members[len(o.members)-2].value.to:last.key.from]
		gap = string(between[bytes.IndexByte(between, ',')+1:])
	} else if gap == "" && strings.HasSuffix(l.colon, " ") {
		gap = " "
	}
	return splice(data, span{last.value.to, last.value.to}, ","+gap+entry)
}

// layout is the JSON layout of the file.
type layout struct {
	newline string // "" when the file has a single line
	indent  string // one level
	colon   string // with the white space around it
}

func (d document) layout() layout {
	l := layout{newline: "\n", indent: dockerIndent, colon: dockerColon}
	if bytes.Contains(d.data, []byte("\r\n")) {
		l.newline = "\r\n"
	}
	if len(d.top.members) == 0 {
		return l
	}
	first := d.top.members[0]
	l.colon = string(d.data[first.key.to:first.value.from])
	if strings.ContainsAny(l.colon, "\r\n") {
		l.colon = dockerColon
	}
	lead := string(d.data[d.top.open+1 : first.key.from])
	i := strings.LastIndexByte(lead, '\n')
	if i < 0 {
		l.newline, l.indent = "", ""
		return l
	}
	l.indent = lead[i+1:]
	return l
}

// wrap puts braces around an entry. depth is the level of the closing brace.
func (l layout) wrap(entry string, depth int) string {
	if l.newline == "" {
		return "{" + entry + "}"
	}
	return "{" + l.newline + strings.Repeat(l.indent, depth+1) + entry +
		l.newline + strings.Repeat(l.indent, depth) + "}"
}

func splice(data []byte, at span, text string) []byte {
	return slices.Concat(data[:at.from], []byte(text), data[at.to:])
}

// quote returns a name as a JSON string. Request.check must have accepted the name.
func quote(s string) string {
	text, _ := json.Marshal(s) // a string always marshals
	return string(text)
}

// ErrNotJSON means that the file is not valid JSON: it has a byte-order mark, comments,
// trailing commas, or text after the object. Docker cannot read it either, or can read only
// a part of it.
var ErrNotJSON = errors.New("not valid JSON")

// ErrUnexpected means that the file is valid JSON but an edit would be ambiguous: it is not
// an object, credHelpers is not an object, or credHelpers or a host occurs twice.
var ErrUnexpected = errors.New("unexpected content")

// span is a range of bytes in the file.
type span struct{ from, to int }

// member is one "key": value of an object, with the offsets of both.
type member struct {
	name  string // decoded
	key   span   // including its quotes
	value span
}

// object contains the offsets of an object and of its members, in file order.
type object struct {
	open, close int // offsets of { and }
	members     []member
}

// document is a file with the offsets of its top-level object and, if present, of
// credHelpers.
type document struct {
	data       []byte
	top        object
	helpers    object
	hasHelpers bool
	helpersAt  int // index in top.members
}

var bom = []byte("\xef\xbb\xbf")

// outline finds the offsets that an edit needs. encoding/json, which Docker also uses,
// checks validity. The scanner below only finds offsets.
func outline(data []byte) (document, error) {
	d := document{data: data}
	if bytes.HasPrefix(data, bom) {
		return d, fmt.Errorf("%w: it starts with a byte-order mark", ErrNotJSON)
	}
	if err := valid(data); err != nil {
		return d, err
	}
	s := scanner{data: data}
	s.space()
	if s.data[s.at] != '{' {
		return d, fmt.Errorf("%w: the file does not contain a JSON object", ErrUnexpected)
	}
	var err error
	if d.top, err = s.object(); err != nil {
		return d, err
	}
	for i, m := range d.top.members {
		// Docker's decoder ignores the case of keys.
		if !strings.EqualFold(m.name, "credHelpers") {
			continue
		}
		if d.hasHelpers {
			return d, fmt.Errorf("%w: credHelpers occurs twice", ErrUnexpected)
		}
		if data[m.value.from] != '{' {
			return d, fmt.Errorf("%w: credHelpers is not an object", ErrUnexpected)
		}
		d.hasHelpers, d.helpersAt = true, i
		in := scanner{data: data, at: m.value.from}
		if d.helpers, err = in.object(); err != nil {
			return d, err
		}
	}
	return d, d.checkHelpers()
}

// valid returns the first syntax error with its line.
func valid(data []byte) error {
	if json.Valid(data) {
		return nil
	}
	var any json.RawMessage
	err := json.Unmarshal(data, &any)
	var syntax *json.SyntaxError
	if !errors.As(err, &syntax) {
		return fmt.Errorf("%w: %w", ErrNotJSON, err)
	}
	at := min(int(syntax.Offset), len(data))
	line := 1 + bytes.Count(data[:at], []byte("\n"))
	return fmt.Errorf("%w: line %d: %w", ErrNotJSON, line, syntax)
}

func (d document) checkHelpers() error {
	seen := make(map[string]bool, len(d.helpers.members))
	for _, m := range d.helpers.members {
		if seen[m.name] {
			return fmt.Errorf("%w: credHelpers names %q twice", ErrUnexpected, m.name)
		}
		seen[m.name] = true
		if d.data[m.value.from] != '"' {
			return fmt.Errorf("%w: credHelpers has no string for %q", ErrUnexpected, m.name)
		}
	}
	return nil
}

// text decodes a string value.
func (d document) text(s span) string {
	var out string
	_ = json.Unmarshal(d.data[s.from:s.to], &out) // checked by valid
	return out
}

// scanner finds offsets in valid JSON text.
type scanner struct {
	data []byte
	at   int
}

// object reads the object at the current offset.
func (s *scanner) object() (object, error) {
	o := object{open: s.at}
	s.at++
	s.space()
	for s.data[s.at] != '}' {
		m, err := s.member()
		if err != nil {
			return o, err
		}
		o.members = append(o.members, m)
		s.space()
		if s.data[s.at] == ',' {
			s.at++
			s.space()
		}
	}
	o.close = s.at
	s.at++
	return o, nil
}

func (s *scanner) member() (member, error) {
	m := member{key: s.value()}
	if err := json.Unmarshal(s.data[m.key.from:m.key.to], &m.name); err != nil {
		return m, fmt.Errorf("%w: %w", ErrNotJSON, err)
	}
	s.space()
	s.at++ // the colon
	s.space()
	m.value = s.value()
	return m, nil
}

// value skips one value of any kind. It counts the depth instead of recursing, because deep
// nesting would exhaust the stack.
func (s *scanner) value() span {
	from, depth := s.at, 0
	for s.at < len(s.data) {
		switch c := s.data[s.at]; c {
		case '"':
			s.text()
			if depth == 0 {
				return span{from, s.at}
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 { // the end of the object or array around a number or a literal
				return span{from, s.at}
			}
			if depth--; depth == 0 {
				s.at++
				return span{from, s.at}
			}
		case ',', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return span{from, s.at}
			}
		}
		s.at++
	}
	return span{from, s.at}
}

// text skips a string with its quotes.
func (s *scanner) text() {
	for s.at++; s.data[s.at] != '"'; s.at++ {
		if s.data[s.at] == '\\' {
			s.at++
		}
	}
	s.at++
}

func (s *scanner) space() {
	for s.at < len(s.data) {
		switch s.data[s.at] {
		case ' ', '\t', '\r', '\n':
			s.at++
		default:
			return
		}
	}
}
