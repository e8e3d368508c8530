package doctor

import (
	"strings"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
)

// configure creates or completes a profile; "" asks for its name.
func configure(profile string) []string { return []string{hint.ConfigureCommand(profile)} }

// configureDocker changes Docker's configuration. flags or host may be "". Without a
// host it changes the entries for the registries of every SSO profile.
func configureDocker(flags, host string) []string {
	args := strings.Fields(flags)
	if host != "" {
		args = append(args, host)
	}
	return []string{hint.ConfigureDockerCommand(args...)}
}

const (
	overwrite       = "--overwrite"
	remove          = "--remove"
	podman          = "--podman"
	podmanOverwrite = podman + " " + overwrite
)
