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

// LimitPortal limits the portal to a rate of calls with a burst, over all its operations,
// as AWS does. Calls beyond it get TooManyRequestsException, with retryAfter as the value
// of Retry-After unless it is empty. 0 calls a second end the limit.
func (a *AWS) LimitPortal(perSecond float64, burst int, retryAfter string) {
	var b *bucket
	if perSecond > 0 {
		b = &bucket{perSecond: perSecond, burst: float64(burst), retryAfter: retryAfter, left: float64(burst), at: a.Now()}
	}
	a.limit.Store(b)
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
	b := a.limit.Load()
	if b == nil || q.service != Portal || b.take(a.Now()) {
		return answer{}, false
	}
	out = throttled(q)
	if b.retryAfter != "" {
		out.header.Set("Retry-After", b.retryAfter)
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
