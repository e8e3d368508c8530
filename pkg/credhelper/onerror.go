package credhelper

import (
	"context"
	"errors"
	"strings"

	"github.com/docker/docker-credential-helpers/credentials"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/settings"
)

// WithClient tells which program asks: the name of its executable file, in lower
// case. It is called at most once for a question, and only if the question cannot be
// answered. A client that asks about every registry of its configuration before it
// does anything (docs/decisions/0015) gets docker's "not found" for a login that
// cannot be had, as an *AnonymousError with the reason, and no sign-in is started for
// it. The settings' on_error overrules what the name says. By default the client is
// not known, and gets the error.
func WithClient(name func() string) Option { return func(h *Helper) { h.client = name } }

// asksEveryEntry reports whether a client of that name asks about every entry of
// credHelpers and stops at any answer but "not found": podman's remote client, which
// is the only one on macOS and Windows and has the local one's name there, and the
// Python clients (docker-py, docker-compose 1, the SAM CLI, which also comes as a
// program of its own).
func asksEveryEntry(client string) bool {
	return strings.HasPrefix(client, "podman") || strings.HasPrefix(client, "python") || client == "sam"
}

// passesOver reports whether a failed get has to let the client go on to its other
// registries. A settings file that cannot be read has no say.
func (h *Helper) passesOver() bool {
	b, _ := h.base()
	switch b.settings.OnError {
	case settings.OnErrorError:
		return false
	case settings.OnErrorNotFound:
		return true
	}
	return asksEveryEntry(h.client())
}

// final is the error that the client gets.
func (h *Helper) final(err error) error {
	if credentials.IsErrCredentialsNotFound(err) || errors.Is(err, context.Canceled) || !h.passesOver() {
		return err
	}
	return &AnonymousError{Reason: err}
}
