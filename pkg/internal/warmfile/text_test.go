package warmfile

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func example() Entry {
	return Entry{
		Key:  Key("123456789012.dkr.ecr.us-east-1.amazonaws.com", "HOME=/home/a b\nAWS_PROFILE=prod\n"),
		From: 1764000000, Until: 1764040000, Login: "0a-0b.v1.json",
		Before: `{"host":"h","password":"`, After: `","expires_at":"2026-11-26T04:10:59Z"}`,
		Files: []File{{"/home/a b/.aws/config", "fe00.1.2.3.4"}, {"/home/a b/.aws/credentials", Missing}},
	}
}

func parse(text, key string) (e Entry, ok bool) {
	ok = e.Parse(text, key)
	return e, ok
}

func TestEntryRoundTrip(t *testing.T) {
	for what, spoil := range map[string]func(*Entry){
		"example":              func(*Entry) {},
		"no environment":       func(e *Entry) { e.Key = Key("h", "") },
		"no files":             func(e *Entry) { e.Files = nil },
		"dates at their edges": func(e *Entry) { e.From, e.Until = 0, 1<<60-1 },
	} {
		e := example()
		spoil(&e)
		text, ok := Marshal(e)
		if !ok {
			t.Errorf("%s: cannot be written", what)
			continue
		}
		got, ok := parse(text, e.Key)
		if diff := cmp.Diff(e, got); !ok || diff != "" {
			t.Errorf("%s: %v %s", what, ok, diff)
		}
	}
}

func TestEntriesThatCannotBeWritten(t *testing.T) {
	for what, spoil := range map[string]func(*Entry){
		"line break in a path":      func(e *Entry) { e.Files[0].Path = "/a\nb" },
		"a NUL in the frame":        func(e *Entry) { e.Before = "\x00" },
		"line break in the frame":   func(e *Entry) { e.After = "\n" },
		"blank in a state":          func(e *Entry) { e.Files[0].State = "a b" },
		"no state":                  func(e *Entry) { e.Files[0].State = "" },
		"time before 1970":          func(e *Entry) { e.From = -1 },
		"key of another version":    func(e *Entry) { e.Key = strings.Replace(e.Key, "warm 4", "warm 3", 1) },
		"more than an entry may be": func(e *Entry) { e.Before = strings.Repeat("x", MaxSize) },
		"empty key":                 func(e *Entry) { e.Key = "" },
	} {
		e := example()
		spoil(&e)
		if _, ok := Marshal(e); ok {
			t.Errorf("%s: was written", what)
		}
	}
}

// An entry with a changed bit is rejected. An incomplete entry is rejected too.
func TestChangedEntriesAreRefused(t *testing.T) {
	e := example()
	text, _ := Marshal(e)
	for i := range len(text) {
		for bit := range 8 {
			b := []byte(text)
			b[i] ^= 1 << bit
			if _, ok := parse(string(b), e.Key); ok {
				t.Fatalf("bit %d of byte %d (%q)", bit, i, text[i])
			}
		}
		if _, ok := parse(text[:i], e.Key); ok {
			t.Fatalf("cut at %d", i)
		}
	}
	for what, s := range map[string]string{
		"empty": "", "text behind": text + "\n", "twice": text + text, "NUL behind": text + "\x00",
	} {
		if _, ok := parse(s, e.Key); ok {
			t.Error(what)
		}
	}
}

func TestAnotherKeyIsRefused(t *testing.T) {
	e := example()
	text, _ := Marshal(e)
	for _, key := range []string{
		"", Key("123456789012.dkr.ecr.us-east-1.amazonaws.com", "HOME=/home/a b\n"),
		Key("123456789012.dkr.ecr.us-east-1.amazonaws.com", "HOME=/home/a b\nAWS_PROFILE=prod\nX=1\n"),
		Key("210987654321.dkr.ecr.us-east-1.amazonaws.com", "HOME=/home/a b\nAWS_PROFILE=prod\n"), text,
	} {
		if _, ok := parse(text, key); ok {
			t.Errorf("read with the key %q", key)
		}
	}
}

// FuzzParse changes an entry and adds the correct sum again, which no accident does.
// Parse may then accept only a text that Marshal returns, so no entry has two forms.
// Without the new sum, Parse must reject the text unless it is unchanged.
func FuzzParse(f *testing.F) {
	text, _ := Marshal(example())
	f.Add(text)
	f.Add(strings.Replace(text, "fe00", "fe01", 1))
	f.Add("")
	f.Add("0\n0\n\n\n\n\x00\n")         // Marshal never writes NUL
	f.Add("00\n0\n\n\n\n\n")            // a number has only one form
	f.Add("0\n0\n\n\n\n\n /no-state\n") // a file needs a state
	f.Fuzz(func(t *testing.T, s string) {
		key := example().Key
		if got, ok := parse(s, key); ok {
			if again, ok := Marshal(got); !ok || again != s {
				t.Fatalf("%q reads as %+v, which is spelled %q", s, got, again)
			}
		}
		body := s
		if !strings.HasPrefix(body, key) {
			body = key + body
		}
		sealed := body + string(appendHex16(nil, sum(body))) + "\n"
		got, ok := parse(sealed, key)
		if !ok {
			return
		}
		if again, ok := Marshal(got); !ok || again != sealed {
			t.Fatalf("%q reads as %+v, which is spelled %q", sealed, got, again)
		}
	})
}
