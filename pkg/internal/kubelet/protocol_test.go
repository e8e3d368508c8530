package kubelet

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const v1 = `"kind":"CredentialProviderRequest","apiVersion":"credentialprovider.kubelet.k8s.io/v1"`

func TestParse(t *testing.T) {
	for _, tt := range []struct{ name, text, err string }{
		{"request", `{` + v1 + `,"image":"a.example.com/b"}`, ""},
		{"spaces and line ends", "\n { " + v1 + " , \"image\" : \"a\" } \n\n", ""},
		{"field of a newer kubelet", `{` + v1 + `,"image":"a","later":{"image":1}}`, ""},
		{"with a service account", `{` + v1 + `,"image":"a","serviceAccountToken":"x","serviceAccountAnnotations":{"b":"c"}}`, ""},
		{"null annotations", `{` + v1 + `,"image":"a","serviceAccountAnnotations":null}`, ""},
		{"another case is another field", `{` + v1 + `,"Image":"a"}`, "the request names no image"},
		{"no image", `{` + v1 + `}`, "the request names no image"},
		{"empty image", `{` + v1 + `,"image":""}`, "the request names no image"},
		{"number as image", `{` + v1 + `,"image":1}`, "stdin is not a CredentialProviderRequest: image has the wrong type"},
		{"secret of the wrong type", `{` + v1 + `,"image":"a","serviceAccountToken":["hidden"]}`, "stdin is not a CredentialProviderRequest: serviceAccountToken has the wrong type"},
		{"field twice", `{` + v1 + `,"image":"a","image":"a"}`, "stdin is not a CredentialProviderRequest: a field occurs twice"},
		{"another kind", `{"kind":"Pod"}`, `stdin is not a CredentialProviderRequest: its kind is "Pod"`},
		{"response", `{"kind":"CredentialProviderResponse"}`, `stdin is not a CredentialProviderRequest: its kind is "CredentialProviderResponse"`},
		{"another version", `{"kind":"CredentialProviderRequest","apiVersion":"v1","image":"a"}`,
			`apiVersion "v1" is not one of credentialprovider.kubelet.k8s.io/v1, credentialprovider.kubelet.k8s.io/v1beta1, credentialprovider.kubelet.k8s.io/v1alpha1`},
		{"list", `[]`, "stdin is not a CredentialProviderRequest: it is not one JSON object"},
		{"nothing", ``, "stdin is not a CredentialProviderRequest: it is not one JSON object"},
		{"host", `123456789012.dkr.ecr.us-east-1.amazonaws.com`, "stdin is not a CredentialProviderRequest: it is not one JSON object"},
		{"cut", `{` + v1 + `,"image":"a"`, "stdin is not a CredentialProviderRequest: it is not one JSON object"},
		{"more after it", `{` + v1 + `,"image":"a"} x`, "stdin is not a CredentialProviderRequest: it is not one JSON object"},
		{"YAML", "kind: CredentialProviderRequest\n", "stdin is not a CredentialProviderRequest: it is not one JSON object"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse([]byte(tt.text))
			if got := errText(err); got != tt.err {
				t.Errorf("err = %q, want %q", got, tt.err)
			}
		})
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestHost(t *testing.T) {
	for image, want := range map[string]string{
		"a.example.com/b":                "a.example.com",
		"a.example.com:8443/b/c:v1":      "a.example.com:8443",
		"a.example.com/b@sha256:0123":    "a.example.com",
		"https://a.example.com/b":        "a.example.com", // accepted by the reference implementation
		"a.example.com":                  "a.example.com",
		"nginx":                          "nginx",
		"/b":                             "",
		"user@a.example.com/b":           "user@a.example.com",
		"a.example.com\n.evil.example/b": "",
		"a.example.com/b\r\nHost: c":     "",
		"a.example.com/%2e":              "",
		"a.example.com/b_c-d.e/f":        "a.example.com",
	} {
		if got := (Request{image: image}).Host(); got != want {
			t.Errorf("%q: %q, want %q", image, got, want)
		}
	}
}

func TestAnswerHasRequestVersion(t *testing.T) {
	for _, tt := range []struct {
		keep time.Duration
		want string
	}{{11*time.Hour + 50*time.Minute, "11h50m0s"}, {0, "0s"}, {-time.Hour, "0s"}, {1500 * time.Millisecond, "1s"}} {
		for _, version := range versions {
			out, err := Request{apiVersion: version}.answer(map[string]auth{"h": {"AWS", "p"}}, tt.keep)
			if err != nil {
				t.Fatal(err)
			}
			var got map[string]any
			if err := json.Unmarshal(out, &got); err != nil {
				t.Fatal(err)
			}
			want := map[string]any{
				"kind": "CredentialProviderResponse", "apiVersion": version, "cacheKeyType": "Registry", "cacheDuration": tt.want,
				"auth": map[string]any{"h": map[string]any{"username": "AWS", "password": "p"}},
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{`{` + v1 + `,"image":"a.example.com/b"}`, `{` + v1 + `,"image":"a","image":"b"}`, `{}`, `[`, "",
		`{` + v1 + `,"image":"a","serviceAccountToken":"x","serviceAccountAnnotations":{"b":"c"}}`, `{"kind":null}`, `{"a":1}{`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := Parse(data)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("an error of several lines: %q", err)
			}
			return
		}
		// A lenient decoder must parse an accepted request to the same values.
		var loose struct {
			Kind       string `json:"kind"`
			APIVersion string `json:"apiVersion"`
		}
		if json.Unmarshal(data, &loose) != nil || r.image == "" || !strings.HasPrefix(r.apiVersion, group) {
			t.Errorf("%q accepted", data)
		}
	})
}
