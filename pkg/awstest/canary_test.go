package awstest

import (
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"strings"
	"testing"
)

func TestLeaksFindsEveryEncoding(t *testing.T) {
	const secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCY?EXAMPLE>KEY~"
	secrets := []string{"another-one", secret}
	for _, before := range []string{"", "a", "ab", "abc", `{"accessToken":"`, "AWS:"} {
		for _, after := range []string{"", "z", "yz", `"}`} {
			text := before + secret + after
			for what, encoded := range map[string]string{
				"raw": text, "hex": hex.EncodeToString([]byte(text)), "HEX": strings.ToUpper(hex.EncodeToString([]byte(text))),
				"query": url.QueryEscape(text), "path": url.PathEscape(text),
				"base64": base64.StdEncoding.EncodeToString([]byte(text)), "base64 for URLs": base64.RawURLEncoding.EncodeToString([]byte(text)),
			} {
				if !Leaks(secrets, "<<"+encoded+">>") {
					t.Errorf("%s of %q: not found in %q", what, text, encoded)
				}
			}
		}
	}
	for _, text := range []string{"", "nothing", secret[1:], base64.StdEncoding.EncodeToString([]byte(secret[4:]))} {
		if Leaks(secrets, text) {
			t.Errorf("found in %q", text)
		}
	}
}
