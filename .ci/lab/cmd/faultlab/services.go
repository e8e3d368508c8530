//go:build linux

package main

import (
	"os"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/lab"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// services: F-svc-1 and 2: refusals by AWS. Each has its own message. The helper does not
// retry calls that cannot succeed.
func services() []fault {
	row := func(id, what string, from state, w want, set func(s *stage)) fault {
		return fault{id: id, family: "F-svc-1", what: what, from: from, want: w, quick: true, limit: 5 * time.Second, set: set,
			calls: map[awstest.Op]int{awstest.GetRoleCredentials: 2, awstest.GetAuthorizationToken: 2, awstest.CreateToken: 1}}
	}
	login := `docker-credential-ecr-sso login --sso-session corp`
	status := func(op awstest.Op, httpStatus int, code string) func(*stage) {
		return func(s *stage) {
			s.fail(op, awstest.Fault{Kind: awstest.Status, Status: httpStatus, Code: code, Message: "no"})
		}
	}
	all := []fault{
		withoutCalls(row("signed-out", "not signed in", signedOut, refusal(`not signed in to SSO session "corp"`, login), nil)),
		withoutCalls(row("unrefreshable", "the session has expired and cannot be renewed", unrefreshable, refusal(`"corp" expired`, login), nil)),
		row("revoked", "the session was revoked and can be renewed", signedIn, is(answered), func(s *stage) { s.AWS.RevokeSession() }),
		row("ended", "the session was ended at AWS", signedIn, refusal(`revoked`, login), func(s *stage) {
			s.AWS.ExpireSession()
			s.ignore(s.Home.TokenPath(lab.Session)) // after two refusals, the file is deleted
		}),
		row("ended-expired", "the session has to be renewed and was ended at AWS", expired, refusal(`has expired and could not be refreshed`, login), func(s *stage) { s.AWS.ExpireSession() }),
		row("client-expired", "the session has to be renewed and the client's registration has expired", expired, refusal(`could not be refreshed`, login), func(s *stage) { s.AWS.ExpireClients() }),
		row("role-denied", "the role is not assigned", signedIn, refusal(`role "Push" in account 123456789012 is not assigned to you`, "docker-credential-ecr-sso configure"), func(s *stage) { s.AWS.DenyRole(lab.Account, lab.Role) }),
		row("account-denied", "the account is not assigned", signedIn, refusal(`account 123456789012 is not assigned to you`, "docker-credential-ecr-sso configure"), func(s *stage) { s.AWS.DenyRole(lab.Account, "") }),
		row("ecr-denied", "the role has no permission for ecr:GetAuthorizationToken", signedIn, refusal(`is not allowed to call ecr:GetAuthorizationToken`, "docker-credential-ecr-sso doctor"), func(s *stage) { s.AWS.DenyECR(lab.Account) }),
		row("ecr-explicit-deny", "a policy of the organization denies the call", signedIn, refusal(`AccessDenied`, ""), status(awstest.GetAuthorizationToken, 400, "AccessDeniedException")),
		row("ecr-region-off", "the region is not opted in", signedIn, refusal(`ecr`, ""), status(awstest.GetAuthorizationToken, 400, "UnrecognizedClientException")),
		row("ecr-key-unknown", "ECR rejects the signature", signedIn, refusal(`ecr`, ""), status(awstest.GetAuthorizationToken, 403, "InvalidSignatureException")),
		row("ecr-expired-keys", "ECR rejects the keys as expired", signedIn, refusal(`ecr`, ""), status(awstest.GetAuthorizationToken, 403, "ExpiredTokenException")),
		row("ecr-bad-request", "ECR rejects the request", signedIn, refusal(`ecr`, ""), status(awstest.GetAuthorizationToken, 400, "InvalidParameterException")),
		row("ecr-404", "ECR returns 404", signedIn, refusal(`ecr`, ""), status(awstest.GetAuthorizationToken, 404, "NotFound")),
		row("portal-404", "the portal does not find the role", signedIn, refusal(`portal`, ""), status(awstest.GetRoleCredentials, 404, "ResourceNotFoundException")),
		row("portal-bad-request", "the portal rejects the request", signedIn, refusal(`portal`, ""), status(awstest.GetRoleCredentials, 400, "InvalidRequestException")),
		row("oidc-bad-request", "the sign-in service rejects the request", expired, refusal(`oidc`, ""), status(awstest.CreateToken, 400, "invalid_request")),
		row("oidc-denied", "the sign-in service denies access", expired, refusal(`oidc|could not be refreshed`, ""), status(awstest.CreateToken, 400, "access_denied")),
		row("oidc-pending", "the sign-in service returns slow_down to a refresh", expired, refusal(`oidc|could not be refreshed`, ""), status(awstest.CreateToken, 400, "slow_down")),
	}
	down := row("oidc-down-live", "the sign-in service is down, and the token expires in two minutes", signedIn, is(answered), func(s *stage) {
		s.token.ExpiresAt = time.Now().Add(2 * time.Minute)
		s.Home.WriteToken(lab.Session, s.token)
		s.fail(awstest.OIDC, awstest.Fault{Kind: awstest.Reset})
	})
	down.family, down.slow, down.limit, down.calls = "F-svc-2", true, network, nil
	return append(append(all, down), tokenFiles()...)
}

// withoutCalls requires the helper to fail immediately, without a call.
func withoutCalls(f fault) fault {
	f.limit = local
	f.calls = map[awstest.Op]int{awstest.Any: 0}
	return f
}

// tokenFiles: the SSO token file is damaged.
func tokenFiles() []fault {
	login := `docker-credential-ecr-sso login --sso-session corp`
	as := func(id, what, text string) fault {
		return withoutCalls(fault{id: "sso-file-" + id, family: "F-svc-1", what: "the SSO token file " + what, quick: true, want: refusal(`session "corp"`, login),
			set: func(s *stage) {
				path := s.Home.TokenPath(lab.Session)
				s.must(os.WriteFile(path, []byte(text), 0o600))
				s.ignore(path)
				s.mustNotChange(path)
			}})
	}
	return []fault{
		as("empty", "is empty", ""), as("null", "is null", "null"), as("garbage", "is garbage", "\x00\xff"), as("list", "is a list", "[]"),
		as("no-token", "has no access token", `{"startUrl": "`+lab.StartURL+`", "region": "us-east-1", "expiresAt": "2099-01-01T00:00:00Z"}`),
		as("numbers", "has numbers for strings", `{"startUrl": 1, "region": 2, "accessToken": 3, "expiresAt": 4}`),
		hostileRegion(),
		as("bad-date", "has a word for the date", `{"startUrl": "`+lab.StartURL+`", "region": "us-east-1", "accessToken": "x", "expiresAt": "tomorrow"}`),
	}
}

// hostileRegion: the helper ignores the region, because the token would be sent to a host
// whose name contains it. It uses the session's region.
func hostileRegion() fault {
	return fault{id: "sso-file-region", family: "F-svc-1", what: "the SSO token file has a region that is a path", quick: true, want: is(answered),
		calls: map[awstest.Op]int{awstest.GetRoleCredentials: 1, awstest.GetAuthorizationToken: 1},
		set: func(s *stage) {
			s.replaceIn(s.Home.TokenPath(lab.Session), `"region": "us-east-1"`, `"region": "us-east-1.evil.com/"`)
		}}
}
