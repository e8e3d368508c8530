package awsclient

import (
	"strings"
	"testing"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
)

func TestProxyAddresses(t *testing.T) {
	for raw, ok := range map[string]bool{
		"": true, "proxy.example:3128": true, "http://proxy.example": true, "https://user:pw@proxy.example:1": true,
		"socks5://127.0.0.1:9": true, "[::1]:3128": true,
		"http://secret@proxy.example:abc": false, "ht!tp://secret.example": false, "ftp://secret.example": false,
		"http://": false, ":3128": false, "http://secret.example:99999999999x": false,
	} {
		_, err := proxyRule(env.FromMap(map[string]string{"HTTPS_PROXY": raw}))
		if (err == nil) != ok {
			t.Errorf("HTTPS_PROXY=%s: %v", raw, err)
		}
		if err != nil && (strings.Contains(err.Error(), "secret") || err.Error() != "HTTPS_PROXY is not the address of a proxy; run: "+hint.UnsetCommand("HTTPS_PROXY")) {
			t.Errorf("HTTPS_PROXY=%s: %v", raw, err)
		}
		lower, err := proxyRule(env.FromMap(map[string]string{"https_proxy": raw}))
		if (err == nil) != ok || ok && lower == nil || err != nil && err.Error() != "https_proxy is not the address of a proxy; run: "+hint.UnsetCommand("https_proxy") {
			t.Errorf("https_proxy=%s: %v", raw, err)
		}
	}
}

// Characters that a URL does not allow in a password are used unchanged, as in curl and the
// AWS CLI.
func TestProxyPasswordsWithoutEscapes(t *testing.T) {
	for password, want := range map[string]string{
		"pa%ss": "pa%ss", "100%": "100%", "%": "%", "%zz%41": "%zzA", "a%2": "a%2", "%+1": "%+1",
		"p@ss": "p@ss", "a b^c|{}": "a b^c|{}", `"quoted"`: `"quoted"`, "a%40b": "a@b", "a:b": "a:b", "[x]": "[x]", "pässword": "pässword",
	} {
		for _, scheme := range []string{"http://", ""} {
			proxy, err := proxyRule(env.FromMap(map[string]string{"HTTPS_PROXY": scheme + "me:" + password + "@proxy.example:3128"}))
			if err != nil {
				t.Errorf("%s%s: error %v", scheme, password, err)
				continue
			}
			u, err := proxy(get(t, "https://api.ecr.eu-west-1.amazonaws.com"))
			if err != nil || u.Host != "proxy.example:3128" || u.User.Username() != "me" {
				t.Errorf("%s%s: got %v, error %v", scheme, password, u, err)
				continue
			}
			if got, _ := u.User.Password(); got != want {
				t.Errorf("%s%s: password %q, want %q", scheme, password, got, want)
			}
		}
	}
}
