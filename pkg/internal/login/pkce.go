package login

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

// verifierAlphabet holds the unreserved characters of RFC 7636, section 4.1.
const verifierAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"

// verifierLength is the AWS CLI's; RFC 7636 allows 43 to 128.
const verifierLength = 64

// newVerifier makes a PKCE code verifier: 64 characters, each equally likely.
func newVerifier() secret.Secret {
	var b strings.Builder
	// The largest multiple of the alphabet's size below 256: bytes above it
	// would make the first letters likelier.
	limit := 256 - 256%len(verifierAlphabet)
	buf := make([]byte, 2*verifierLength)
	for b.Len() < verifierLength {
		_, _ = rand.Read(buf) // crypto/rand never returns an error
		for _, c := range buf {
			if int(c) < limit && b.Len() < verifierLength {
				b.WriteByte(verifierAlphabet[int(c)%len(verifierAlphabet)])
			}
		}
	}
	return secret.New(b.String())
}

// challenge is the S256 code challenge of RFC 7636, section 4.2. There is no
// plain method in this program, so nothing can step down to it.
func challenge(verifier secret.Secret) string {
	sum := sha256.Sum256([]byte(verifier.Reveal()))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// newState makes the state parameter: a random UUID (RFC 9562, version 4), as
// the AWS CLI sends it.
func newState() secret.Secret {
	var u [16]byte
	_, _ = rand.Read(u[:])
	u[6] = u[6]&0x0f | 0x40
	u[8] = u[8]&0x3f | 0x80
	return secret.New(fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:]))
}

// authorizeURL is where the person signs in: the endpoint's /authorize, which
// no service model describes. Parameters, their order and their escaping are
// the AWS CLI's; "scopes" is its spelling of RFC 6749's "scope".
func authorizeURL(endpoint, clientID, redirectURI string, state secret.Secret, scopes []string, verifier secret.Secret) string {
	var b strings.Builder
	b.WriteString(strings.TrimRight(endpoint, "/"))
	b.WriteString("/authorize?response_type=code")
	for _, p := range [][2]string{
		{"client_id", clientID},
		{"redirect_uri", redirectURI},
		{"state", state.Reveal()},
		{"code_challenge_method", "S256"},
		{"scopes", strings.Join(scopes, " ")},
		{"code_challenge", challenge(verifier)},
	} {
		b.WriteString("&" + p[0] + "=" + percentEncode(p[1]))
	}
	return b.String()
}

// percentEncode escapes as RFC 3986 does, a blank as %20 and not as '+'.
func percentEncode(s string) string {
	return strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
}
