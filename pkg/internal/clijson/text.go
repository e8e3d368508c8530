package clijson

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf16"
)

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

// ParseTime reads the dates that AWS CLI, the SDKs and other tools have left in
// these caches: ending in Z, UTC, an offset or nothing (which means UTC), with
// or without a fraction, which is dropped. Years before 1970 are refused: they
// stand for broken clocks and would be taken for "no date" further on.
func ParseTime(s string) (time.Time, error) {
	text := strings.TrimSpace(s)
	if bare, ok := strings.CutSuffix(text, "UTC"); ok {
		text = strings.TrimSpace(bare) + "Z"
	}
	if len(text) > 10 && text[10] == ' ' {
		text = text[:10] + "T" + text[11:]
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05"} {
		t, err := time.Parse(layout, text)
		if err != nil {
			continue
		}
		t = t.UTC().Truncate(time.Second)
		if t.Year() < 1970 || t.Year() > 9999 {
			break
		}
		return t, nil
	}
	return time.Time{}, errNotDate
}
