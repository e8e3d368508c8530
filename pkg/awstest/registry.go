package awstest

import (
	"io"
	"log"
	"net/http"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
)

// store is the registry of an account in a region, for all forms of its host name. A push
// creates the repository.
type store struct {
	handler http.Handler
	bearers map[string]*bearerPass // public.ecr.aws: tokens issued by /token/
}

type bearerPass struct {
	write   bool
	expires time.Time
}

func routeRegistry(q *request) (Op, action) {
	op := RegistryWrite
	if q.Method == http.MethodGet || q.Method == http.MethodHead {
		op = RegistryRead
	}
	if q.service == PublicRegistry {
		return op, (*AWS).publicRegistry
	}
	return op, (*AWS).privateRegistry
}

// storeOf returns a registry, creating it on first use. Call with mu held.
func (a *AWS) storeOf(account, region string) *store {
	s := a.state.stores[account+"/"+region]
	if s == nil {
		s = &store{handler: registry.New(registry.Logger(log.New(io.Discard, "", 0)), registry.WithReferrersSupport(true)),
			bearers: map[string]*bearerPass{}}
		a.state.stores[account+"/"+region] = s
	}
	return s
}

func (a *AWS) privateRegistry(q *request) answer {
	a.mu.Lock()
	q.log.Key = q.account + "/" + q.region + " " + q.Method + " " + q.URL.Path
	user, pw, given := q.BasicAuth()
	p := a.state.passwords[pw]
	var no answer
	switch {
	case !given || user != "AWS" || p == nil || p.public || p.region != "" && p.region != q.region:
		no = q.fail(http.StatusUnauthorized, "UNAUTHORIZED", "Not Authorized")
	case !a.Now().Before(p.expires):
		no = q.fail(http.StatusUnauthorized, "DENIED", "Your authorization token has expired. Reauthenticate and try again.")
	case p.account != q.account && !a.state.crossAccount[[2]string{p.account, q.account}]:
		no = q.fail(http.StatusForbidden, "DENIED", "User is not authorized to use the registry of account "+q.account)
	}
	s := a.storeOf(q.account, q.region)
	a.mu.Unlock()
	if no.status == http.StatusUnauthorized {
		no.header.Set("Www-Authenticate", `Basic realm="https://`+q.host+`/",service="ecr.amazonaws.com"`)
	}
	if no.status != 0 {
		return no
	}
	return record(s.handler, q)
}

// publicRegistry serves public.ecr.aws. Its /token/ endpoint issues a read token to any
// client, and a write token for an ECR Public password.
func (a *AWS) publicRegistry(q *request) answer {
	a.mu.Lock()
	q.log.Key = q.Method + " " + q.URL.Path
	s := a.storeOf("public", q.region)
	if strings.TrimSuffix(q.URL.Path, "/") == "/token" {
		defer a.mu.Unlock()
		return a.publicToken(q, s)
	}
	pw, _ := strings.CutPrefix(q.Header.Get("Authorization"), "Bearer ")
	pass := s.bearers[pw]
	now := a.Now()
	a.mu.Unlock()
	switch {
	case pass == nil || !now.Before(pass.expires):
		no := q.fail(http.StatusUnauthorized, "UNAUTHORIZED", "Not Authorized")
		no.header.Set("Www-Authenticate", `Bearer realm="https://`+q.host+`/token/",service="`+q.host+`",scope="aws"`)
		return no
	case q.op == RegistryWrite && !pass.write:
		return q.fail(http.StatusForbidden, "DENIED", "Not Authorized")
	}
	return record(s.handler, q)
}

// publicToken issues a bearer token, with or without a password. Call with mu held.
func (a *AWS) publicToken(q *request, s *store) answer {
	user, pw, given := q.BasicAuth()
	p := a.state.passwords[pw]
	if given && (user != "AWS" || p == nil || !p.public || !a.Now().Before(p.expires)) {
		return q.fail(http.StatusUnauthorized, "UNAUTHORIZED", "Your authorization token is invalid or has expired")
	}
	token := a.secret("", 200)
	s.bearers[token] = &bearerPass{write: given, expires: a.Now().Add(12 * time.Hour)}
	return q.ok(object{"token": token})
}

// record runs a handler and returns its response, so that a fault can change it.
func record(h http.Handler, q *request) answer {
	w := &recorder{answer{status: http.StatusOK, header: http.Header{}}}
	h.ServeHTTP(w, q.Request)
	return w.answer
}

type recorder struct{ answer }

func (r *recorder) Header() http.Header { return r.header }
func (r *recorder) WriteHeader(s int)   { r.status = s }
func (r *recorder) Write(b []byte) (int, error) {
	r.body = append(r.body, b...)
	return len(b), nil
}
