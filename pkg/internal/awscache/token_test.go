package awscache

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

// cliFile is a token file exactly as written by AWS CLI 2.36.
const cliFile = `{"startUrl": "https://my-portal.awsapps.com/start", "region": "us-east-1", "accessToken": "AT", "expiresAt": "2026-11-23T08:28:21Z", ` +
	`"clientId": "CID", "clientSecret": "CSECRET", "registrationExpiresAt": "2027-02-21T00:28:21Z", "refreshToken": "RT"}`

var expiry = time.Date(2026, 11, 23, 8, 28, 21, 0, time.UTC)

func cliToken() Token {
	return Token{
		StartURL: "https://my-portal.awsapps.com/start", Region: "us-east-1",
		AccessToken: secret.New("AT"), ExpiresAt: expiry,
		ClientID: "CID", ClientSecret: secret.New("CSECRET"),
		RegistrationExpiresAt: time.Date(2027, 2, 21, 0, 28, 21, 0, time.UTC),
		RefreshToken:          secret.New("RT"),
	}
}

func diff(want, got Token) string {
	return cmp.Diff(want, got, cmp.AllowUnexported(Token{}), cmp.Comparer(secret.Secret.Equal))
}

// file writes content to a token file in a new home directory.
func file(t *testing.T, content string) string {
	t.Helper()
	path := must(TokenPath(t.TempDir(), "my-sso"))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTokenPath(t *testing.T) {
	for key, want := range map[string]string{
		"my-sso":                                "0ad374308c5a4e22f723adf10145eafad7c4031c",
		"https://my-portal.awsapps.com/start":   "79461503020acf8488a5104359fd5c903aa41b8b",
		"https://my-portal.awsapps.com/start/":  "99c58ab8368af39a7d1e1c9e2c5cafc11effdc6d",
		"https://my-portal.awsapps.com/start#/": "a09780351eac00c390291baefd0f5c80dde430df",
	} {
		if got, want := must(TokenPath("/h", key)), filepath.Join("/h", ".aws", "sso", "cache", want+".json"); got != want {
			t.Errorf("%s: got %s, want %s", key, got, want)
		}
	}
	for _, hostile := range []string{"", "..", "../../../etc/passwd", "a/b", "C:\\x", "\x00", strings.Repeat("x", 10_000)} {
		if got := filepath.Dir(must(TokenPath("/h", hostile))); got != filepath.Join("/h", ".aws", "sso", "cache") {
			t.Errorf("%.20q leads to %s", hostile, got)
		}
	}
}

func TestTokenFileMatchesAWSCLI(t *testing.T) {
	got, err := ReadToken(file(t, cliFile))
	if err != nil {
		t.Fatal(err)
	}
	if diff := diff(cliToken(), got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(cliFile, string(MarshalToken(got))); diff != "" {
		t.Error(diff)
	}
	path := must(TokenPath(filepath.Join(t.TempDir(), "home"), "new"))
	if err := WriteToken(path, got); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(cliFile, string(data)); diff != "" {
		t.Error(diff)
	}
	if runtime.GOOS != "windows" {
		for p, want := range map[string]fs.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
			if info, err := os.Stat(p); err != nil || info.Mode().Perm() != want {
				t.Errorf("%s: got %v, error %v", p, info.Mode(), err)
			}
		}
	}
}

func TestMarshal(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{
			"a legacy token without client",
			`{"startUrl": "https://x/start#/", "region": "eu-west-1", "accessToken": "AT", "expiresAt": "2026-11-23T08:28:21UTC"}`,
			`{"startUrl": "https://x/start#/", "region": "eu-west-1", "accessToken": "AT", "expiresAt": "2026-11-23T08:28:21Z"}`,
		},
		{
			"the Go SDK's order, with fields of another program",
			`{"accessToken":"A\u003cT","custom":{"a" : [1.0, null]},"expiresAt":"2026-11-23T08:28:21.355Z","AccessToken":"other","zz":"\u00e9"}` + "\n",
			`{"accessToken": "A<T", "expiresAt": "2026-11-23T08:28:21Z", "custom": {"a" : [1.0, null]}, "AccessToken": "other", "zz": "\u00e9"}`,
		},
		{
			"text beyond ASCII is escaped as by Python, null is nothing",
			`{"startUrl": "https://ü/😀", "accessToken": "AT", "expiresAt": "2026-11-23T10:28:21+02:00", "refreshToken": null}`,
			`{"startUrl": "https://\u00fc/\ud83d\ude00", "accessToken": "AT", "expiresAt": "2026-11-23T08:28:21Z"}`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tok, err := parseToken([]byte(tt.in))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, string(MarshalToken(tok))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDates(t *testing.T) {
	tok := cliToken()
	east := time.FixedZone("east", 14*3600)
	tests := []struct {
		name        string
		left        time.Duration
		live, needs bool
	}{
		{"one hour left", time.Hour, true, false},
		{"exactly five minutes left", 5 * time.Minute, true, false},
		{"one second less than five minutes left", 5*time.Minute - time.Second, true, true},
		{"one second left", time.Second, true, true},
		{"expired at this moment", 0, false, true},
		{"expired long ago", -time.Hour, false, true},
	}
	for _, tt := range tests {
		now := expiry.Add(-tt.left).In(east)
		if tok.Live(now) != tt.live || tok.needsRefresh(now) != tt.needs {
			t.Errorf("%s: Live %v, needsRefresh %v", tt.name, tok.Live(now), tok.needsRefresh(now))
		}
	}
	if (Token{ExpiresAt: expiry}).Live(expiry.Add(-time.Hour)) {
		t.Error("live without an access token")
	}
}

func TestRefreshable(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Token)
		want   bool
	}{
		{"all there", func(*Token) {}, true},
		{"no refresh token", func(t *Token) { t.RefreshToken = secret.Secret{} }, false},
		{"no client id", func(t *Token) { t.ClientID = "" }, false},
		{"no client secret", func(t *Token) { t.ClientSecret = secret.Secret{} }, false},
		{"expiry of the registration is unknown", func(t *Token) { t.RegistrationExpiresAt = time.Time{} }, true},
		{"registration expires now", func(t *Token) { t.RegistrationExpiresAt = expiry }, false},
		{"registration has expired", func(t *Token) { t.RegistrationExpiresAt = expiry.Add(-time.Hour) }, false},
	}
	for _, tt := range tests {
		tok := cliToken()
		tt.change(&tok)
		if got := tok.Refreshable(expiry); got != tt.want {
			t.Errorf("%s: got %v", tt.name, got)
		}
	}
}

func FuzzParseToken(f *testing.F) {
	f.Add([]byte(cliFile))
	f.Add([]byte(`{"accessToken":"A","expiresAt":"2026-11-23T08:28:21.5UTC","x":{"y":[1]},"X":2,"refreshToken":null}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, data []byte) {
		tok, err := parseToken(data)
		if err != nil {
			return
		}
		text := MarshalToken(tok)
		again, err := parseToken(text)
		if err != nil {
			t.Fatalf("%s: error %v", text, err)
		}
		if !again.foreign { // a value of an unexpected type is not written
			tok.foreign = false
		}
		if diff := diff(tok, again); diff != "" {
			t.Fatal(diff)
		}
		if !bytes.Equal(text, MarshalToken(again)) {
			t.Fatal("second marshal differs")
		}
		in, _ := ParseObject(data)
		out, _ := ParseObject(text)
		for _, m := range in {
			if !known(m.Key) && !bytes.Equal(out.Get(m.Key), m.Value) {
				t.Fatalf("field %q: %s became %s", m.Key, m.Value, out.Get(m.Key))
			}
		}
	})
}

// must returns a path. The tests always have a home directory.
func must(path string, err error) string {
	if err != nil {
		panic(err)
	}
	return path
}
