// Command docker-credential-ecr-sso is a Docker credential helper that turns an
// AWS IAM Identity Center (SSO) sign-in into Amazon ECR logins.
//
// This package owns the wiring: the helper protocol on stdin and stdout, the
// cobra commands, and everything that a terminal shows; no other package knows
// the terminal. It decides nothing about registries, profiles or tokens. It may
// import every floor below (floor 5); a Docker client or a person calls it.
package cli

import (
	"os"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
)

func main() {
	harden()
	ctx, stop := untilSignal()
	code := run(ctx, os.Args[1:], streams{in: os.Stdin, out: os.Stdout, err: os.Stderr}, env.FromOS())
	stop()
	os.Exit(code)
}
