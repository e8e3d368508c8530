package awstest

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const grantDevice = "urn:ietf:params:oauth:grant-type:device_code"

// code is an authorization code that has not been redeemed.
type code struct {
	client, redirect, challenge string
	scopes                      []string
	user                        string
	used                        bool
	expires                     time.Time
}

func routeOIDC(q *request) (Op, action) {
	switch q.Method + " " + q.URL.Path {
	case "POST /client/register":
		return RegisterClient, (*AWS).registerClient
	case "POST /device_authorization":
		return StartDeviceAuthorization, (*AWS).startDevice
	case "POST /token":
		return CreateToken, (*AWS).createToken
	case "GET /authorize":
		return Authorize, (*AWS).authorize
	}
	return Unknown, (*AWS).unknown
}

// decode parses a rest-json request body.
func (q *request) decode(to any) bool {
	kind, _, _ := strings.Cut(q.Header.Get("Content-Type"), ";")
	return strings.TrimSpace(kind) == "application/json" && json.Unmarshal(q.body, to) == nil
}

// authorize is the sign-in page. The user is already signed in, so it redirects immediately.
func (a *AWS) authorize(q *request) answer {
	v := q.URL.Query()
	a.mu.Lock()
	defer a.mu.Unlock()
	c := a.state.clients[v.Get("client_id")]
	switch {
	case c == nil || !a.Now().Before(c.expires) || q.region != "" && c.region != "" && c.region != q.region:
		return q.fail(400, "invalid_client", "Invalid Client")
	case !c.redirectAllowed(v.Get("redirect_uri")):
		return q.fail(400, "invalid_redirect_uri", "")
	case !c.may("authorization_code"):
		return redirectBack(v, "error", "unauthorized_client")
	case v.Get("response_type") != "code":
		return redirectBack(v, "error", "unsupported_response_type")
	case v.Get("code_challenge_method") != "S256", len(v.Get("code_challenge")) != 43, v.Get("state") == "":
		return redirectBack(v, "error", "invalid_request")
	}
	scopes := strings.Fields(v.Get("scopes") + " " + v.Get("scope"))
	id := a.secret("", 48)
	a.state.codes[id] = &code{client: c.id, redirect: v.Get("redirect_uri"), challenge: v.Get("code_challenge"), scopes: scopes, user: a.state.user,
		expires: a.Now().Add(10 * time.Minute)}
	return redirectBack(v, "code", id)
}

// redirectBack redirects the browser to the client's listener.
func redirectBack(v url.Values, key, value string) answer {
	u, err := url.Parse(v.Get("redirect_uri"))
	if err != nil || !isLoopbackOrTLS(v.Get("redirect_uri")) {
		return answer{status: 400, err: "invalid_redirect_uri"}
	}
	query := u.Query()
	query.Set(key, value)
	query.Set("state", v.Get("state"))
	u.RawQuery = query.Encode()
	out := answer{status: http.StatusFound, header: http.Header{"Location": {u.String()}}}
	if key == "error" {
		out.err = value
	}
	return out
}

type tokenRequest struct {
	ClientID, ClientSecret, GrantType string
	DeviceCode, RefreshToken          string
	Code, RedirectURI, CodeVerifier   string
}

func (a *AWS) createToken(q *request) answer {
	var in tokenRequest
	if !q.decode(&in) || in.ClientID == "" || in.ClientSecret == "" || in.GrantType == "" {
		return q.fail(400, "invalid_request", "")
	}
	a.key(q, in.GrantType)
	a.mu.Lock()
	defer a.mu.Unlock()
	c, bad := a.clientOf(q, in.ClientID, in.ClientSecret)
	if c == nil {
		return bad
	}
	if in.GrantType != grantDevice && in.GrantType != "authorization_code" && in.GrantType != "refresh_token" {
		return q.fail(400, "unsupported_grant_type", "")
	}
	if !c.may(in.GrantType) {
		return q.fail(400, "unauthorized_client", "")
	}
	switch in.GrantType {
	case grantDevice:
		return a.redeemDevice(q, c, in.DeviceCode)
	case "refresh_token":
		return a.redeemRefresh(q, c, in.RefreshToken)
	}
	return a.redeemCode(q, c, in)
}

// redeemCode invalidates the code on its first use, even if that fails (RFC 6749, 4.1.2).
// Call with mu held.
func (a *AWS) redeemCode(q *request, c *client, in tokenRequest) answer {
	if len(in.CodeVerifier) >= 43 {
		a.secrets = append(a.secrets, in.CodeVerifier) // as sensitive as the code
	}
	k := a.state.codes[in.Code]
	if k == nil || k.used {
		return q.fail(400, "invalid_grant", "Invalid authorization code provided")
	}
	k.used = true
	sum := sha256.Sum256([]byte(in.CodeVerifier))
	switch {
	case k.client != c.id:
		return q.fail(400, "invalid_grant", "Invalid authorization code provided")
	case k.redirect != in.RedirectURI:
		return q.fail(400, "invalid_grant", "Invalid redirect uri provided")
	case len(in.CodeVerifier) < 43, len(in.CodeVerifier) > 128, base64.RawURLEncoding.EncodeToString(sum[:]) != k.challenge:
		return q.fail(400, "invalid_grant", "Invalid code verifier provided")
	case !a.Now().Before(k.expires):
		return q.fail(400, "expired_token", "Authorization code has expired")
	}
	return q.ok(a.grant(a.newSession(k.user, c.region), c, c.refreshes(in.GrantType)))
}

// redeemRefresh invalidates the refresh token. Using it again returns invalid_grant. Call
// with mu held.
func (a *AWS) redeemRefresh(q *request, c *client, token string) answer {
	r := a.state.refresh[token]
	if r == nil || r.used || r.client != c.id || !a.Now().Before(r.ends) {
		return q.fail(400, "invalid_grant", "Invalid refresh token provided")
	}
	r.used = true
	return q.ok(a.grant(r.session, c, true))
}

// grant issues an access token and, if refreshable, a refresh token. Call with mu held.
func (a *AWS) grant(s *session, c *client, refreshable bool) object {
	now := a.Now()
	life := a.opt.AccessTokenTTL
	if life == 0 {
		life = time.Hour
		if !refreshable {
			life = a.opt.SessionTTL
		}
	}
	life = min(life, s.ends.Sub(now)).Truncate(time.Second)
	token := a.secret("aoaAAAAAG", 300)
	a.state.access[token] = &accessToken{session: s, expires: now.Add(life)}
	out := object{"accessToken": token, "tokenType": "Bearer", "expiresIn": int(life.Seconds())}
	if refreshable {
		again := a.secret("aorAAAAAG", 400)
		a.state.refresh[again] = &refreshToken{session: s, client: c.id}
		out["refreshToken"] = again
	}
	return out
}
