package awstest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// password is what GetAuthorizationToken issued.
type password struct {
	account string // the principal's
	owner   string // the principal's session or user name
	region  string // "": issued at a loopback endpoint, good everywhere
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
	word := a.newPassword(p, region, q.service == ECRPublic)
	token := base64.StdEncoding.EncodeToString([]byte("AWS:" + word))
	a.secrets = append(a.secrets, token)
	expires := seconds(a.state.passwords[word].expires)
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

// roleOf is the role's or user's name in an ARN.
func roleOf(arn string) string {
	parts := strings.Split(arn, "/")
	if len(parts) < 2 {
		return ""
	}
	return strings.TrimSuffix(strings.TrimPrefix(parts[1], "AWSReservedSSO_"), "_0123456789abcdef")
}

// seconds is a date as the JSON protocols write it: seconds with milliseconds behind the point.
func seconds(t time.Time) json.Number {
	return json.Number(fmt.Sprintf("%d.%03d", t.Unix(), t.Nanosecond()/1e6))
}

// PasswordOwner is the session or user name of the principal that got a password of ECR's: the person's name where a role of the
// portal asked; "" for a password that was never issued.
func (a *AWS) PasswordOwner(word string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if p := a.state.passwords[word]; p != nil {
		return p.owner
	}
	return ""
}

// newPassword is of ECR's shape and size, about 2.5 kB. Call with mu held.
func (a *AWS) newPassword(p *principal, region string, public bool) string {
	expires := a.Now().Add(a.opt.ECRLife).Truncate(time.Millisecond)
	body, _ := json.Marshal(struct {
		Payload    string `json:"payload"`
		DataKey    string `json:"datakey"`
		Version    string `json:"version"`
		Type       string `json:"type"`
		Expiration int64  `json:"expiration"`
	}{random64(1500), random64(260), "2", "DATA_KEY", expires.Unix()})
	word := base64.StdEncoding.EncodeToString(body)
	a.secrets = append(a.secrets, word)
	a.state.passwords[word] = &password{account: p.account, owner: p.arn[strings.LastIndexByte(p.arn, '/')+1:], region: region, public: public, expires: expires}
	return word
}
