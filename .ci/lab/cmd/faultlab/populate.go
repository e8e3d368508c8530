//go:build linux

package main

import (
	"context"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// populates: F-setup-1: `configure --all` lists an organization, and the portal fails. The
// listing continues after a temporary failure. A configuration that is rejected or cannot be
// read is not changed.
func populates() []fault {
	row := func(id, what string, w want, set func(s *stage)) fault {
		return fault{id: "populate-" + id, family: "F-setup-1", what: "configure --all: " + what, ours: true, quick: true, slow: true, limit: 20 * time.Second, want: w,
			set: func(s *stage) {
				s.AWS.AddOrganization(20, "Push", "ReadOnly")
				s.call.Args = []string{"configure", "--all", "--account", "1000*", "--prune"}
				if w.ending == commandOK {
					s.ignore(s.Home.ConfigPath())
				}
				set(s)
			}}
	}
	fails := func(id, what string, op awstest.Op, f awstest.Fault) fault {
		return row(id, what, is(commandOK), func(s *stage) { s.fail(op, f) })
	}
	var all []fault
	for _, op := range []awstest.Op{awstest.ListAccounts, awstest.ListAccountRoles} {
		name := strings.ToLower(string(op))
		all = append(all,
			fails(name+"-throttled", "throttled at "+string(op), op, awstest.Fault{Kind: awstest.Throttle, Times: 5}),
			fails(name+"-retry-after", "throttled with Retry-After at "+string(op), op, awstest.Fault{Kind: awstest.Throttle, RetryAfter: "2", Times: 3}),
			fails(name+"-503", "status 503 at "+string(op), op, awstest.Fault{Kind: awstest.Status, Status: 503, Times: 3}),
			fails(name+"-reset", "broken connections at "+string(op), op, awstest.Fault{Kind: awstest.Reset, Times: 3}),
			fails(name+"-cut", "incomplete responses at "+string(op), op, awstest.Fault{Kind: awstest.Cut, Times: 3}),
			fails(name+"-html", "a captive portal at "+string(op), op, awstest.Fault{Kind: awstest.HTML, Times: 2}),
			fails(name+"-empty", "responses without a list at "+string(op), op, awstest.Fault{Kind: awstest.EmptyObject, Times: 2}),
			fails(name+"-null", "null at "+string(op), op, awstest.Fault{Kind: awstest.NullFields, Times: 2}),
			fails(name+"-giant", "a giant response at "+string(op), op, awstest.Fault{Kind: awstest.Giant, Size: 8 << 20, Times: 2}),
			fails(name+"-extra", "unknown fields at "+string(op), op, awstest.Fault{Kind: awstest.ExtraFields, Times: 5}),
		)
	}
	no := func(cause, next string) want { return want{ending: commandNo, cause: cause, next: next} }
	limited := row("limit", "a portal that allows 10 calls a second", is(commandOK), func(s *stage) { s.AWS.Limit(awstest.Portal, 10, 5, "1") })
	return append(all, limited,
		row("denied", "the user is not allowed to list", no("no accounts listed", "docker-credential-ecr-sso configure --all"), func(s *stage) {
			s.fail(awstest.ListAccounts, awstest.Fault{Kind: awstest.Deny})
		}),
		row("revoked", "the session is revoked and cannot be renewed", no("sign|session|browser", "docker-credential-ecr-sso "), func(s *stage) {
			s.AWS.RevokeSession()
			s.AWS.ExpireSession()
			s.env("CI=true")
		}),
		rooted(row("disk", "the disk is full when ~/.aws/config is written", no("no space left", "df -h "), func(s *stage) { s.fullAt(s.Path(".aws")) })),
		incomplete(row("incomplete", "AWS denies the roles of one account: with --prune no profile goes", no("listed 19 of 20 accounts", ""), func(s *stage) {
			s.fail(awstest.ListAccountRoles, awstest.Fault{Kind: awstest.Deny, Times: 1})
		})),
		row("interrupted", "interrupted while the portal does not answer", want{ending: stopped, signal: syscall.SIGINT}, func(s *stage) {
			s.fail(awstest.ListAccountRoles, awstest.Fault{Kind: awstest.Hang})
			s.call.During = func(ctx context.Context, pid int) { s.whenReached(ctx, pid, awstest.ListAccountRoles, syscall.SIGINT) }
		}),
		row("config-unreadable", "the AWS CLI cannot read ~/.aws/config", no("AWS CLI cannot read", ""), func(s *stage) {
			s.Home.WriteConfig("[profile a]\nwhat\n[sso-session corp]\nsso_start_url = https://my-portal.awsapps.com/start\nsso_region = us-east-1\n")
		}),
	)
}

// incomplete adds a profile from an earlier run that is not in the listing. The profile
// must stay.
func incomplete(f fault) fault {
	const old = "[profile Old-999999999999]\nsso_session = corp\nsso_account_id = 999999999999\nsso_role_name = Old\necr_sso_generated = corp\n"
	set := f.set
	f.set = func(s *stage) {
		set(s)
		text, err := os.ReadFile(s.Home.ConfigPath())
		s.must(err)
		s.Home.WriteConfig(string(text) + "\n" + old)
		s.ignore(s.Home.ConfigPath())
	}
	f.verify = func(s *stage, r *row) {
		text, err := os.ReadFile(s.Home.ConfigPath())
		if err != nil || !strings.Contains(string(text), old) || !strings.Contains(string(text), "[profile Push-100000000001]") {
			r.bad(noLoss, "the old profile is gone, or the listed ones are not there: %v", err)
		}
	}
	return f
}
