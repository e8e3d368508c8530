package awstest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// password is an ECR password issued by GetAuthorizationToken.
type password struct {
	account string // of the principal
	owner   string // the principal's session name or user name
	arn     string // of the principal
	region  string // "": issued at a loopback endpoint, valid in every region
	public  bool
	expires time.Time
}

func routeECR(q *request) (Op, action) {
	want, op := "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken", GetAuthorizationToken
	if q.service == ECRPublic {
		want, op = "SpencerFrontendService.GetAuthorizationToken", GetPublicAuthorizationToken
	}
	if q.Method == http.MethodPost && q.URL.Path == "/" && q.Header.Get("X-Amz-Target") == want {
		return op, (*AWS).getAuthorizationToken
	}
	return Unknown, (*AWS).unknown
}

func (a *AWS) getAuthorizationToken(q *request) answer {
	var in struct{ RegistryIDs []string }
	if q.Header.Get("Content-Type") != "application/x-amz-json-1.1" || json.Unmarshal(q.body, &in) != nil {
		return q.fail(400, "SerializationException", "")
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	p, region, bad := a.verify(q, string(q.service))
	if p == nil {
		return bad
	}
	q.log.Key = p.account + "/" + roleOf(p.arn) + "/" + region
	action := string(q.service) + ":GetAuthorizationToken"
	if a.state.deniedECR[""] || a.state.deniedECR[p.account] {
		return q.fail(400, "AccessDeniedException", "User: "+p.arn+" is not authorized to perform: "+action+
			" on resource: * because no identity-based policy allows the "+action+" action")
	}
	pw := a.newPassword(p, region, q.service == ECRPublic)
	token := base64.StdEncoding.EncodeToString([]byte("AWS:" + pw))
	a.secrets = append(a.secrets, token)
	expires := seconds(a.state.passwords[pw].expires)
	if q.service == ECRPublic {
		return q.ok(object{"authorizationData": object{"authorizationToken": token, "expiresAt": expires}})
	}
	ids := in.RegistryIDs
	if len(ids) == 0 {
		ids = []string{p.account}
	}
	data := []object{}
	for _, id := range ids {
		data = append(data, object{"authorizationToken": token, "expiresAt": expires, "proxyEndpoint": "https://" + RegistryHost(id, region)})
	}
	return q.ok(object{"authorizationData": data})
}

// roleOf returns the role or user name in an ARN.
func roleOf(arn string) string {
	parts := strings.Split(arn, "/")
	if len(parts) < 2 {
		return ""
	}
	return strings.TrimSuffix(strings.TrimPrefix(parts[1], "AWSReservedSSO_"), "_0123456789abcdef")
}

// seconds formats a time for the JSON protocols: seconds with three decimals.
func seconds(t time.Time) json.Number {
	return json.Number(fmt.Sprintf("%d.%03d", t.Unix(), t.Nanosecond()/1e6))
}

// PasswordUser returns the session name or user name of the principal that received an ECR
// password. For a portal role, that is the name of the signed-in user. It returns "" for an
// unknown password.
func (a *AWS) PasswordUser(pw string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if p := a.state.passwords[pw]; p != nil {
		return p.owner
	}
	return ""
}

// PasswordPrincipal returns the ARN of the principal that received an ECR password, or ""
// for an unknown password.
func (a *AWS) PasswordPrincipal(pw string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if p := a.state.passwords[pw]; p != nil {
		return p.arn
	}
	return ""
}

// newPassword returns a password in the format and size of a real one, about 2.5 kB. Call
// with mu held.
func (a *AWS) newPassword(p *principal, region string, public bool) string {
	expires := a.Now().Add(a.opt.PasswordTTL).Truncate(time.Millisecond)
	body, _ := json.Marshal(struct {
		Payload    string `json:"payload"`
		DataKey    string `json:"datakey"`
		Version    string `json:"version"`
		Type       string `json:"type"`
		Expiration int64  `json:"expiration"`
	}{random64(1500), random64(260), "2", "DATA_KEY", expires.Unix()})
	pw := base64.StdEncoding.EncodeToString(body)
	a.secrets = append(a.secrets, pw)
	a.state.passwords[pw] = &password{account: p.account, owner: p.arn[strings.LastIndexByte(p.arn, '/')+1:], arn: p.arn, region: region, public: public, expires: expires}
	return pw
}
