package awstest

import "time"

// These functions report which credentials are still valid. Tests use them to check a
// client's files.

// RefreshTokenValid reports whether the service would accept a refresh token now: the fake
// issued it, it has not been used, and its session has not expired.
func (a *AWS) RefreshTokenValid(refreshToken string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	t := a.state.refresh[refreshToken]
	return t != nil && !t.used && a.Now().Before(t.ends)
}

// RefreshTokenUsed reports whether a refresh token has been used.
func (a *AWS) RefreshTokenUsed(refreshToken string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	t := a.state.refresh[refreshToken]
	return t != nil && t.used
}

// PasswordValid reports whether a registry would accept a password now.
func (a *AWS) PasswordValid(pw string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	p := a.state.passwords[pw]
	return p != nil && a.Now().Before(p.expires)
}

// WaitIdle waits up to d for all proxy connections to close and reports whether they did.
// By then, the requests of a killed client have been processed and logged.
func (a *AWS) WaitIdle(d time.Duration) bool {
	for end := time.Now().Add(d); ; time.Sleep(time.Millisecond) {
		a.mu.Lock()
		open := len(a.net.tunnels)
		a.mu.Unlock()
		if open == 0 || time.Now().After(end) {
			return open == 0
		}
	}
}
