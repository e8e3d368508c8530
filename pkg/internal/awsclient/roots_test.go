package awsclient

import (
	"crypto/x509"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
)

// bundle writes the certificate of w's CA to a file, alone or in a bundle as large as a
// system's.
func bundle(t *testing.T, w *world, large bool) string {
	t.Helper()
	pem, err := os.ReadFile(w.CAFile())
	if large {
		pem, err = w.SystemBundle()
	}
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "bundle.crt")
	if err := os.WriteFile(path, pem, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// withOther returns a directory with the bundle of one CA and the certificate of another.
func withOther(t *testing.T, one, other *world) string {
	t.Helper()
	dir := t.TempDir()
	var text []byte
	for _, path := range []string{bundle(t, one, true), bundle(t, other, false)} {
		pem, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, pem...)
	}
	if err := os.WriteFile(filepath.Join(dir, "bundle.crt"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// A certificate from an earlier file is not parsed again. The rest of the text is
// unchanged.
func TestFreshCertificates(t *testing.T) {
	block := func(body string) string {
		return "-----BEGIN CERTIFICATE-----\n" + body + "\n-----END CERTIFICATE-----"
	}
	a, b, d := block("AAAA"), block("BBBB"), block("DDDD")
	other := "-----BEGIN X509 CRL-----\nCCCC\n-----END X509 CRL-----\n"
	c := newCertificates(x509.NewCertPool())
	for _, step := range []struct{ name, text, want string }{
		{"the first file", "# one\n" + a + "\n# two\n" + b + "\n", "# one\n" + a + "\n# two\n" + b + "\n"},
		{"the same again", a + "\n" + b + "\n", ""},
		{"another comment and no last line end", "# another\n" + b, ""},
		{"one more in the middle", a + "\n" + d + "\n" + b + "\n", "\n" + d},
		{"twice in one file", block("EEEE") + "\n" + block("EEEE"), block("EEEE")},
		{"Windows line ends are another text", strings.ReplaceAll(a, "\n", "\r\n"), strings.ReplaceAll(a, "\n", "\r\n")},
		{"another type of block", other + block("FFFF"), other + block("FFFF")},
		{"an incomplete block", a[:40], a[:40]},
		{"no block", "text\n", "text\n"},
		{"nothing", "", ""},
	} {
		if got := string(c.fresh([]byte(step.text))); got != step.want {
			t.Errorf("%s: %q, want %q", step.name, got, step.want)
		}
	}
}

// For each location of the server's CA, there is a single connection, preopened or not, to
// AWS or to a company page.
func TestOneHandshakeForAllRootLocations(t *testing.T) {
	w, other := newWorld(t, awstest.Options{}), newWorld(t, awstest.Options{})
	const host = "start.corp.example"
	w.AddVanityHost(host, startURL)
	link := func(to string) string {
		dir := t.TempDir()
		if err := os.Symlink(to, filepath.Join(dir, "corp.pem")); err != nil {
			t.Skip(err) // Windows without the privilege to create links
		}
		return dir
	}
	for name, paths := range map[string][2]string{
		"bundle of a system's size":                {bundle(t, w, true), t.TempDir()},
		"small bundle":                             {bundle(t, w, false), t.TempDir()},
		"directory next to a large bundle":         {bundle(t, other, true), filepath.Dir(bundle(t, w, false))},
		"link in the directory next to the bundle": {bundle(t, other, true), link(bundle(t, w, false))},
		"directory without a bundle":               {"/none", filepath.Dir(bundle(t, w, false))},
		"a bundle twice, the second with one more": {bundle(t, other, true), withOther(t, other, w)},
	} {
		t.Run(name, func(t *testing.T) {
			w := *w
			w.env = append(w.home.Env(), "AWS_CA_BUNDLE=", "SSL_CERT_FILE="+paths[0], "SSL_CERT_DIR="+paths[1])
			w.ResetLog()
			ahead := w.client(t)
			ahead.Open(t.Context(), w.reg)
			if err := w.authorize(ahead); err != nil {
				t.Error(err)
			}
			if err := w.authorize(w.client(t)); err != nil {
				t.Error(err)
			}
			req, err := http.NewRequestWithContext(t.Context(), http.MethodHead, "https://"+host+"/", nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := w.client(t).Web().Transport.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.Header.Get("Location") != startURL {
				t.Errorf("status %d", resp.StatusCode)
			}
			if n := len(w.Connections()); n != 3 {
				t.Errorf("%d connections, want 3", n)
			}
		})
	}
}

// If the platform verifies certificates, the variables add to its CAs; otherwise they
// replace them.
func TestCertificateVariablesAddToPlatform(t *testing.T) {
	w := newWorld(t, awstest.Options{})
	pem, err := os.ReadFile(w.CAFile())
	if err != nil {
		t.Fatal(err)
	}
	file := bundle(t, w, false)
	for name, vars := range map[string][2]string{
		"file":                 {file, ""},
		"directory":            {"/none", filepath.Dir(file)},
		"both, the same":       {file, filepath.Dir(file)},
		"with one that is not": {file, "/none"},
	} {
		want := x509.NewCertPool()
		if platformVerifies {
			want, err = x509.SystemCertPool()
		}
		if err != nil || !want.AppendCertsFromPEM(pem) {
			t.Fatal(err)
		}
		r := loadRoots(Options{Env: env.FromMap(map[string]string{"SSL_CERT_FILE": vars[0], "SSL_CERT_DIR": vars[1]})})
		if <-r.ready; r.err != nil {
			t.Fatal(name, r.err)
		}
		if !platformVerifies && vars[1] == "" {
			continue // includes the system's directories
		}
		if !r.pool.Equal(want) {
			t.Errorf("%s: different set of certificates", name)
		}
	}
	if !platformVerifies {
		return
	}
	for _, none := range []string{"", "/none"} {
		r := loadRoots(Options{Env: env.FromMap(map[string]string{"SSL_CERT_FILE": none})})
		if <-r.ready; r.err != nil {
			t.Errorf("SSL_CERT_FILE=%s: %v", none, r.err)
		}
	}
}

// Errors for pages outside AWS have the same text.
func TestWebErrors(t *testing.T) {
	w, other := newWorld(t, awstest.Options{}), newWorld(t, awstest.Options{})
	w.AddVanityHost("start.corp.example", startURL)
	w.env = append(w.env, "AWS_CA_BUNDLE="+bundle(t, other, true))
	for url, text := range map[string]string{
		"https://start.corp.example/": "the certificate of start.corp.example is signed by an authority that is not in AWS_CA_BUNDLE",
		"https://none.corp.example/":  "proxy " + strings.TrimPrefix(w.ProxyURL(), "http://") + " refused the connection to none.corp.example (502)",
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodHead, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := w.client(t).Web().Do(req)
		if err == nil {
			resp.Body.Close()
		}
		if f := faultOf(t, err); f.Error() != text {
			t.Errorf("%s: error %v", url, f)
		}
	}
}

// The settings have the same order as in botocore.
func TestBundleSettingOrder(t *testing.T) {
	w, other := newWorld(t, awstest.Options{}), newWorld(t, awstest.Options{})
	good, bad := bundle(t, w, false), bundle(t, other, false)
	for name, tt := range map[string]struct{ aws, profile, requests, source string }{
		"REQUESTS_CA_BUNDLE alone":                 {"", "", good, ""},
		"REQUESTS_CA_BUNDLE is used":               {"", "", bad, "REQUESTS_CA_BUNDLE"},
		"the profile's takes precedence":           {"", good, bad, ""},
		"AWS_CA_BUNDLE takes precedence over both": {good, bad, bad, ""},
		"error names AWS_CA_BUNDLE":                {bad, good, good, "AWS_CA_BUNDLE"},
		"error names the profile's":                {"", bad, good, `ca_bundle of profile "corp"`},
		"REQUESTS_CA_BUNDLE that does not exist":   {"", "", "/none", "REQUESTS_CA_BUNDLE"},
	} {
		t.Run(name, func(t *testing.T) {
			w := *w
			w.env = append(w.home.Env(), "AWS_CA_BUNDLE="+tt.aws, "REQUESTS_CA_BUNDLE="+tt.requests)
			text := "[profile corp]\nregion = eu-west-1\n"
			if tt.profile != "" {
				text += "ca_bundle = " + tt.profile + "\n"
			}
			config := w.config(t, text)
			err := w.authorize(w.client(t, func(o *Options) { o.Config, o.Profile = config, "corp" }))
			if tt.source == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if f := faultOf(t, err); f.Kind != TLS || f.Roots() != tt.source {
				t.Errorf("kind %d, roots %q: %v", f.Kind, f.Roots(), f)
			}
		})
	}
}
