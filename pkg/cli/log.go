package cli

import (
	"io"
	"log/slog"
	"os"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
)

// openLog opens the log that ECR_SSO_LOG asks for. Nothing is logged without it,
// and a log that cannot be opened costs a line on stderr, not the login.
func openLog(e env.Set, s streams) (*slog.Logger, func()) {
	nothing := slog.New(slog.DiscardHandler)
	path := e.Get(env.SSOLog)
	if path == "" {
		return nothing, func() {}
	}
	f, err := safefile.OpenLog(path)
	if err != nil {
		_, _ = io.WriteString(s.err, "no log: "+env.SSOLog.Name()+": "+hint.WithoutPath(err).Error()+"\n")
		return nothing, func() {}
	}
	handler := slog.NewTextHandler(f, &slog.HandlerOptions{Level: slog.LevelDebug})
	return slog.New(handler).With("pid", os.Getpid()), func() { _ = f.Close() }
}
