package awstest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// consoleLogin is an `aws login` session.
type consoleLogin struct {
	account, name, client string
	ended                 bool
}

const consoleKeysTTL = 15 * time.Minute

func routeSignin(q *request) (Op, action) {
	if q.Method == http.MethodPost && q.URL.Path == "/v1/token" {
		return CreateOAuth2Token, (*AWS).createOAuth2Token
	}
	return Unknown, (*AWS).unknown
}

// createOAuth2Token renews the keys of an `aws login` session. Each refresh token can be
// used once.
func (a *AWS) createOAuth2Token(q *request) answer {
	var in struct{ ClientID, GrantType, RefreshToken string }
	if err := json.Unmarshal(q.body, &in); err != nil || in.GrantType != "refresh_token" || len(strings.Split(q.Header.Get("DPoP"), ".")) != 3 {
		return q.fail(400, "ValidationException", "no refresh token or no DPoP proof")
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	l := a.state.logins[in.RefreshToken]
	if l == nil || l.ended || l.client != in.ClientID {
		out := jsonError(http.StatusUnauthorized, "AccessDeniedException", "AccessDeniedException", "")
		out.header.Set("X-Amzn-Errortype", "AccessDeniedException")
		out.body = []byte(`{"error":"TOKEN_EXPIRED","message":"the refresh token is not valid"}`)
		return out
	}
	delete(a.state.logins, in.RefreshToken)
	q.log.Key = l.account
	p, refresh := a.consoleKeys(l)
	return q.ok(object{"accessToken": object{"accessKeyId": p.id, "secretAccessKey": p.secret, "sessionToken": p.token},
		"tokenType": "aws_sigv4", "expiresIn": int(consoleKeysTTL / time.Second), "refreshToken": refresh})
}

// consoleKeys issues keys and the next refresh token. Call with mu held.
func (a *AWS) consoleKeys(l *consoleLogin) (p *principal, refresh string) {
	p = a.newRoleKeys(l.account, "console", l.name, "aws", consoleKeysTTL)
	refresh = a.secret("", 200)
	a.state.logins[refresh] = l
	return p, refresh
}

// ConsoleLogin signs in a user as `aws login` does. It writes the profile with its
// login_session, if it does not exist, and the session file. The keys in that file expire
// after left. It returns the path of the file.
func (h *Home) ConsoleLogin(a *AWS, profile, account, region string, left time.Duration) string {
	arn := "arn:aws:iam::" + account + ":user/" + profile
	if text, _ := os.ReadFile(h.ConfigPath()); !strings.Contains(string(text), "["+profileSection(profile)+"]") {
		h.appendConfig(profileSection(profile), "login_session", arn, "region", region)
	}
	l := &consoleLogin{account: account, name: profile, client: "arn:aws:signin:::devtools/same-device"}
	a.mu.Lock()
	p, refresh := a.consoleKeys(l)
	a.mu.Unlock()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	h.must(err)
	der, err := x509.MarshalECPrivateKey(key)
	h.must(err)
	data, err := json.Marshal(object{
		"accessToken": object{"accessKeyId": p.id, "secretAccessKey": p.secret, "sessionToken": p.token, "accountId": account,
			"expiresAt": a.Now().Add(left).UTC().Format(time.RFC3339)},
		"tokenType": "aws_sigv4", "refreshToken": refresh, "identityToken": "identity", "clientId": l.client,
		"dpopKey": string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})),
	})
	h.must(err)
	sum := sha256.Sum256([]byte(arn))
	path := filepath.Join(h.Dir, ".aws", "login", "cache", hex.EncodeToString(sum[:])+".json")
	h.must(os.MkdirAll(filepath.Dir(path), 0o755))
	h.must(os.WriteFile(path, data, 0o600))
	return path
}

// ExpireConsoleLogins ends all `aws login` sessions. The service then rejects their refresh
// tokens.
func (a *AWS) ExpireConsoleLogins() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, l := range a.state.logins {
		l.ended = true
	}
}
