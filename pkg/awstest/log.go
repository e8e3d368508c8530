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
	Time   time.Time `json:"time"` // by the services' clock
	Op     Op        `json:"op"`
	Host   string    `json:"host"`
	Key    string    `json:"key,omitempty"`    // what it was about: account/role/region, client, repository path
	Status int       `json:"status"`           // 0: no answer (yet, or the connection was broken)
	Fault  Kind      `json:"fault,omitempty"`  // the fault it met
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

// Calls counts the requests for an operation, a service, or Any since the last ResetLog.
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

// Log is every request since the last ResetLog, in order of arrival.
func (a *AWS) Log() []Call {
	a.mu.Lock()
	defer a.mu.Unlock()
	log := make([]Call, len(a.calls))
	for i, c := range a.calls {
		log[i] = *c
	}
	return log
}

// Connections is every connection asked for since the last ResetLog, those refused included.
func (a *AWS) Connections() []Connection {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.conns)
}

// ResetLog forgets calls and connections. Secrets stay.
func (a *AWS) ResetLog() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls, a.conns = nil, nil
}

// Secrets is every secret ever issued, and each PKCE verifier that was shown, for a test that searches outputs and files for them.
func (a *AWS) Secrets() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.secrets)
}

// secret makes one of about n characters and remembers it. Call with mu held.
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
