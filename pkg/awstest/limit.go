package awstest

import (
	"fmt"
	"sync"
	"time"
)

// bucket is a token bucket. It holds up to burst tokens and is refilled at perSecond.
type bucket struct {
	perSecond, burst float64
	retryAfter       string

	mu   sync.Mutex
	left float64
	at   time.Time
}

// Limit rate-limits a service, such as Portal or ECR, across all its operations, like AWS.
// Calls above the limit get the service's throttling error and, unless retryAfter is empty,
// a Retry-After header. A rate of 0 removes the limit.
func (a *AWS) Limit(service Op, perSecond float64, burst int, retryAfter string) {
	if perSecond <= 0 {
		a.limits.Delete(service)
		return
	}
	a.limits.Store(service, &bucket{perSecond: perSecond, burst: float64(burst), retryAfter: retryAfter, left: float64(burst), at: a.Now()})
}

// take takes a token and reports whether one was available.
func (b *bucket) take(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left = min(b.burst, b.left+now.Sub(b.at).Seconds()*b.perSecond)
	b.at = now
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}

// limited returns the throttling response if the call exceeds the limit.
func (a *AWS) limited(q *request) (out answer, beyond bool) {
	limit, ok := a.limits.Load(q.service)
	if !ok || limit.(*bucket).take(a.Now()) {
		return answer{}, false
	}
	out = throttled(q)
	if after := limit.(*bucket).retryAfter; after != "" {
		out.header.Set("Retry-After", after)
	}
	return out, true
}

// AddOrganization adds accounts 100000000000, 100000000001, ... with the names "Team 0000",
// "Team 0001", ... All users have the same roles in each account.
func (a *AWS) AddOrganization(accounts int, roles ...string) {
	for i := range accounts {
		a.AddAccount(OrganizationAccount(i), fmt.Sprintf("Team %04d", i), fmt.Sprintf("team-%04d@example.com", i), roles...)
	}
}

// OrganizationAccount returns the ID of account number i from AddOrganization.
func OrganizationAccount(i int) string { return fmt.Sprintf("1%011d", i) }
