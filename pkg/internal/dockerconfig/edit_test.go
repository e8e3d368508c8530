package dockerconfig

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzEdit checks any file. Either the file is rejected, or all of these hold: everything
// except credHelpers is preserved byte for byte, the result contains the entry, a second
// edit changes nothing, and removing the entry restores the file.
func FuzzEdit(f *testing.F) {
	const host = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
	for _, seed := range []string{
		"", "{}", " {\n} ", `{"a":1}`, `{"credHelpers":{}}`, `{"credHelpers":{"a.io":"x"},"z":[{}]}`,
		"{\r\n  \"auths\": {\"h\": {\"auth\": \"\\\"}\"}},\r\n  \"credHelpers\" : {\r\n    \"" + host + "\": \"old\"\r\n  }\r\n}\r\n",
		`{"a":1,"a":2,"credHelpers":{"b.io":"c"}}`, "\xef\xbb\xbf{}", `{"credHelpers":null}`, `[{"credHelpers":{}}]`,
		"{\"a\" :\n1,\"b\":\ttrue}", `{"credhelper` + "\u017f" + `":{"b.io":"c"}}`, `{"":{"credHelpers":{"` + host + `":""}}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		before := bytes.Clone(data)
		c := Config{Path: "config.json", CredHelpers: map[string]string{}, data: data}
		if c.parse() != nil {
			return
		}
		p, err := c.Plan(Request{Helper: "ecr-sso", Add: []string{host}, Overwrite: true})
		if err != nil {
			t.Fatalf("readable, but not editable: %v", err)
		}
		if !bytes.Equal(before, data) {
			t.Fatal("the old text was changed in place")
		}
		sameRest(t, data, p.New)

		next := Config{Path: "config.json", CredHelpers: map[string]string{}, data: p.New}
		if err := next.parse(); err != nil || next.CredHelpers[host] != "ecr-sso" {
			t.Fatalf("%q: got %+v, error %v", p.New, next.CredHelpers, err)
		}
		again, err := next.Plan(Request{Helper: "ecr-sso", Add: []string{host}})
		if err != nil || again.Changed() {
			t.Fatalf("second time: changed %v, %v", again.Changed(), err)
		}
		back, err := next.Plan(Request{Helper: "ecr-sso", Remove: []string{host}})
		if err != nil {
			t.Fatal(err)
		}
		sameRest(t, data, back.New)
		if _, there := c.CredHelpers[host]; !there && len(c.CredHelpers) > 0 && !bytes.Equal(back.New, data) {
			t.Fatalf("after the removal:\n%q\n%q", data, back.New)
		}
		_ = p.Diff()
	})
}

// sameRest compares the text of all other keys, in order, and the text before and after the
// object.
func sameRest(t *testing.T, a, b []byte) {
	t.Helper()
	if diff := cmp.Diff(rest(t, a), rest(t, b)); diff != "" {
		t.Fatalf("another part of the file changed:\n%q\n%q\n%s", a, b, diff)
	}
}

func rest(t *testing.T, data []byte) []string {
	t.Helper()
	if len(bytes.TrimSpace(data)) == 0 {
		return []string{"", ""}
	}
	d, err := outline(data)
	if err != nil {
		t.Fatal(err)
	}
	out := []string{string(data[:d.top.open]), string(data[d.top.close+1:])}
	for _, m := range d.top.members {
		if strings.EqualFold(m.name, "credHelpers") {
			continue
		}
		if !json.Valid(data[m.value.from:m.value.to]) {
			t.Fatalf("%q is not a value", data[m.value.from:m.value.to])
		}
		out = append(out, string(data[m.key.from:m.value.to]))
	}
	return out
}
