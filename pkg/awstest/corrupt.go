package awstest

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const captivePage = "<!DOCTYPE html>\n<html><head><title>Welcome</title></head><body><h1>Hotel Wi-Fi: please sign in</h1></body></html>\n"

// before applies a fault that replaces the operation. If done is true, the request is
// finished, with or without a response. A response with a status replaces the operation's
// response. Otherwise the operation runs.
func (a *AWS) before(w http.ResponseWriter, q *request, f *activeFault) (out answer, done bool) {
	switch f.kind() {
	case Status:
		out = q.fail(cmp.Or(f.Status, 500), cmp.Or(f.Code, serverError(q.service)), f.Message)
		if f.Body != "" {
			out.body = []byte(f.Body)
		}
	case Throttle:
		out = throttled(q)
	case Deny:
		out = denied(q)
	case SlowDown:
		out = q.fail(400, "slow_down", "")
	case Pending:
		out = q.fail(400, "authorization_pending", "")
	case Delay:
		a.wait(q, f.Delay)
	case Hang:
		select {
		case <-f.healed:
		case <-a.closing:
		case <-q.Context().Done():
		}
		a.reset(w, q, f)
		return out, true
	case Reset:
		a.reset(w, q, f)
		return out, true
	case HTML:
		out = answer{status: 200, header: typed("text/html; charset=utf-8"), body: []byte(cmp.Or(f.Body, captivePage))}
	case Redirect:
		out = answer{status: 302, header: http.Header{"Location": {cmp.Or(f.Location, "https://login.hotspot.example/")}}}
	case Giant, GzipBomb, EndlessChunks:
		a.flood(w, q, f)
		return out, true
	}
	return out, false
}

func serverError(service Op) string {
	switch service {
	case OIDC:
		return "server_error"
	case ECR, ECRPublic:
		return "ServerException"
	}
	return "InternalFailure"
}

func throttled(q *request) answer {
	switch q.service {
	case OIDC, Portal:
		return q.fail(429, "TooManyRequestsException", "HTTP 429 Unknown Code")
	case ECR, ECRPublic:
		return q.fail(400, "ThrottlingException", "Rate exceeded")
	case STS:
		return q.fail(400, "Throttling", "Rate exceeded")
	}
	return q.fail(429, "TOOMANYREQUESTS", "Rate exceeded")
}

func denied(q *request) answer {
	switch {
	case q.op == Authorize:
		return redirectBack(q.URL.Query(), "error", "access_denied")
	case q.service == OIDC:
		return q.fail(400, "access_denied", "")
	case q.service == Portal:
		return q.fail(403, "ForbiddenException", "No access")
	case q.service == ECR, q.service == ECRPublic:
		return q.fail(400, "AccessDeniedException", "User is not authorized to perform: ecr:GetAuthorizationToken on resource: *")
	case q.service == STS:
		return q.fail(403, "AccessDenied", "User is not authorized to perform: sts:"+string(q.op))
	}
	return q.fail(403, "DENIED", "User is not authorized")
}

// after sends the operation's response, changed by the fault if there is one.
func (a *AWS) after(w http.ResponseWriter, q *request, f *activeFault, out answer) {
	if f == nil {
		a.send(w, q, nil, out)
		return
	}
	out.header = maps.Clone(out.header)
	if out.header == nil {
		out.header = http.Header{}
	}
	maps.Copy(out.header, f.Header)
	if f.RetryAfter != "" {
		out.header.Set("Retry-After", f.RetryAfter)
	}
	switch f.Kind {
	case LateReset:
		a.reset(w, q, f)
		return
	case Cut:
		out.header.Set("Content-Length", strconv.Itoa(len(out.body)+64))
		out.body = out.body[:len(out.body)/2]
		a.send(w, q, f, out)
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	case Drip:
		a.drip(w, q, f, out)
		return
	case WrongType:
		out.header.Set("Content-Type", "text/plain")
	case DateSkew:
		out.header.Set("Date", a.Now().Add(f.Skew).UTC().Format(http.TimeFormat))
	case HeaderFlood:
		for i := range 20_000 {
			out.header.Set(fmt.Sprintf("X-Flood-%d", i), strings.Repeat("x", 50))
		}
	default:
		out.body = corrupt(f, out.body)
	}
	a.send(w, q, f, out)
}

// corrupt changes a correct body.
func corrupt(f *activeFault, body []byte) []byte {
	isXML := bytes.HasPrefix(body, []byte("<"))
	switch f.Kind {
	case Garbage:
		return append(bytes.Clone(body[:len(body)/2]), "\x00}{<"...)
	case EmptyBody:
		return nil
	case EmptyObject:
		if isXML {
			return []byte("<Empty/>")
		}
		return []byte("{}")
	case NullFields:
		if isXML {
			return regexp.MustCompile(`>[^<]+<`).ReplaceAll(body, []byte("><"))
		}
		var v any
		json.Unmarshal(body, &v)
		body, _ = json.Marshal(nulled(v))
	case ExtraFields:
		if rest, ok := bytes.CutPrefix(body, []byte("{")); ok {
			return append([]byte(`{"unheardOf":{"deep":[1,null,"x"]},"expires":"never",`), rest...)
		}
	case Rewrite:
		return f.Rewrite(body)
	}
	return body
}

func nulled(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = nulled(v[k])
		}
		return v
	case []any:
		for i := range v {
			v[i] = nulled(v[i])
		}
		return v
	}
	return nil
}

// reset breaks the connection with a TCP RST.
func (a *AWS) reset(w http.ResponseWriter, q *request, f *activeFault) {
	a.settle(q, f, 0, "")
	c, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	inner := c
	if t, ok := c.(*tls.Conn); ok {
		inner = t.NetConn()
	}
	if t, ok := inner.(*net.TCPConn); ok {
		t.SetLinger(0)
	}
	inner.Close()
}

func (a *AWS) drip(w http.ResponseWriter, q *request, f *activeFault, out answer) {
	h := w.Header()
	maps.Copy(h, out.header)
	h.Set("Content-Length", strconv.Itoa(len(out.body)))
	a.settle(q, f, out.status, out.err)
	w.WriteHeader(out.status)
	for i := range out.body {
		w.Write(out.body[i : i+1])
		w.(http.Flusher).Flush()
		a.wait(q, cmp.Or(f.Delay, time.Second))
		if a.gone(q) {
			panic(http.ErrAbortHandler)
		}
	}
}

func (a *AWS) gone(q *request) bool {
	select {
	case <-a.closing:
		return true
	default:
		return q.Context().Err() != nil
	}
}

// flood sends more data than a client should read: valid JSON of a given size, plain or
// gzipped, or an endless chunked response.
func (a *AWS) flood(w http.ResponseWriter, q *request, f *activeFault) {
	a.settle(q, f, 200, "")
	contentType := q.ok(nil).header.Get("Content-Type")
	w.Header().Set("Content-Type", contentType)
	size := cmp.Or(f.Size, 64<<20)
	var to io.Writer = w
	switch f.Kind {
	case GzipBomb:
		w.Header().Set("Content-Encoding", "gzip")
		z, _ := gzip.NewWriterLevel(w, gzip.BestSpeed)
		defer z.Close()
		to = z
	case Giant:
		w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
	case EndlessChunks:
		size = 1 << 62
	}
	head, tail := `{"filler":"`, `"}`
	io.WriteString(to, head)
	chunk := bytes.Repeat([]byte("a"), 64<<10)
	for left := size - int64(len(head)+len(tail)); left > 0; {
		n := min(left, int64(len(chunk)))
		if _, err := to.Write(chunk[:n]); err != nil || a.gone(q) {
			return
		}
		left -= n
	}
	io.WriteString(to, tail)
}

// oldTLS limits the hosts covered by a fault to TLS 1.0.
func (a *AWS) oldTLS(h *tls.ClientHelloInfo) (*tls.Config, error) {
	t, ok := a.hostOf(h.ServerName)
	if !ok || a.take(t.service, Any, t.host, oldTLSPhase) == nil {
		return nil, nil
	}
	return &tls.Config{GetCertificate: a.certificate, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10}, nil
}
