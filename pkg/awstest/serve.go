package awstest

import (
	"bytes"
	"io"
	"net/http"
	"time"
)

// request is a call as received by a service.
type request struct {
	*http.Request
	target
	op   Op
	body []byte // nil for registries, which stream it
	log  *Call
}

// answer is a service's response. err is the error code for the log.
type answer struct {
	status int
	header http.Header
	body   []byte
	err    string
}

type action func(*AWS, *request) answer

// route returns the operation and the function that implements it.
func route(q *request) (Op, action) {
	switch q.service {
	case OIDC:
		return routeOIDC(q)
	case Portal:
		return routePortal(q)
	case ECR, ECRPublic:
		return routeECR(q)
	case STS:
		return routeSTS(q)
	case Signin:
		return routeSignin(q)
	case Registry, PublicRegistry:
		return routeRegistry(q)
	case Device:
		return ApproveDevice, (*AWS).approvePage
	case Container:
		return ContainerCredentials, (*AWS).containerCredentials
	case Metadata:
		return routeMetadata(q)
	case Vanity:
		return Vanity, (*AWS).toPortal
	}
	return Unknown, (*AWS).unknown
}

func (a *AWS) unknown(q *request) answer {
	return q.fail(http.StatusNotFound, "UnknownOperationException", "")
}

// serve handles one call: log, fault, operation, service time, response.
func (a *AWS) serve(w http.ResponseWriter, r *http.Request, t target) {
	q := &request{Request: r, target: t, log: &Call{Host: t.host}}
	if t.service != Registry && t.service != PublicRegistry {
		body, err := io.ReadAll(io.LimitReader(r.Body, 4<<20))
		if err != nil {
			return
		}
		q.body = body
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	op, act := route(q)
	q.op, q.log.Op, q.log.Key = op, op, t.region
	a.note(q.log)
	f := a.take(t.service, op, t.host, callPhase)
	out, done := a.before(w, q, f)
	if done {
		return
	}
	if out.status == 0 {
		out, done = a.limited(q)
	}
	if !done && out.status == 0 {
		out = act(a, q)
		a.wait(q, cmpTime(a.opt.ServiceTime, op, t.service))
	}
	a.after(w, q, f, out)
}

func cmpTime(m map[Op]time.Duration, op, service Op) time.Duration {
	if d, ok := m[op]; ok {
		return d
	}
	return m[service]
}

// wait sleeps for d, or until the client disconnects or the fake closes.
func (a *AWS) wait(q *request, d time.Duration) {
	if d > 0 {
		waitUntil(time.Now().Add(d), q.Context().Done(), a.closing)
	}
}

// key records the subject of the call in the log.
func (a *AWS) key(q *request, key string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	q.log.Key = key
}

func (a *AWS) settle(q *request, f *activeFault, status int, code string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	q.log.Status, q.log.Fault, q.log.Detail = status, f.kind(), code
}

// send writes a complete response.
func (a *AWS) send(w http.ResponseWriter, q *request, f *activeFault, out answer) {
	a.settle(q, f, out.status, out.err)
	h := w.Header()
	for k, v := range out.header {
		h[k] = v
	}
	if h.Get("Date") == "" {
		h.Set("Date", a.Now().UTC().Format(http.TimeFormat))
	}
	h.Set("X-Amzn-Requestid", random32(26))
	w.WriteHeader(out.status)
	if q.Method != http.MethodHead {
		w.Write(out.body)
	}
}
