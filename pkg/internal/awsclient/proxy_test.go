package awsclient

import (
	"strings"
	"testing"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
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
		if err != nil && (strings.Contains(err.Error(), "secret") || err.Error() != "HTTPS_PROXY is not the address of a proxy") {
			t.Errorf("HTTPS_PROXY=%s says %v", raw, err)
		}
		if lower, err := proxyRule(env.FromMap(map[string]string{"https_proxy": raw})); (err == nil) != ok || ok && lower == nil {
			t.Errorf("https_proxy=%s: %v", raw, err)
		}
	}
}
