package awscache

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

// JSON in the cache files must match the output of Python's json.dumps byte for byte: some
// file names are digests of such JSON.

// ErrType means that a member does not have the required type.
var ErrType = errors.New("wrong type")

// Member is a key and its JSON value in an object.
type Member struct {
	Key   string
	Value json.RawMessage
}

// Object is a JSON object that preserves the order of its members. With encoding/json,
// structs match keys case-insensitively, and maps lose the order.
type Object []Member

// ParseObject parses a single JSON object. It skips a byte-order mark, which Windows
// programs write. A duplicate key has its first position and its last value, as in Python.
// Truncated text, such as from a file that is being written, returns io.ErrUnexpectedEOF.
func ParseObject(data []byte) (Object, error) {
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

// cut converts both errors for truncated text to io.ErrUnexpectedEOF.
func cut(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Get returns the JSON value of a member, or nil.
func (o Object) Get(key string) json.RawMessage {
	for _, m := range o {
		if m.Key == key {
			return m.Value
		}
	}
	return nil
}

// Text returns a string member. It returns "" for a missing member and for null, and
// ErrType for other types.
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

// Append appends the object to b in the format of json.dumps, with ", " and ": " and no
// trailing newline. Values are copied unchanged.
func (o Object) Append(b []byte) []byte { return o.append(b, ", ", ": ") }

// appendMinified is like Append but uses "," and ":".
func (o Object) appendMinified(b []byte) []byte { return o.append(b, ",", ":") }

func (o Object) append(b []byte, comma, colon string) []byte {
	b = append(b, '{')
	for i, m := range o {
		if i > 0 {
			b = append(b, comma...)
		}
		b = AppendJSONString(b, m.Key)
		b = append(b, colon...)
		b = append(b, m.Value...)
	}
	return append(b, '}')
}

// JSONString returns s as a JSON string in Python's format.
func JSONString(s string) json.RawMessage { return AppendJSONString(nil, s) }

// AppendJSONString appends s in the format of json.dumps with ensure_ascii: characters
// other than printable ASCII become \uXXXX in lower case, and those above U+FFFF become
// surrogate pairs. Invalid UTF-8 becomes U+FFFD.
func AppendJSONString(b []byte, s string) []byte {
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

// errNotDate does not contain the text, which may be a secret in a damaged file.
var errNotDate = errors.New("not a date")

const timeLayout = "2006-01-02T15:04:05Z"

// FormatTime formats t like the AWS CLI: UTC, whole seconds.
func FormatTime(t time.Time) string { return t.UTC().Format(timeLayout) }

// layouts are the date formats that botocore (dateutil) and the JavaScript SDK (Date) parse
// and that programs write, normalized by parseTime: upper case, no space before an offset,
// Z for UTC and GMT.
var layouts = [...]string{
	time.RFC3339, // the AWS CLI and all SDKs
	"2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05Z07", "2006-01-02T15:04:05",
	"2006-01-02T15:04Z07:00", "2006-01-02T15:04", "2006-01-02",
	"20060102T150405Z0700", "20060102T150405",
	"Mon, 2 Jan 2006 15:04:05Z07:00", "Mon, 2 Jan 2006 15:04:05Z0700", // HTTP and mail
	"Mon Jan 2 2006 15:04:05Z0700", "Mon Jan 2 15:04:05 2006", // JavaScript and C
}

// parseTime parses the dates that the AWS CLI, the SDKs and other tools write to these
// caches: ISO 8601 with Z, UTC, an offset or no zone (meaning UTC), with or without seconds
// and a fraction (which is dropped), and HTTP and JavaScript dates. Years before 1970 are
// an error: they come from wrong clocks, and callers would treat them as "no date".
func parseTime(s string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, s); err == nil { // the usual form
		return inRange(t)
	}
	text, _, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(s)), " (") // JavaScript appends the time zone name
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

// inRange returns t in UTC and whole seconds if its year is between 1970 and 9999.
func inRange(t time.Time) (time.Time, error) {
	t = t.UTC().Truncate(time.Second)
	if t.Year() < 1970 || t.Year() > 9999 {
		return time.Time{}, errNotDate
	}
	return t, nil
}

// Time returns a date member: a string, or milliseconds since 1970 as read by the
// JavaScript SDK. Smaller numbers are seconds. It returns the zero time for a missing
// member, null and "".
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
	t, err := parseTime(text)
	if err != nil {
		return time.Time{}, fmt.Errorf("%s: %w", key, err)
	}
	return t, nil
}

const maxUnix = 253402300799 // the end of the year 9999
