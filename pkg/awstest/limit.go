package awstest

import (
	"fmt"
	"sync"
	"time"
)

// bucket is a token bucket: it holds burst tokens at most and gets perSecond new ones.
type bucket struct {
	perSecond, burst float64
	retryAfter       string

	mu   sync.Mutex
	left float64
	at   time.Time
}

// Limit limits a service, such as Portal or ECR, to a rate of calls with a burst, over all
// its operations, as AWS does. Calls beyond it get the service's error for throttling, with
// retryAfter as the value of Retry-After unless it is empty. 0 calls a second end the limit.
func (a *AWS) Limit(service Op, perSecond float64, burst int, retryAfter string) {
	if perSecond <= 0 {
		a.limits.Delete(service)
		return
	}
	a.limits.Store(service, &bucket{perSecond: perSecond, burst: float64(burst), retryAfter: retryAfter, left: float64(burst), at: a.Now()})
}

// take takes a token and reports whether there was one.
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

// limited returns the answer of a call beyond the limit.
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

// AddOrganization adds accounts 100000000000, 100000000001, ... named "Team 0000", ..., in
// each of which every signed-in user has the same roles.
func (a *AWS) AddOrganization(accounts int, roles ...string) {
	for i := range accounts {
		a.AddAccount(OrganizationAccount(i), fmt.Sprintf("Team %04d", i), fmt.Sprintf("team-%04d@example.com", i), roles...)
	}
}

// OrganizationAccount returns the id of account i of AddOrganization.
func OrganizationAccount(i int) string { return fmt.Sprintf("1%011d", i) }
