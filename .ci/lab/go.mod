// Benches that drive the built program: speed, faults, crash points, herds. A module
// of its own, so that importing the helper as a library downloads none of it; it uses
// only the helper's public packages.
module github.com/ecr-sso/docker-credential-ecr-sso/lab

go 1.26.0

toolchain go1.26.10

require (
	github.com/creack/pty v1.1.24
	github.com/ecr-sso/docker-credential-ecr-sso v0.0.0
	golang.org/x/sys v0.49.0
)

require github.com/google/go-containerregistry v0.22.1 // indirect

replace github.com/ecr-sso/docker-credential-ecr-sso => ../..
