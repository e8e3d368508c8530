package awscache

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseObject(t *testing.T) {
	tests := []struct {
		name, in, want string // want: output of Append
		err            error
	}{
		{"order and foreign values stay", `{"b":1.50,"a":{"z" : [1,2]}}`, `{"b": 1.50, "a": {"z" : [1,2]}}`, nil},
		{"empty object", " {} \n", `{}`, nil},
		{"duplicate key: first position, last value", `{"a":1,"b":2,"a":3}`, `{"a": 3, "b": 2}`, nil},
		{"keys differ by case", `{"a":1,"A":2}`, `{"a": 1, "A": 2}`, nil},
		{"null", `null`, "", ErrType},
		{"array", `[]`, "", ErrType},
		{"nothing", ``, "", io.ErrUnexpectedEOF},
		{"cut in a key", `{"a`, "", io.ErrUnexpectedEOF},
		{"cut after a key", `{"a"`, "", io.ErrUnexpectedEOF},
		{"cut in a value", `{"a":"b`, "", io.ErrUnexpectedEOF},
		{"cut after a value", `{"a":"b"`, "", io.ErrUnexpectedEOF},
		{"cut after a comma", `{"a":"b",`, "", io.ErrUnexpectedEOF},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o, err := ParseObject([]byte(tt.in))
			if !errors.Is(err, tt.err) {
				t.Fatalf("got %v, want %v", err, tt.err)
			}
			if err == nil {
				if diff := cmp.Diff(tt.want, string(o.Append(nil))); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

func TestParseErrors(t *testing.T) {
	for name, in := range map[string]string{
		"second object":             `{}{}`,
		"text after the object":     `{} x`,
		"two byte-order marks":      "\ufeff\ufeff{}",
		"trailing comma":            `{"a":1,}`,
		"key is not a string":       `{1:1}`,
		"bare words":                `{a:1}`,
		"nesting of 100,000 levels": `{"a":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `}`,
	} {
		if _, err := ParseObject([]byte(in)); err == nil || errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestText(t *testing.T) {
	o, err := ParseObject([]byte(`{"s":"x\u00e9","n":null,"i":1,"o":{},"b":true}`))
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{"s": "xé", "n": "", "none": ""} {
		if got, err := o.Text(key); err != nil || got != want {
			t.Errorf("%s: got %q, error %v", key, got, err)
		}
	}
	for _, key := range []string{"i", "o", "b"} {
		if _, err := o.Text(key); !errors.Is(err, ErrType) {
			t.Errorf("%s: error %v", key, err)
		}
	}
}

// The right column is the output of Python's json.dumps.
func TestAppendStringAsPython(t *testing.T) {
	for in, want := range map[string]string{
		"":                   `""`,
		"plain ~ text":       `"plain ~ text"`,
		"a/b<c>&d'":          `"a/b<c>&d'"`,
		"q\"b\\":             `"q\"b\\"`,
		"\n\r\t\b\f\v\x00":   `"\n\r\t\b\f\u000b\u0000"`,
		"\x7f":               `"\u007f"`,
		"müller \u2028":      `"m\u00fcller \u2028"`,
		"\U0001F600":         `"\ud83d\ude00"`,
		"no UTF-8: \xff":     `"no UTF-8: \ufffd"`,
		"\ufffe\ufeff\uffff": `"\ufffe\ufeff\uffff"`,
	} {
		if got := string(AppendJSONString(nil, in)); got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
}

func TestParseTime(t *testing.T) {
	want := time.Date(2026, 11, 23, 8, 28, 21, 0, time.UTC)
	for _, in := range []string{
		"2026-11-23T08:28:21Z",
		"2026-11-23T08:28:21UTC",
		"2026-11-23T08:28:21 UTC",
		"2026-11-23T08:28:21+00:00",
		"2026-11-23T08:28:21+0000",
		"2026-11-23T09:28:21+01:00",
		"2026-11-23T08:28:21.355Z",
		"2026-11-23T08:28:21.999999UTC",
		"2026-11-23T08:28:21.355000+00:00",
		"2026-11-23T08:28:21.355",
		"2026-11-23T08:28:21",
		"2026-11-23 08:28:21+00:00",
		" 2026-11-23T08:28:21Z\n",
		"2026-11-23T08:28:21GMT",
		"2026-11-23t08:28:21z",
		"2026-11-23T08:28:21+00",
		"2026-11-23T08:28:21,355Z",
		"2026-11-23T08:28:21.3550000+00:00",
		"2026-11-23 08:28:21.5 +0000 UTC",
		"2026-11-23T01:28:21-0700",
		"20261123T082821Z",
		"20261123T082821",
		"Mon, 23 Nov 2026 08:28:21 GMT",
		"Mon, 23 Nov 2026 09:28:21 +0100",
		"Mon Nov 23 2026 08:28:21 GMT+0000 (Coordinated Universal Time)",
		"Mon Nov 23 2026 09:28:21 GMT+0100 (CET)",
		"Mon Nov 23 08:28:21 2026",
	} {
		got, err := parseTime(in)
		if err != nil || !got.Equal(want) || got.Location() != time.UTC {
			t.Errorf("%q: got %v, error %v", in, got, err)
		}
	}
	for _, in := range []string{"", "soon", "UTC", "1764000000", "2026-11-23 x", "2026-13-01T00:00:00Z", "2026-11-23T08:28:21ZZ",
		"0001-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "9999-12-31T23:59:59-01:00"} {
		if got, err := parseTime(in); err == nil {
			t.Errorf("%q: no error, %v", in, got)
		}
	}
	for in, want := range map[string]string{
		"2026-11-23": "2026-11-23T00:00:00Z", "2026-11-23T08:28Z": "2026-11-23T08:28:00Z", "2026-11-23 08:28": "2026-11-23T08:28:00Z",
	} {
		if got, err := parseTime(in); err != nil || FormatTime(got) != want {
			t.Errorf("%q: got %v, error %v", in, got, err)
		}
	}
	if got := FormatTime(want.In(time.FixedZone("x", 3600)).Add(900 * time.Millisecond)); got != "2026-11-23T08:28:21Z" {
		t.Errorf("FormatTime: %s", got)
	}
}

func TestTime(t *testing.T) {
	for in, want := range map[string]string{
		`"2026-11-23T08:28:21UTC"`: "2026-11-23T08:28:21Z",
		`1795422501000`:            "2026-11-23T08:28:21Z", // JavaScript's Date.now()
		`1795422501.5`:             "2026-11-23T08:28:21Z",
		`1.795422501e12`:           "2026-11-23T08:28:21Z",
		`4070908800`:               "2099-01-01T00:00:00Z",
		`null`:                     "0001-01-01T00:00:00Z",
		`""`:                       "0001-01-01T00:00:00Z",
		`-1`:                       "", `1e300`: "", `true`: "", `{}`: "", `["2026-11-23T08:28:21Z"]`: "", `"soon"`: "",
	} {
		got, err := Object{{"k", json.RawMessage(in)}}.Time("k")
		if want == "" {
			if err == nil {
				t.Errorf("%s: no error, %v", in, got)
			}
		} else if err != nil || FormatTime(got) != want {
			t.Errorf("%s: got %v, error %v", in, got, err)
		}
	}
	if got, err := (Object{}).Time("k"); err != nil || !got.IsZero() {
		t.Errorf("missing: %v, %v", got, err)
	}
}

func FuzzParseObject(f *testing.F) {
	f.Add([]byte(`{"startUrl": "https://x", "k": [1, {"a": null}], "k": 2}`))
	f.Add([]byte(`{"\u00e9\ud800": "\ud83d\ude00"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		o, err := ParseObject(data)
		if err != nil {
			return
		}
		for _, text := range [][]byte{o.Append(nil), o.appendMinified(nil)} {
			again, err := ParseObject(text)
			if err != nil {
				t.Fatalf("%s: error %v", text, err)
			}
			if diff := cmp.Diff(o, again); diff != "" {
				t.Fatal(diff)
			}
			if !json.Valid(text) {
				t.Fatalf("not JSON: %s", text)
			}
		}
	})
}

// FuzzParseTime checks that a date has the same value in all formats, and the same value as
// in the standard library if that can parse it.
func FuzzParseTime(f *testing.F) {
	for _, s := range []string{
		"2026-11-23T08:28:21Z", "2026-11-23T08:28:21UTC", "2026-11-23 08:28:21.5+01:00", "2026-11-23T08:28:21", "2026-11-23T08:28:21-0700",
		"1969-12-31T23:59:59Z", "9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00Z", "2026-02-29T00:00:00Z", "1795700000", "", "tomorrow",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := parseTime(s)
		if err != nil {
			if !got.IsZero() {
				t.Fatal("both an error and a date")
			}
			return
		}
		if y := got.Year(); y < 1970 || y > 9999 || got.Nanosecond() != 0 || got.Location() != time.UTC {
			t.Fatalf("%q is %v", s, got)
		}
		if again, err := parseTime(FormatTime(got)); err != nil || !again.Equal(got) {
			t.Fatalf("%q is %v, written and parsed again %v, %v", s, got, again, err)
		}
		if std, err := time.Parse(time.RFC3339, s); err == nil && !std.Truncate(time.Second).Equal(got) {
			t.Fatalf("%q is %v, in the standard library %v", s, got, std)
		}
	})
}
