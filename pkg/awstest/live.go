package awstest

import "time"

// These functions report what is still valid, for a test that checks the files of a client.

// Redeemable reports whether a refresh token would be accepted now: it was issued here
// and is not used, and its session has not expired.
func (a *AWS) Redeemable(refreshToken string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	t := a.state.refresh[refreshToken]
	return t != nil && !t.used && a.Now().Before(t.ends)
}

// Used reports whether a refresh token was used.
func (a *AWS) Used(refreshToken string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	t := a.state.refresh[refreshToken]
	return t != nil && t.used
}

// GoodPassword reports whether a registry would accept a password now.
func (a *AWS) GoodPassword(word string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	p := a.state.passwords[word]
	return p != nil && a.Now().Before(p.expires)
}

// Settle waits up to d until no client is connected through the proxy, and reports
// whether that happened. The requests of a killed client are then processed and logged.
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
