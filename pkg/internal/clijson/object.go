// Package clijson owns the dialect of JSON in AWS CLI's cache files: what
// Python's json.dumps writes, byte for byte, and the dates found there.
//
// It never touches a file and knows no field by name. It may import the
// standard library only (floor 1). ssotoken and rolecache call it, and so may
// whoever else has to match AWS CLI's bytes or the file names hashed from them.
package clijson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// ErrType is a member of another type than the format asks for.
var ErrType = errors.New("wrong type")

// Member is one key of an object; Value is its JSON text.
type Member struct {
	Key   string
	Value json.RawMessage
}

// Object is a JSON object that keeps the order of its members. encoding/json's
// structs would also take keys in another case, its maps forget the order.
type Object []Member

// Parse reads one JSON object with nothing after it; a byte order mark before it, as
// programs on Windows write it, is skipped. A key given twice has its
// first place and its last value, as in Python. A text that ends too early, as
// a file does that is just being written, is an io.ErrUnexpectedEOF.
func Parse(data []byte) (Object, error) {
	dec := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(data, []byte("\uFEFF"))))
	if err := delim(dec, '{'); err != nil {
		return nil, err
	}
	o := Object{}
	at := map[string]int{}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, cut(err)
		}
		name, ok := key.(string)
		if !ok {
			return nil, fmt.Errorf("key: %w", ErrType)
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, cut(err)
		}
		if i, twice := at[name]; twice {
			o[i].Value = value
			continue
		}
		at[name] = len(o)
		o = append(o, Member{name, value})
	}
	if err := delim(dec, '}'); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("text after the object")
	}
	return o, nil
}

func delim(dec *json.Decoder, want json.Delim) error {
	tok, err := dec.Token()
	if err != nil {
		return cut(err)
	}
	if tok != want {
		return fmt.Errorf("document: %w", ErrType)
	}
	return nil
}

// cut gives the two ways in which the decoder says "more was expected" one name.
func cut(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Get returns the JSON text of a member, nil if there is none.
func (o Object) Get(key string) json.RawMessage {
	for _, m := range o {
		if m.Key == key {
			return m.Value
		}
	}
	return nil
}

// Text returns a member that is a string; a missing one and null are "", any
// other type is ErrType.
func (o Object) Text(key string) (string, error) {
	raw := o.Get(key)
	if raw == nil || string(raw) == "null" {
		return "", nil
	}
	var s string
	if raw[0] != '"' || json.Unmarshal(raw, &s) != nil {
		return "", fmt.Errorf("%s: %w", key, ErrType)
	}
	return s, nil
}

// Append adds the object to b as json.dumps writes it, with ", " and ": " and
// no final newline. The values are copied as they are.
func (o Object) Append(b []byte) []byte { return o.append(b, ", ", ": ") }

// AppendMinified is Append with "," and ":".
func (o Object) AppendMinified(b []byte) []byte { return o.append(b, ",", ":") }

func (o Object) append(b []byte, comma, colon string) []byte {
	b = append(b, '{')
	for i, m := range o {
		if i > 0 {
			b = append(b, comma...)
		}
		b = AppendString(b, m.Key)
		b = append(b, colon...)
		b = append(b, m.Value...)
	}
	return append(b, '}')
}
