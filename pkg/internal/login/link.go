package login

import (
	"context"
	"crypto/rand"
	"net/http"
	"sync/atomic"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/crash"
)

// newLink serves a link on loopback that leads a browser to page, once, until ctx
// ends. The browser is started with the link instead of the page: all users of a
// machine can read its command line, and the page's address has the state of the
// sign-in in it, or its device code. With those another user could end the sign-in
// or complete it with an identity of their own.
func newLink(ctx context.Context, page string) (string, error) {
	path := "/" + rand.Text()
	var used atomic.Bool
	server, host, err := serveLoopback(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method != http.MethodGet || r.URL.EscapedPath() != path:
			notFoundPage().write(w, http.StatusNotFound)
		case fromAnotherUser(r):
			foreignLinkPage().write(w, http.StatusForbidden)
		case !used.CompareAndSwap(false, true):
			usedLinkPage().write(w, http.StatusGone)
		default:
			w.Header().Set("Location", page)
			w.Header().Set("Cache-Control", "no-store")
			w.Header().Set("Referrer-Policy", "no-referrer")
			w.WriteHeader(http.StatusSeeOther)
		}
	})
	if err != nil {
		return "", err
	}
	context.AfterFunc(ctx, crash.Guard(func() { _ = server.Close() }))
	return "http://" + host + path, nil
}
