package awstest

import (
	"encoding/base64"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

func routePortal(q *request) (Op, action) {
	switch q.Method + " " + q.URL.Path {
	case "GET /assignment/accounts":
		return ListAccounts, (*AWS).listAccounts
	case "GET /assignment/roles":
		return ListAccountRoles, (*AWS).listAccountRoles
	case "GET /federation/credentials":
		return GetRoleCredentials, (*AWS).getRoleCredentials
	case "POST /logout":
		return Logout, (*AWS).logout
	}
	return Unknown, (*AWS).unknown
}

const bearerHeader = "X-Amz-Sso_bearer_token"

// bearer checks the access token. Call with mu held.
func (a *AWS) bearer(q *request) (*accessToken, answer) {
	t := a.state.access[q.Header.Get(bearerHeader)]
	now := a.Now()
	if t == nil || !now.Before(t.expires) || !now.Before(t.ends) || q.region != "" && t.region != "" && q.region != t.region {
		return nil, q.fail(http.StatusUnauthorized, "UnauthorizedException", "Session token not found or invalid")
	}
	return t, answer{}
}

func (a *AWS) listAccounts(q *request) answer {
	a.mu.Lock()
	defer a.mu.Unlock()
	if t, bad := a.bearer(q); t == nil {
		return bad
	}
	var list []object
	for _, id := range slices.Sorted(maps.Keys(a.state.accounts)) {
		acct := a.state.accounts[id]
		row := object{"accountId": id}
		if acct.name != "" {
			row["accountName"] = acct.name
		}
		if acct.email != "" {
			row["emailAddress"] = acct.email
		}
		list = append(list, row)
	}
	return page(q, "accountList", list)
}

func (a *AWS) listAccountRoles(q *request) answer {
	id := q.URL.Query().Get("account_id")
	a.key(q, id)
	a.mu.Lock()
	defer a.mu.Unlock()
	if t, bad := a.bearer(q); t == nil {
		return bad
	}
	acct := a.state.accounts[id]
	switch {
	case id == "":
		return q.fail(400, "InvalidRequestException", "account_id is required")
	case acct == nil:
		return q.fail(http.StatusForbidden, "ForbiddenException", "No access")
	}
	var list []object
	for _, r := range acct.roles {
		list = append(list, object{"roleName": r, "accountId": id})
	}
	return page(q, "roleList", list)
}

// defaultPageSize is the number of accounts or roles in a page if max_result is not set.
const defaultPageSize = 20

// page returns one page of a list (max_result items) and the token for the next page.
func page(q *request, name string, list []object) answer {
	v := q.URL.Query()
	size, start := defaultPageSize, 0
	if m := v.Get("max_result"); m != "" {
		n, err := strconv.Atoi(m)
		if err != nil || n < 1 || n > 100 {
			return q.fail(400, "InvalidRequestException", "max_result must be between 1 and 100")
		}
		size = n
	}
	if t := v.Get("next_token"); t != "" {
		b, err := base64.RawURLEncoding.DecodeString(t)
		n, ok := strings.CutPrefix(string(b), name+":")
		if start, _ = strconv.Atoi(n); err != nil || !ok || start < 1 || start > len(list) {
			return q.fail(400, "InvalidRequestException", "Invalid next_token")
		}
	}
	end := min(start+size, len(list))
	out := object{name: append([]object{}, list[start:end]...)}
	if end < len(list) {
		out["nextToken"] = base64.RawURLEncoding.EncodeToString([]byte(name + ":" + strconv.Itoa(end)))
	}
	return q.ok(out)
}

func (a *AWS) getRoleCredentials(q *request) answer {
	v := q.URL.Query()
	id, role := v.Get("account_id"), v.Get("role_name")
	a.key(q, id+"/"+role+"/"+q.region)
	a.mu.Lock()
	defer a.mu.Unlock()
	t, bad := a.bearer(q)
	if t == nil {
		return bad
	}
	acct, no := a.state.accounts[id], a.state.deniedRoles
	switch {
	case id == "" || role == "":
		return q.fail(400, "InvalidRequestException", "role_name and account_id are required")
	case acct == nil || !slices.Contains(acct.roles, role) || no[id+"/"+role] || no[id+"/"]:
		return q.fail(http.StatusForbidden, "ForbiddenException", "No access")
	}
	p := a.newRoleKeys(id, "AWSReservedSSO_"+role+"_0123456789abcdef", t.user, partitionOf(t.region).id, a.opt.RoleTTL)
	return q.ok(object{"roleCredentials": object{
		"accessKeyId": p.id, "secretAccessKey": p.secret, "sessionToken": p.token, "expiration": p.expires.UnixMilli(),
	}})
}

// logout ends the access token and the session's refresh tokens. Role credentials remain
// valid.
func (a *AWS) logout(q *request) answer {
	a.mu.Lock()
	defer a.mu.Unlock()
	t, bad := a.bearer(q)
	if t == nil {
		return bad
	}
	t.ends = a.Now()
	return answer{status: http.StatusOK}
}
