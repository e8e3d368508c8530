package awstest

import "time"

// What is still good, for a test that looks at what a client was left with.

// Redeemable tells whether a refresh token would be taken now: issued here, not used
// yet, and its session not over.
func (a *AWS) Redeemable(refreshToken string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	t := a.state.refresh[refreshToken]
	return t != nil && !t.used && a.Now().Before(t.ends)
}

// Used tells whether a refresh token has been spent.
func (a *AWS) Used(refreshToken string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	t := a.state.refresh[refreshToken]
	return t != nil && t.used
}

// GoodPassword tells whether a registry would take a password now.
func (a *AWS) GoodPassword(word string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	p := a.state.passwords[word]
	return p != nil && a.Now().Before(p.expires)
}

// Settle waits until no client is connected through the proxy any more, d at the most,
// and tells whether that came. What a killed client had sent has been dealt with and
// logged then.
func (a *AWS) Settle(d time.Duration) bool {
	for end := time.Now().Add(d); ; time.Sleep(time.Millisecond) {
		a.mu.Lock()
		open := len(a.net.tunnels)
		a.mu.Unlock()
		if open == 0 || time.Now().After(end) {
			return open == 0
		}
	}
}
