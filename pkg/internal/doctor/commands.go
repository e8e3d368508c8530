package doctor

import "github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"

// The commands of ours that findings name, beside those that errors of
// credhelper bring along. They stand here together so that a test can run each.

// configure makes or completes a profile; "" asks for its name.
func configure(profile string) []string {
	if profile == "" {
		return []string{program + " configure"}
	}
	return []string{program + " configure --profile " + hint.Arg(profile)}
}

// configureDocker changes Docker's configuration; flags may be "", and so may
// host: then it is about the registries of every SSO profile.
func configureDocker(flags, host string) []string {
	command := program + " configure-docker"
	for _, word := range []string{flags, host} {
		if word != "" {
			command += " " + word
		}
	}
	return []string{command}
}

const (
	overwrite       = "--overwrite"
	remove          = "--remove"
	podman          = "--podman"
	podmanOverwrite = podman + " " + overwrite
)

// mapTo settles which profile a registry uses.
func mapTo(host, profile string) string { return program + " map " + host + " " + hint.Arg(profile) }

// Advice lists every command of ours that a finding can name, with sample names,
// so that tests can run each of them; those of credhelper.Advice come besides.
func Advice() []string {
	const host = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
	all := []string{configure("")[0], configure("my dev")[0], mapTo(host, "my dev")}
	for _, flags := range []string{"", overwrite, remove, podman, podmanOverwrite} {
		all = append(all, configureDocker(flags, host)...)
	}
	return append(append(all, configureDocker("", "")...), configureDocker(podman, "")...)
}
