package awstest

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

func routeSTS(q *request) (Op, action) {
	form, err := url.ParseQuery(string(q.body))
	if err != nil || q.Method != "POST" || q.URL.Path != "/" {
		return Unknown, (*AWS).unknown
	}
	q.Form = form
	switch op := Op(form.Get("Action")); op {
	case GetCallerIdentity:
		return op, (*AWS).getCallerIdentity
	case AssumeRole:
		return op, (*AWS).assumeRole
	case AssumeRoleWithWebIdentity:
		return op, (*AWS).assumeRoleWithWebIdentity
	}
	return Unknown, func(_ *AWS, q *request) answer { return q.fail(400, "InvalidAction", "") }
}

func stsAnswer(op Op, result string) answer {
	body := fmt.Sprintf(`<%[1]sResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><%[1]sResult>%[2]s</%[1]sResult>`+
		`<ResponseMetadata><RequestId>%[3]s</RequestId></ResponseMetadata></%[1]sResponse>`, op, result, random32(26))
	return answer{status: 200, header: typed("text/xml"), body: []byte(body)}
}

func (a *AWS) getCallerIdentity(q *request) answer {
	a.mu.Lock()
	defer a.mu.Unlock()
	p, _, bad := a.verify(q, "sts")
	if p == nil {
		return bad
	}
	q.log.Key = p.account
	return stsAnswer(q.op, fmt.Sprintf("<Arn>%s</Arn><UserId>AROAFAKE:%s</UserId><Account>%s</Account>", p.arn, p.account, p.account))
}

// assumeRole allows any role in any account. It does not check trust policies.
func (a *AWS) assumeRole(q *request) answer {
	a.mu.Lock()
	defer a.mu.Unlock()
	p, region, bad := a.verify(q, "sts")
	if p == nil {
		return bad
	}
	return a.assume(q, p.arn, region)
}

func (a *AWS) assumeRoleWithWebIdentity(q *request) answer {
	a.mu.Lock()
	defer a.mu.Unlock()
	token := q.Form.Get("WebIdentityToken")
	bad, refused, known := a.trusts(q, token, q.Form.Get("RoleArn"))
	if refused {
		return bad
	}
	if !known && !a.state.identities[token] {
		return q.fail(400, "InvalidIdentityToken", "Couldn't retrieve verification key from your identity provider")
	}
	return a.assume(q, "web identity", q.region)
}

// assume issues a role's credentials. Call with mu held.
func (a *AWS) assume(q *request, caller, region string) answer {
	arn := q.Form.Get("RoleArn")
	q.log.Key = arn
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || q.Form.Get("RoleSessionName") == "" {
		return q.fail(400, "ValidationError", "RoleArn or RoleSessionName is invalid")
	}
	name := parts[5][strings.LastIndexByte(parts[5], '/')+1:]
	acct := a.state.accounts[parts[4]]
	if acct == nil || !slices.Contains(acct.roles, name) || a.state.deniedRoles[acct.id+"/"+name] || a.state.deniedRoles[acct.id+"/"] {
		return q.fail(403, "AccessDenied", "User: "+caller+" is not authorized to perform: sts:"+string(q.op)+" on resource: "+arn)
	}
	life := a.opt.RoleTTL
	if n, err := strconv.Atoi(q.Form.Get("DurationSeconds")); err == nil {
		life = time.Duration(n) * time.Second
	}
	p := a.newRoleKeys(acct.id, name, q.Form.Get("RoleSessionName"), partitionOf(region).id, life)
	return stsAnswer(q.op, fmt.Sprintf("<Credentials><AccessKeyId>%s</AccessKeyId><SecretAccessKey>%s</SecretAccessKey>"+
		"<SessionToken>%s</SessionToken><Expiration>%s</Expiration></Credentials><AssumedRoleUser><AssumedRoleId>AROAFAKE:%s</AssumedRoleId>"+
		"<Arn>%s</Arn></AssumedRoleUser>", p.id, p.secret, p.token, p.expires.UTC().Format(time.RFC3339), q.Form.Get("RoleSessionName"), p.arn))
}
