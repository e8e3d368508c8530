package login

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fakeWeb is a transport that responds to a method and URL with a status and a Location.
type fakeWeb struct {
	answers map[string][2]string
	asked   []string
}

func (w *fakeWeb) RoundTrip(r *http.Request) (*http.Response, error) {
	what := r.Method + " " + r.URL.String()
	w.asked = append(w.asked, what)
	a, ok := w.answers[what]
	if !ok {
		return nil, errors.New("no such host")
	}
	status := map[string]int{"200": 200, "301": 301, "302": 302, "307": 307, "404": 404, "405": 405, "501": 501}[a[0]]
	h := http.Header{}
	if a[1] != "" {
		h.Set("Location", a[1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader("")), Request: r}, nil
}

func TestResolveStartURL(t *testing.T) {
	const vanity = "https://sso.example.com/"
	const portal = "https://ssoins-1234.portal.eu-west-1.app.aws/"
	for name, c := range map[string]struct {
		url     string
		answers map[string][2]string
		want    StartURL
		err     string
		asked   int
	}{
		"portal on an AWS host is not called": {url: "https://my-portal.awsapps.com/start", want: StartURL{URL: "https://my-portal.awsapps.com/start"}},
		"its region is read off":              {url: portal, want: StartURL{URL: portal, Region: "eu-west-1"}},
		"vanity host is followed": {url: vanity, answers: map[string][2]string{"HEAD " + vanity: {"302", portal}},
			want: StartURL{URL: portal, Region: "eu-west-1", Vanity: true}, asked: 1},
		"GET where HEAD is not known": {url: vanity, answers: map[string][2]string{"HEAD " + vanity: {"405", ""}, "GET " + vanity: {"301", "https://d-1.awsapps.com/start"}},
			want: StartURL{URL: "https://d-1.awsapps.com/start", Vanity: true}, asked: 2},
		"GET where HEAD is not written": {url: vanity, answers: map[string][2]string{"HEAD " + vanity: {"501", ""}, "GET " + vanity: {"307", portal}},
			want: StartURL{URL: portal, Region: "eu-west-1", Vanity: true}, asked: 2},
		"one redirect only": {url: vanity, answers: map[string][2]string{"HEAD " + vanity: {"302", "https://www.example.com/"}, "HEAD https://www.example.com/": {"302", portal}},
			err: "is not an AWS access portal", asked: 1},
		"to plain http":                         {url: vanity, answers: map[string][2]string{"HEAD " + vanity: {"302", "http://d-1.awsapps.com/start"}}, err: "is not an AWS access portal", asked: 1},
		"to a bucket":                           {url: vanity, answers: map[string][2]string{"HEAD " + vanity: {"302", "https://x.s3.amazonaws.com/"}}, err: "is not an AWS access portal", asked: 1},
		"to a look-alike":                       {url: vanity, answers: map[string][2]string{"HEAD " + vanity: {"302", "https://awsapps.com.evil.example/"}}, err: "is not an AWS access portal", asked: 1},
		"to the bare suffix":                    {url: vanity, answers: map[string][2]string{"HEAD " + vanity: {"302", "https://awsapps.com/"}}, err: "is not an AWS access portal", asked: 1},
		"to a host that browsers end elsewhere": {url: vanity, answers: map[string][2]string{"HEAD " + vanity: {"302", "https://evil.com;.awsapps.com/"}}, err: "is not an AWS access portal", asked: 1},
		"to another port":                       {url: vanity, answers: map[string][2]string{"HEAD " + vanity: {"302", "https://d-1.awsapps.com:8443/"}}, err: "is not an AWS access portal", asked: 1},
		"with userinfo":                         {url: vanity, answers: map[string][2]string{"HEAD " + vanity: {"302", "https://a@d-1.awsapps.com/"}}, err: "is not an AWS access portal", asked: 1},
		"no redirect":                           {url: vanity, answers: map[string][2]string{"HEAD " + vanity: {"200", ""}}, err: ErrNoRedirect.Error(), asked: 1},
		"not found":                             {url: vanity, answers: map[string][2]string{"HEAD " + vanity: {"404", ""}}, err: ErrNoRedirect.Error(), asked: 1},
		"offline":                               {url: vanity, err: "no such host", asked: 1},
		"no address at all":                     {url: "start", err: "not a valid URL"},
		"another scheme":                        {url: "ftp://d-1.awsapps.com", err: "not a valid URL"},
	} {
		t.Run(name, func(t *testing.T) {
			w := &fakeWeb{answers: c.answers}
			got, err := ResolveStartURL(t.Context(), &http.Client{Transport: w}, c.url)
			if c.err == "" != (err == nil) || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Fatalf("error %v, want %q", err, c.err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if len(w.asked) != c.asked {
				t.Errorf("requested %v", w.asked)
			}
		})
	}
}

func TestTrustedVerificationURLs(t *testing.T) {
	const start = "https://sso.example.com/start"
	for url, want := range map[string]bool{
		"https://device.sso.us-east-1.amazonaws.com/?user_code=A":  true,
		"https://my-portal.awsapps.com/start/#/device?user_code=A": true,
		"https://ssoins-1.portal.us-east-1.app.aws/#/device":       true,
		"https://identitycenter.amazonaws.com/ssoins-1":            true,
		"https://SSO.example.com/start/#/device":                   true,
		"https://my-portal.awsapps.com:443/start":                  true,
		"https://device.sso.eu-west-1.amazonaws.com/":              false, // another region
		"https://device.sso.us-east-1.amazonaws.com.evil.example/": false,
		"http://device.sso.us-east-1.amazonaws.com/":               false,
		"https://evil.s3.amazonaws.com/device":                     false,
		"https://device.sso.us-east-1.amazonaws.com@evil.example/": false,
		"https://evil.example/?https://my-portal.awsapps.com":      false,
		"https://evilawsapps.com/":                                 false,
		"https://my-portal.awsapps.com:8443/":                      false,
		"javascript:alert(1)":                                      false,
		"https://evil.com;.awsapps.com/":                           false,
		"https://evil.com,.awsapps.com/":                           false,
		"https://evil_com.awsapps.com/":                            false,
		"https://evil.com!.awsapps.com/":                           false,
		"https://evil.com\u3002.awsapps.com/":                      false, // an ideographic full stop
		"https://my-portal.awsapps.com./":                          false,
		"https://a..awsapps.com/":                                  false,
		"https://.awsapps.com/":                                    false,
		"https://\u017fso.example.com/":                            false, // LATIN SMALL LETTER LONG S folds to s
		"https://(SSO.example.com)/":                               false,
		"":                                                         false,
		"http://127.0.0.1:4566/device":                             false,
	} {
		if got := trusted(url, start, "https://oidc.us-east-1.amazonaws.com", "us-east-1"); got != want {
			t.Errorf("%q: got %v", url, got)
		}
	}
	if !trusted("http://127.0.0.1:4566/device", start, "http://127.0.0.1:4566", "us-east-1") {
		t.Error("the configured endpoint is not trusted")
	}
	if trusted("http://sso.example.com/device", start, "http://sso.example.com", "us-east-1") {
		t.Error("plain http to a host other than loopback is trusted")
	}
}

func TestHostRegion(t *testing.T) {
	for host, want := range map[string]string{
		"ssoins-1.portal.us-gov-west-1.app.aws":       "us-gov-west-1",
		"ssoins-1.eu-west-1.portal.amazonaws.com":     "eu-west-1",
		"ssoins-1.portal.eusc-de-east-1.amazonaws.eu": "",
		"my-cool-1.awsapps.com":                       "",
		"us-east-1.app.aws":                           "",
		"identitycenter.amazonaws.com":                "",
		"a.b.c":                                       "",
	} {
		if got := hostRegion(host); got != want {
			t.Errorf("%s: got %q", host, got)
		}
	}
}
