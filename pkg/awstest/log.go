package awstest

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"slices"
	"time"
)

// Call is one request that reached a service. It holds no secret.
type Call struct {
	Time   time.Time `json:"time"` // on the clock of the services
	Op     Op        `json:"op"`
	Host   string    `json:"host"`
	Key    string    `json:"key,omitempty"`    // account/role/region, client, or repository path
	Status int       `json:"status"`           // 0: no answer (yet, or the connection broke)
	Fault  Kind      `json:"fault,omitempty"`  // the fault that it met
	Detail string    `json:"detail,omitempty"` // error code of the answer
}

// Connection is one CONNECT at the proxy, or one connection to a loopback endpoint.
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

// Calls returns the number of requests for an operation, a service, or Any since the last
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

// Log returns the requests since the last ResetLog, in order of arrival.
func (a *AWS) Log() []Call {
	a.mu.Lock()
	defer a.mu.Unlock()
	log := make([]Call, len(a.calls))
	for i, c := range a.calls {
		log[i] = *c
	}
	return log
}

// Connections returns the connections since the last ResetLog, including those that were
// refused.
func (a *AWS) Connections() []Connection {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.conns)
}

// ResetLog clears the calls and the connections, but not the secrets.
func (a *AWS) ResetLog() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls, a.conns = nil, nil
}

// Secrets returns every secret that was ever issued and each PKCE verifier that was
// received, for a test that searches outputs and files for them.
func (a *AWS) Secrets() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.secrets)
}

// secret makes a secret of about n characters and records it. Call with mu held.
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
