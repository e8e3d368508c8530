//go:build linux

package main

import (
	"fmt"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// throttling: F-net-4: no more than three calls of a service within five seconds. The
// helper follows a Retry-After of up to ten seconds. If it is longer, the helper does not
// retry.
func throttling() []fault {
	var all []fault
	for _, sv := range servicesOfGet {
		add := func(id, what, cause string, limit time.Duration, most int, f awstest.Fault) *fault {
			all = append(all, fault{id: sv.name + "-" + id, family: "F-net-4", what: "at " + sv.name + ": " + what, from: sv.from, limit: limit, slow: true,
				want: refusal(cause, "docker-credential-ecr-sso (doctor|login|configure)"), calls: map[awstest.Op]int{sv.op: most},
				quick: sv.name == "portal" && limit <= 5*time.Second, set: func(s *stage) { s.fail(sv.op, f) }})
			return &all[len(all)-1]
		}
		for _, status := range []int{500, 502, 503, 504} {
			add(fmt.Sprint(status), fmt.Sprintf("status %d", status), sv.host+".*"+fmt.Sprint(status), 5*time.Second, 3, awstest.Fault{Kind: awstest.Status, Status: status})
		}
		add("throttled", "throttled with the service's own error", sv.host+".*throttling", 5*time.Second, 3, awstest.Fault{Kind: awstest.Throttle})
		once := add("500-once", "status 500, once", "", 5*time.Second, 2, awstest.Fault{Kind: awstest.Status, Status: 500, Times: 1})
		once.want = is(answered)
		again := add("throttled-once", "throttled once, Retry-After 1", "", 6*time.Second, 2, awstest.Fault{Kind: awstest.Throttle, RetryAfter: "1", Times: 1})
		again.want = is(answered)
		for _, retry := range []struct {
			id, value string
			limit     time.Duration
		}{
			{"0", "0", 5 * time.Second}, {"1", "1", 7 * time.Second}, {"5", "5", 16 * time.Second}, {"30", "30", 5 * time.Second},
			{"3600", "3600", 5 * time.Second}, {"negative", "-1", 5 * time.Second}, {"huge", "99999999999999999999", 5 * time.Second},
			{"words", "later", 5 * time.Second}, {"fraction", "0.5", 5 * time.Second},
			{"date-past", "Thu, 01 Jan 1970 00:00:00 GMT", 5 * time.Second}, {"date-far", "Fri, 31 Dec 2100 23:59:59 GMT", 5 * time.Second},
		} {
			if sv.name != "portal" && retry.id != "30" && retry.id != "1" {
				continue
			}
			add("retry-after-"+retry.id, "status 429, Retry-After: "+retry.value, sv.host, retry.limit, 3,
				awstest.Fault{Kind: awstest.Status, Status: 429, Code: "TooManyRequestsException", RetryAfter: retry.value})
		}
	}
	return all
}
