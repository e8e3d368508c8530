package dockerconfig_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

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

const pair = `"` + hostA + `": "ecr-sso"`

// layoutCases are the test cases of TestApplyPreservesLayout.
var layoutCases = []struct{ name, old, want string }{
	{"empty file", "", "{\n\t\"credHelpers\": {\n\t\t" + pair + "\n\t}\n}"},
	{"empty object with its last newline", "{}\n", "{\n\t\"credHelpers\": {\n\t\t" + pair + "\n\t}\n}\n"},
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
	{"one line without credHelpers", `{"credsStore":"pass"}`, `{"credsStore":"pass","credHelpers":{"` + hostA + `":"ecr-sso"}}`},
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
		"white space in unusual places", "{ \"a\" : \"\\\"}\" ,\n\"credHelpers\" : { \"gcr.io\" : \"gcloud\" } }",
		"{ \"a\" : \"\\\"}\" ,\n\"credHelpers\" : { \"gcr.io\" : \"gcloud\", \"" + hostA + "\" : \"ecr-sso\" } }",
	},
}

func TestApplyPreservesLayout(t *testing.T) {
	for _, tt := range layoutCases {
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
				t.Errorf("removing does not restore the old file:\n%s", text(t, path))
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

func TestApplyRefusesFilesThatItCannotPreserve(t *testing.T) {
	tests := []struct {
		name, text string
		want       error
		says       string
	}{
		{"byte-order mark", "\xef\xbb\xbf{}", dockerconfig.ErrNotJSON, "byte-order mark"},
		{"comment", "{\n// mine\n}", dockerconfig.ErrNotJSON, "line 2"},
		{"trailing comma", "{\"a\": 1,}", dockerconfig.ErrNotJSON, "line 1"},
		{"text after the object", "{} x", dockerconfig.ErrNotJSON, ""},
		{"half a file", "{\"auths\": {", dockerconfig.ErrNotJSON, ""},
		{"null", "null", dockerconfig.ErrUnexpected, "not contain a JSON object"},
		{"list", "[]", dockerconfig.ErrUnexpected, "not contain a JSON object"},
		{"credHelpers null", `{"credHelpers": null}`, dockerconfig.ErrUnexpected, "credHelpers is not an object"},
		{"credHelpers a list", `{"credHelpers": []}`, dockerconfig.ErrUnexpected, "credHelpers is not an object"},
		{"credHelpers twice", `{"credHelpers": {}, "credHelpers": {}}`, dockerconfig.ErrUnexpected, "twice"},
		{"credHelpers twice in two cases", `{"credHelpers": {}, "credhelpers": {}}`, dockerconfig.ErrUnexpected, "twice"},
		{"credHelpers twice, once escaped", `{"credHelpers": {}, "cred\u0048elpers": {}}`, dockerconfig.ErrUnexpected, "twice"},
		{"host twice", `{"credHelpers": {"a.io": "x", "a.io": "y"}}`, dockerconfig.ErrUnexpected, `"a.io" twice`},
		{"helper that is not a string", `{"credHelpers": {"a.io": 1}}`, dockerconfig.ErrUnexpected, `"a.io"`},
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

func TestApplyCreatesFileAndDirectoryAsDockerDoes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), ".docker")
	path := filepath.Join(dir, "config.json")
	if _, err := dockerconfig.Apply(t.Context(), path, filepath.Join(t.TempDir(), "lock"), ask(hostA)); err != nil {
		t.Fatal(err)
	}
	checkMode(t, dir, 0o700)
	checkMode(t, path, 0o600)
}

func TestApplyDoesNotWriteWhenNothingChanges(t *testing.T) {
	path := file(t, `{"credHelpers":{"`+hostA+`":"ecr-sso"}}`)
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dockerconfig.Apply(t.Context(), path, "", ask(hostA)); err != nil {
		t.Fatal(err)
	}
	after, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if !os.SameFile(before, after) {
		t.Error("the file was replaced")
	}
}

func TestApplyFollowsLinksAndKeepsMode(t *testing.T) {
	target := file(t, "{}")
	if err := os.Chmod(target, 0o640); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "config.json")
	if err := os.Symlink(target, link); err != nil {
		t.Skip("no symbolic links here:", err)
	}
	if _, err := dockerconfig.Apply(t.Context(), link, "", ask(hostA)); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is gone: %v %v", info, err)
	}
	if !strings.Contains(text(t, target), hostA) {
		t.Error("the target has no entry")
	}
	checkMode(t, target, 0o640)
}

func TestApplyGivesUpWhenLockIsHeld(t *testing.T) {
	path, lock := file(t, "{}"), filepath.Join(t.TempDir(), "lock")
	held := hold(t, lock)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := dockerconfig.Apply(ctx, path, lock, ask(hostA)); !errors.Is(err, dockerconfig.ErrBusy) {
			t.Errorf("err = %v", err)
		}
	})
	if text(t, path) != "{}" {
		t.Error("the file changed")
	}
	held()
}

func TestParallelApplyLosesNoEntry(t *testing.T) {
	path, lock := file(t, "{}"), filepath.Join(t.TempDir(), "lock")
	const n = 20
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			if _, err := dockerconfig.Apply(t.Context(), path, lock, ask(fmt.Sprintf("h%d.io", i))); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	c, err := dockerconfig.Load(path)
	if err != nil || len(c.CredHelpers) != n {
		t.Errorf("%d entries of %d, %v", len(c.CredHelpers), n, err)
	}
}

func TestDiffShowsChangedEntriesOnly(t *testing.T) {
	const text = `{"auths":{"x.io":{"auth":"c2VjcmV0"}},"credHelpers":{"gcr.io":"gcloud","` + hostB + `":"ecr-login","old.io":"ecr-sso"}}`
	path := file(t, text)
	c, err := dockerconfig.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	for want, r := range map[string]dockerconfig.Request{
		`+ "` + hostA + `": "ecr-sso"` + "\n":                                           {Helper: "ecr-sso", Add: []string{hostA}},
		`- "old.io": "ecr-sso"` + "\n":                                                  {Helper: "ecr-sso", Remove: []string{"old.io", "none.io"}},
		`- "` + hostB + `": "ecr-login"` + "\n" + `+ "` + hostB + `": "ecr-sso"` + "\n": {Helper: "ecr-sso", Add: []string{hostB}, Overwrite: true},
		"": {Helper: "ecr-sso", Add: []string{"old.io"}},
	} {
		p, err := c.Plan(r)
		if err != nil {
			t.Fatal(err)
		}
		if want != "" {
			want = "credHelpers in " + path + ":\n" + want
		}
		if diff := cmp.Diff(want, p.Diff()); diff != "" {
			t.Errorf("%+v: got %s", r, diff)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != text || string(p.Old) != text {
			t.Errorf("%+v: the file changed: %q, %v", r, got, err)
		}
	}
}
