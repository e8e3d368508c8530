package awstest

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"slices"
	"time"
)

// Call is a request received by a service. It contains no secrets.
type Call struct {
	Time   time.Time `json:"time"` // service time
	Op     Op        `json:"op"`
	Host   string    `json:"host"`
	Key    string    `json:"key,omitempty"`    // account/role/region, client, or repository path
	Status int       `json:"status"`           // 0: no response yet, or the connection broke
	Fault  Kind      `json:"fault,omitempty"`  // the injected fault
	Detail string    `json:"detail,omitempty"` // error code of the response
}

// Connection is a CONNECT request to the proxy, or a connection to a loopback endpoint.
type Connection struct {
	Time     time.Time `json:"time"`
	Host     string    `json:"host"`
	Accepted bool      `json:"accepted"`
}

func (a *AWS) note(c *Call) {
	a.mu.Lock()
	defer a.mu.Unlock()
	c.Time = a.Now()
	a.calls = append(a.calls, c)
}

func (a *AWS) noteConnection(host string, accepted bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.conns = append(a.conns, Connection{a.Now(), host, accepted})
}

// Calls returns the number of calls to an operation, a service, or Any since the last
// ResetLog.
func (a *AWS) Calls(op Op) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := 0
	for _, c := range a.calls {
		if op == Any || c.Op == op || c.Op.service() == op {
			n++
		}
	}
	return n
}

// Log returns the calls since the last ResetLog in order of arrival.
func (a *AWS) Log() []Call {
	a.mu.Lock()
	defer a.mu.Unlock()
	log := make([]Call, len(a.calls))
	for i, c := range a.calls {
		log[i] = *c
	}
	return log
}

// Connections returns all connections since the last ResetLog, including refused ones.
func (a *AWS) Connections() []Connection {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.conns)
}

// ResetLog clears the call and connection logs, but not the secrets.
func (a *AWS) ResetLog() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls, a.conns = nil, nil
}

// Secrets returns all secrets issued so far and all PKCE verifiers received. Tests search
// outputs and files for them.
func (a *AWS) Secrets() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.secrets)
}

// secret creates a secret of about n characters and records it. Call with mu held.
func (a *AWS) secret(prefix string, n int) string {
	s := prefix + random64(n)
	a.secrets = append(a.secrets, s)
	return s
}

func random64(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)[:n]
}

func random32(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return base32.StdEncoding.EncodeToString(b)[:n]
}
