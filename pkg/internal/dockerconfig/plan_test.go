package dockerconfig_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/dockerconfig"
)

const (
	hostA = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
	hostB = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
)

// file writes a config.json and returns its path.
func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func text(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func ask(add ...string) dockerconfig.Request {
	return dockerconfig.Request{Helper: "ecr-sso", Add: add}
}

func TestApplyKeepsTheLayoutItFinds(t *testing.T) {
	const pair = `"` + hostA + `": "ecr-sso"`
	tests := []struct{ name, old, want string }{
		{"an empty file", "", "{\n\t\"credHelpers\": {\n\t\t" + pair + "\n\t}\n}"},
		{"an empty object with its last newline", "{}\n", "{\n\t\"credHelpers\": {\n\t\t" + pair + "\n\t}\n}\n"},
		{
			"tabs as docker writes them", "{\n\t\"auths\": {},\n\t\"x\": 1.50\n}",
			"{\n\t\"auths\": {},\n\t\"x\": 1.50,\n\t\"credHelpers\": {\n\t\t" + pair + "\n\t}\n}",
		},
		{
			"two blanks and a last newline", "{\n  \"auths\": {}\n}\n",
			"{\n  \"auths\": {},\n  \"credHelpers\": {\n    " + pair + "\n  }\n}\n",
		},
		{
			"Windows line ends", "{\r\n\t\"auths\": {}\r\n}\r\n",
			"{\r\n\t\"auths\": {},\r\n\t\"credHelpers\": {\r\n\t\t" + pair + "\r\n\t}\r\n}\r\n",
		},
		{
			"one line without blanks", `{"auths":{},"credHelpers":{"gcr.io":"gcloud"}}`,
			`{"auths":{},"credHelpers":{"gcr.io":"gcloud","` + hostA + `":"ecr-sso"}}`,
		},
		{
			"one line with blanks", `{"credHelpers": {"gcr.io": "gcloud"}}`,
			`{"credHelpers": {"gcr.io": "gcloud", ` + pair + `}}`,
		},
		{"one line, nothing in it for us", `{"credsStore":"pass"}`, `{"credsStore":"pass","credHelpers":{"` + hostA + `":"ecr-sso"}}`},
		{
			"an empty credHelpers", "{\n\t\"credHelpers\": {},\n\t\"z\": [1, {\"a\": \"}\"}]\n}",
			"{\n\t\"credHelpers\": {\n\t\t" + pair + "\n\t},\n\t\"z\": [1, {\"a\": \"}\"}]\n}",
		},
		{
			"entries of other helpers, in their order", "{\n\t\"credHelpers\": {\n\t\t\"z.io\": \"z\",\n\t\t\"a.io\": \"a\"\n\t}\n}",
			"{\n\t\"credHelpers\": {\n\t\t\"z.io\": \"z\",\n\t\t\"a.io\": \"a\",\n\t\t" + pair + "\n\t}\n}",
		},
		{
			"a key in another case, which docker reads too", `{"CREDHELPERS":{"gcr.io":"gcloud"}}`,
			`{"CREDHELPERS":{"gcr.io":"gcloud","` + hostA + `":"ecr-sso"}}`,
		},
		{
			"blanks in odd places", "{ \"a\" : \"\\\"}\" ,\n\"credHelpers\" : { \"gcr.io\" : \"gcloud\" } }",
			"{ \"a\" : \"\\\"}\" ,\n\"credHelpers\" : { \"gcr.io\" : \"gcloud\", \"" + hostA + "\" : \"ecr-sso\" } }",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := file(t, tt.old)
			p, err := dockerconfig.Apply(t.Context(), path, "", ask(hostA))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, text(t, path)); diff != "" {
				t.Errorf("file (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]string{hostA}, p.Added); diff != "" {
				t.Error(diff)
			}
			again, err := dockerconfig.Apply(t.Context(), path, "", ask(hostA))
			if err != nil || again.Changed() {
				t.Errorf("second run: changed %v, err %v", again.Changed(), err)
			}
			back, err := dockerconfig.Apply(t.Context(), path, "", dockerconfig.Request{Helper: "ecr-sso", Remove: []string{hostA}})
			if err != nil {
				t.Fatal(err)
			}
			c, err := dockerconfig.Load(path)
			if err != nil || c.CredHelpers[hostA] != "" || !cmp.Equal(back.Removed, []string{hostA}) {
				t.Errorf("after the removal: %+v, %v", c, err)
			}
			if !strings.Contains(tt.old, `"credHelpers": {}`) && len(strings.TrimSpace(tt.old)) > 2 && text(t, path) != tt.old {
				t.Errorf("removing does not give the old file back:\n%s", text(t, path))
			}
		})
	}
}

func TestApplyRemovesAnyOfSeveral(t *testing.T) {
	const all = "{\n\t\"credHelpers\": {\n\t\t\"a.io\": \"ecr-sso\",\n\t\t\"b.io\": \"ecr-sso\",\n\t\t\"c.io\": \"ecr-sso\"\n\t}\n}\n"
	for _, host := range []string{"a.io", "b.io", "c.io"} {
		path := file(t, all)
		if _, err := dockerconfig.Apply(t.Context(), path, "", dockerconfig.Request{Helper: "ecr-sso", Remove: []string{host}}); err != nil {
			t.Fatal(err)
		}
		lines := strings.SplitAfter(all, "\n")
		var want strings.Builder
		for _, line := range lines {
			if !strings.Contains(line, host) {
				want.WriteString(line)
			}
		}
		fixed := strings.Replace(want.String(), "\",\n\t}", "\"\n\t}", 1)
		if diff := cmp.Diff(fixed, text(t, path)); diff != "" {
			t.Errorf("without %s (-want +got):\n%s", host, diff)
		}
	}
}

func TestApplyRefusesWhatItCannotKeep(t *testing.T) {
	tests := []struct {
		name, text string
		want       error
		says       string
	}{
		{"a byte-order mark", "\xef\xbb\xbf{}", dockerconfig.ErrNotJSON, "byte-order mark"},
		{"a comment", "{\n// mine\n}", dockerconfig.ErrNotJSON, "line 2"},
		{"a trailing comma", "{\"a\": 1,}", dockerconfig.ErrNotJSON, "line 1"},
		{"text behind the object", "{} x", dockerconfig.ErrNotJSON, ""},
		{"half a file", "{\"auths\": {", dockerconfig.ErrNotJSON, ""},
		{"null", "null", dockerconfig.ErrUnexpected, "no JSON object"},
		{"a list", "[]", dockerconfig.ErrUnexpected, "no JSON object"},
		{"credHelpers null", `{"credHelpers": null}`, dockerconfig.ErrUnexpected, "no object"},
		{"credHelpers a list", `{"credHelpers": []}`, dockerconfig.ErrUnexpected, "no object"},
		{"credHelpers twice", `{"credHelpers": {}, "credHelpers": {}}`, dockerconfig.ErrUnexpected, "twice"},
		{"credHelpers twice in two cases", `{"credHelpers": {}, "credhelpers": {}}`, dockerconfig.ErrUnexpected, "twice"},
		{"credHelpers twice, once escaped", `{"credHelpers": {}, "cred\u0048elpers": {}}`, dockerconfig.ErrUnexpected, "twice"},
		{"a host twice", `{"credHelpers": {"a.io": "x", "a.io": "y"}}`, dockerconfig.ErrUnexpected, `"a.io" twice`},
		{"a helper that is no text", `{"credHelpers": {"a.io": 1}}`, dockerconfig.ErrUnexpected, `"a.io"`},
		{"auths that docker cannot read", `{"auths": []}`, dockerconfig.ErrUnexpected, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := file(t, tt.text)
			_, err := dockerconfig.Apply(t.Context(), path, "", ask(hostA))
			if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.says) || !strings.HasPrefix(err.Error(), path) {
				t.Errorf("err = %v", err)
			}
			if got := text(t, path); got != tt.text {
				t.Errorf("the file became %q", got)
			}
		})
	}
}

func TestApplyStopsAtAnotherHelpersEntries(t *testing.T) {
	old := `{"credHelpers":{"` + hostA + `":"ecr-login","` + hostB + `":"ecr-sso"}}`
	path := file(t, old)
	_, err := dockerconfig.Apply(t.Context(), path, "", ask(hostA, hostB, "c.io"))
	conflict, ok := errors.AsType[*dockerconfig.ConflictError](err)
	if !ok || !cmp.Equal(conflict.Conflicts, []dockerconfig.Conflict{{Host: hostA, Helper: "ecr-login"}}) {
		t.Fatalf("err = %v", err)
	}
	if text(t, path) != old {
		t.Error("the file changed")
	}
	r := ask(hostA, hostB)
	r.Overwrite = true
	p, err := dockerconfig.Apply(t.Context(), path, "", r)
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.Replace(old, "ecr-login", "ecr-sso", 1); text(t, path) != want {
		t.Errorf("file is %s", text(t, path))
	}
	if !cmp.Equal(p.Replaced, []dockerconfig.Conflict{{Host: hostA, Helper: "ecr-login"}}) || !cmp.Equal(p.Unchanged, []string{hostB}) {
		t.Errorf("plan: %+v", p)
	}
	path = file(t, old)
	_, err = dockerconfig.Apply(t.Context(), path, "", dockerconfig.Request{Helper: "ecr-sso", Remove: []string{hostA}, Overwrite: true})
	if _, ok := errors.AsType[*dockerconfig.ConflictError](err); !ok || text(t, path) != old {
		t.Errorf("removed another helper's entry: %v", err)
	}
}

func TestApplyRefusesNamesThatDockerWouldNotFind(t *testing.T) {
	path := file(t, "{}")
	for _, r := range []dockerconfig.Request{
		ask("https://" + hostA), ask(hostA + "/v2/"), ask("A.io"), ask("a\nb"), ask(`a"b`), ask(""), ask("a.io:"),
		{Helper: "", Add: []string{hostA}}, {Helper: "../x", Add: []string{hostA}}, {Helper: "-x", Add: []string{hostA}},
	} {
		if _, err := dockerconfig.Apply(t.Context(), path, "", r); !errors.Is(err, dockerconfig.ErrBadName) {
			t.Errorf("%+v: err = %v", r, err)
		}
	}
	if text(t, path) != "{}" {
		t.Error("the file changed")
	}
}
