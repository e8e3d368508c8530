package main

import (
	"fmt"
	"runtime/debug"

	"github.com/docker/docker-credential-helpers/credentials"
)

const modulePath = "github.com/ecr-sso/docker-credential-ecr-sso"

// release is set by the linker for released binaries:
// -ldflags "-X main.release=0.1.0".
var release string

// version returns the release, or what the Go toolchain recorded for builds
// from a module version, or "devel".
func version() string {
	if release != "" {
		return release
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "devel"
}

// versionLine is "NAME (PACKAGE) VERSION", as docker-credential-helpers print it.
func versionLine() string {
	credentials.Name, credentials.Package, credentials.Version = name, modulePath, version()
	return fmt.Sprintf("%s (%s) %s\n", name, modulePath, version())
}

func userAgent() string { return name + "/" + version() }
