package awstest

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// metadata is the content of the instance metadata service.
type metadata struct {
	account, role, region string
	tokens                map[string]time.Time
}

// AddContainer adds a role to the container credentials endpoint. It returns the values
// of AWS_CONTAINER_CREDENTIALS_FULL_URI and AWS_CONTAINER_AUTHORIZATION_TOKEN.
func (a *AWS) AddContainer(account, role string) (uri, token string) {
	base := a.URL(Container)
	a.mu.Lock()
	defer a.mu.Unlock()
	token = a.secret("", 64)
	a.state.container[token] = roleRef{account, role}
	return base + "/v2/credentials", token
}

// AddTask is AddContainer for ECS and CodeBuild. It returns the value of
// AWS_CONTAINER_CREDENTIALS_RELATIVE_URI, which is also the secret. Clients call
// 169.254.170.2, so the test must also call ListenAt.
func (a *AWS) AddTask(account, role string) (path string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	path = "/v2/credentials/" + a.secret("", 36)
	a.state.container[path] = roleRef{account, role}
	return path
}

// AddMetadata starts the instance metadata service (version 2 only) for an instance with a
// role, and returns the value of AWS_EC2_METADATA_SERVICE_ENDPOINT.
func (a *AWS) AddMetadata(account, role, region string) (endpoint string) {
	endpoint = a.URL(Metadata)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.state.metadata = &metadata{account: account, role: role, region: region, tokens: map[string]time.Time{}}
	return endpoint
}

func (a *AWS) containerCredentials(q *request) answer {
	a.mu.Lock()
	defer a.mu.Unlock()
	// ECS identifies the task by the path; EKS and others use the token.
	role, ok := a.state.container[q.URL.Path]
	if path := q.URL.Path; path == "/v2/credentials" || path == "/v1/credentials" {
		role, ok = a.state.container[q.Header.Get("Authorization")]
	}
	if !ok || q.Method != http.MethodGet {
		return q.fail(http.StatusForbidden, "AccessDenied", "invalid token")
	}
	q.log.Key = role.account + "/" + role.role
	p := a.ambientKeys("task", role.account, role.role, "aws")
	return q.ok(object{
		"AccessKeyId": p.id, "SecretAccessKey": p.secret, "Token": p.token, "Expiration": p.expires.UTC().Format(time.RFC3339),
		"AccountId": p.account, "RoleArn": p.arn,
	})
}

func routeMetadata(q *request) (Op, action) {
	if q.Method == http.MethodPut && q.URL.Path == "/latest/api/token" {
		return MetadataToken, (*AWS).metadataToken
	}
	return MetadataCredentials, (*AWS).metadataGet
}

func (a *AWS) metadataToken(q *request) answer {
	a.mu.Lock()
	defer a.mu.Unlock()
	ttl, err := strconv.Atoi(q.Header.Get("X-Aws-Ec2-Metadata-Token-Ttl-Seconds"))
	if err != nil || ttl < 1 || ttl > 21600 || a.state.metadata == nil {
		return answer{status: http.StatusBadRequest}
	}
	token := a.secret("AQAEA", 56)
	a.state.metadata.tokens[token] = a.Now().Add(time.Duration(ttl) * time.Second)
	h := typed("text/plain")
	h.Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", strconv.Itoa(ttl))
	return answer{status: 200, header: h, body: []byte(token)}
}

func (a *AWS) metadataGet(q *request) answer {
	a.mu.Lock()
	defer a.mu.Unlock()
	m := a.state.metadata
	if m == nil || !a.Now().Before(m.tokens[q.Header.Get("X-Aws-Ec2-Metadata-Token")]) {
		return answer{status: http.StatusUnauthorized}
	}
	text := func(s string) answer { return answer{status: 200, header: typed("text/plain"), body: []byte(s)} }
	path, ok := strings.CutPrefix(q.URL.Path, "/latest/")
	switch {
	case !ok || q.Method != http.MethodGet:
	case path == "meta-data/placement/region":
		return text(m.region)
	case path == "dynamic/instance-identity/document":
		return q.ok(object{"accountId": m.account, "region": m.region, "instanceId": "i-0123456789abcdef0"})
	case path == "meta-data/iam/security-credentials/":
		return text(m.role)
	case path == "meta-data/iam/security-credentials/"+m.role:
		p := a.ambientKeys("i-0123456789abcdef0", m.account, m.role, partitionOf(m.region).id)
		return q.ok(object{
			"Code": "Success", "Type": "AWS-HMAC", "LastUpdated": a.Now().UTC().Format(time.RFC3339), "AccessKeyId": p.id,
			"SecretAccessKey": p.secret, "Token": p.token, "Expiration": p.expires.UTC().Format(time.RFC3339), "AccountId": p.account,
		})
	}
	return answer{status: http.StatusNotFound}
}
