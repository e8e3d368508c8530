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
	"strings"
	"time"
	"unicode/utf16"
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

// String is s as a JSON string in Python's spelling.
func String(s string) json.RawMessage { return AppendString(nil, s) }

// AppendString adds s as json.dumps with ensure_ascii spells it: everything but
// printable ASCII becomes \uXXXX, in lower case, as surrogate pairs above
// U+FFFF; what is no UTF-8 becomes U+FFFD.
func AppendString(b []byte, s string) []byte {
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, `\n`...)
		case r == '\r':
			b = append(b, `\r`...)
		case r == '\t':
			b = append(b, `\t`...)
		case r == '\b':
			b = append(b, `\b`...)
		case r == '\f':
			b = append(b, `\f`...)
		case ' ' <= r && r <= '~':
			b = append(b, byte(r))
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			b = fmt.Appendf(b, `\u%04x\u%04x`, high, low)
		default:
			b = fmt.Appendf(b, `\u%04x`, r)
		}
	}
	return append(b, '"')
}

// errNotDate does not quote the text: in a damaged file that may be anything.
var errNotDate = errors.New("not a date")

const written = "2006-01-02T15:04:05Z"

// FormatTime spells t as AWS CLI does, in UTC and whole seconds.
func FormatTime(t time.Time) string { return t.UTC().Format(written) }

// layouts are the dates that botocore (dateutil) and the JavaScript SDK (Date) read
// and that programs write, as ParseTime spells them: upper case, no blank before an
// offset, Z for UTC and GMT.
var layouts = [...]string{
	time.RFC3339, // the AWS CLI and every SDK
	"2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05Z07", "2006-01-02T15:04:05",
	"2006-01-02T15:04Z07:00", "2006-01-02T15:04", "2006-01-02",
	"20060102T150405Z0700", "20060102T150405",
	"Mon, 2 Jan 2006 15:04:05Z07:00", "Mon, 2 Jan 2006 15:04:05Z0700", // HTTP and mail
	"Mon Jan 2 2006 15:04:05Z0700", "Mon Jan 2 15:04:05 2006", // JavaScript's and C's own
}

// ParseTime reads the dates that AWS CLI, the SDKs and other tools have left in
// these caches: ISO 8601 ending in Z, UTC, an offset or nothing (which means UTC),
// with or without seconds or a fraction, which is dropped, and the dates of HTTP and
// of JavaScript. Years before 1970 are refused: they stand for broken clocks and
// would be taken for "no date" further on.
func ParseTime(s string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, s); err == nil { // nearly all are
		return inRange(t)
	}
	text, _, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(s)), " (") // JavaScript names the zone behind
	text = strings.NewReplacer(" GMT+", "+", " GMT-", "-", " UTC+", "+", " UTC-", "-", " +", "+", " -", "-").Replace(text)
	bare, utc := strings.CutSuffix(text, "UTC")
	if !utc {
		bare, utc = strings.CutSuffix(text, "GMT")
	}
	bare = strings.TrimSpace(bare)
	if len(bare) > 10 && bare[4] == '-' && bare[10] == ' ' {
		bare = bare[:10] + "T" + bare[11:]
	}
	for _, layout := range layouts {
		if utc {
			if t, err := time.Parse(layout, bare+"Z"); err == nil {
				return inRange(t)
			}
		}
		if t, err := time.Parse(layout, bare); err == nil {
			return inRange(t)
		}
	}
	return time.Time{}, errNotDate
}

// inRange returns t in UTC and whole seconds, if its year makes sense.
func inRange(t time.Time) (time.Time, error) {
	t = t.UTC().Truncate(time.Second)
	if t.Year() < 1970 || t.Year() > 9999 {
		return time.Time{}, errNotDate
	}
	return t, nil
}

// Time returns a member that is a date: a text, or a number of milliseconds since
// 1970, which the JavaScript SDK reads. A number too small for that is taken for
// seconds. A missing member, null and "" are the zero time.
func (o Object) Time(key string) (time.Time, error) {
	var number float64
	raw := o.Get(key)
	if raw != nil && json.Unmarshal(raw, &number) == nil && string(raw) != "null" {
		const least = 1e11 // 1973 in milliseconds, the year 5138 in seconds
		if number >= least {
			number /= 1000
		}
		if number < 0 || number > maxUnix {
			return time.Time{}, fmt.Errorf("%s: %w", key, errNotDate)
		}
		return time.Unix(int64(number), 0).UTC(), nil
	}
	text, err := o.Text(key)
	if err != nil || text == "" {
		return time.Time{}, err
	}
	t, err := ParseTime(text)
	if err != nil {
		return time.Time{}, fmt.Errorf("%s: %w", key, err)
	}
	return t, nil
}

const maxUnix = 253402300799 // the end of the year 9999
