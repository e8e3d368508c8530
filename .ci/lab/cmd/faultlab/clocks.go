//go:build linux

package main

import (
	"fmt"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/lab"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// clocks: F-time-1: AWS and this computer have different clocks. The clock of a static Go
// program cannot be replaced, so the lab changes the fake's clock.
func clocks() []fault {
	var all []fault
	long := awstest.Options{SessionTTL: 200 * 365 * 24 * time.Hour, AccessTokenTTL: 200 * 365 * 24 * time.Hour, RoleTTL: 12 * time.Hour}
	for _, c := range []struct {
		id, what string
		off      time.Duration
		cause    string
	}{
		{"6-minutes-ahead", "6 minutes ahead", 6 * time.Minute, "clock is 6m behind"}, {"6-minutes-behind", "6 minutes behind", -6 * time.Minute, "clock is 6m ahead"},
		{"a-day-ahead", "a day ahead", 24 * time.Hour, "clock is .* behind"}, {"a-day-behind", "a day behind", -24 * time.Hour, "clock is .* ahead"},
		{"2100", "in the year 2100", time.Until(time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)), "clock is .* behind"},
		{"1971", "in the year 1971", time.Until(time.Date(1971, 1, 1, 0, 0, 0, 0, time.UTC)), "clock is .* ahead|expiry|has expired"},
	} {
		f := fault{id: "clock-" + c.id, family: "F-time-1", what: "AWS's clock is " + c.what, aws: long, quick: true,
			want:  want{ending: either, cause: c.cause, next: "docker-credential-ecr-sso "},
			calls: map[awstest.Op]int{awstest.GetAuthorizationToken: 3}, set: func(s *stage) { s.AWS.Advance(c.off) }}
		all = append(all, f)
		warm := f
		warm.id, warm.what, warm.from, warm.want, warm.limit = "warm-"+f.id, f.what+", and the login is in the cache", warmed, is(answered), local
		warm.calls = map[awstest.Op]int{awstest.Any: 0}
		if c.off > 12*time.Hour {
			continue // by AWS's clock the login has expired
		}
		all = append(all, warm)
	}
	for _, date := range []struct{ id, value string }{
		{"1970", "1970-01-01T00:00:00Z"}, {"9999", "9999-12-31T23:59:59Z"}, {"utc", "2099-01-01T00:00:00UTC"},
	} {
		all = append(all, fault{id: "sso-expires-" + date.id, family: "F-time-1", what: "the SSO token file has the expiry " + date.value, quick: true,
			want: is(answered), set: func(s *stage) {
				path := s.Home.TokenPath(lab.Session)
				s.replaceIn(path, `"expiresAt": "[^"]*"`, fmt.Sprintf(`"expiresAt": %q`, date.value))
			}})
	}
	skew := fault{id: "clock-date-header", family: "F-time-1", what: "the Date header of every response is two hours off", quick: true, want: is(answered),
		set: func(s *stage) { s.fail(awstest.Any, awstest.Fault{Kind: awstest.DateSkew, Skew: 2 * time.Hour}) }}
	return append(all, skew)
}
