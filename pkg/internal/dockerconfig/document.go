package dockerconfig

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// ErrNotJSON marks a file that docker could not read either, or would read in
// part: a byte-order mark, comments, trailing commas, text behind the object.
var ErrNotJSON = errors.New("not valid JSON")

// ErrUnexpected marks valid JSON in a shape that cannot be edited without
// guessing: no object, credHelpers twice or not an object, a host twice.
var ErrUnexpected = errors.New("unexpected content")

// span is a range of bytes in the file.
type span struct{ from, to int }

// member is one "key": value of an object, with the places of both.
type member struct {
	name  string // decoded
	key   span   // with its quotes
	value span
}

// object is the place of an object and its members, in file order.
type object struct {
	open, close int // offsets of { and }
	members     []member
}

// document is a file whose outline is known: the top object, and credHelpers
// when it is there.
type document struct {
	data       []byte
	top        object
	helpers    object
	hasHelpers bool
	helpersAt  int // index in top.members
}

var bom = []byte("\xef\xbb\xbf")

// outline finds the places an edit needs. encoding/json says what is JSON, so
// that docker and we agree about it; the places come from the small scanner.
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
		return d, fmt.Errorf("%w: the file holds no JSON object", ErrUnexpected)
	}
	var err error
	if d.top, err = s.object(); err != nil {
		return d, err
	}
	for i, m := range d.top.members {
		// docker's decoder takes a key in any case, the last one wins.
		if !strings.EqualFold(m.name, "credHelpers") {
			continue
		}
		if d.hasHelpers {
			return d, fmt.Errorf("%w: credHelpers stands there twice", ErrUnexpected)
		}
		if data[m.value.from] != '{' {
			return d, fmt.Errorf("%w: credHelpers is no object", ErrUnexpected)
		}
		d.hasHelpers, d.helpersAt = true, i
		in := scanner{data: data, at: m.value.from}
		if d.helpers, err = in.object(); err != nil {
			return d, err
		}
	}
	return d, d.checkHelpers()
}

// valid reports the first syntax error with its line.
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
			return fmt.Errorf("%w: credHelpers has no text for %q", ErrUnexpected, m.name)
		}
	}
	return nil
}

// text returns a string value, decoded.
func (d document) text(s span) string {
	var out string
	_ = json.Unmarshal(d.data[s.from:s.to], &out) // checked by valid
	return out
}
