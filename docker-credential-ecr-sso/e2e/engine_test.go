//go:build e2e && linux

package e2e

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// Docker's command line, from Debian and from a current release, with Debian's engine.

func engine(t *testing.T) *world {
	w := counting(t)
	w.docker()
	// A newer command line must use the engine's older API version.
	w.env = append(w.env, "DOCKER_API_VERSION=1.41")
	return w
}

// dockerClient returns a client that pushes and pulls with a docker command line.
func dockerClient(name, from, docker, version string) client {
	return client{
		name: name, from: from, version: version,
		push: func(w *world, ref string) result {
			w.load(docker, ref)
			return w.run("", docker, "push", ref)
		},
		pull: func(w *world, ref string) result {
			w.ok(docker, "rmi", ref)
			return w.run("", docker, "pull", ref)
		},
	}
}

func TestDocker(t *testing.T) {
	w := engine(t)
	docker := find(t, "docker", "docker.io")
	dockerClient("docker", "Debian 12", docker, w.upstream(docker, "--version")).walk(t, engine)
}

func TestDockerCurrent(t *testing.T) {
	docker, version := module(t, "docker")
	dockerClient("docker current", built, docker, version).walk(t, engine)
}

// Docker's command line reads passwords, but not helpers, from DOCKER_AUTH_CONFIG. It
// prints a warning and continues with the file.
func TestDockerAuthConfigNamesNoHelper(t *testing.T) {
	docker, _ := module(t, "docker")
	w := engine(t)
	w.signIn()
	ref := repo("v1")
	w.load(docker, ref)
	w.env = append(w.env, `DOCKER_AUTH_CONFIG={"credHelpers":{"`+registry+`":"ecr-sso"}}`)
	r := w.ok(docker, "push", ref)
	if !strings.Contains(r.stderr, "DOCKER_AUTH_CONFIG") {
		t.Error("no warning")
	}
	if got := w.asked(); !slices.Equal(got, []string{"get"}) {
		t.Errorf("asked: %v", got)
	}
	// If the variable contains a password, Docker does not call the helper.
	password := base64.StdEncoding.EncodeToString([]byte("AWS:" + w.password()))
	w.env = append(w.env, `DOCKER_AUTH_CONFIG={"auths":{"`+registry+`":{"auth":"`+password+`"}}}`)
	w.ok(docker, "push", ref)
	if got := w.asked(); got != nil {
		t.Errorf("asked: %v", got)
	}
}

// Before a build, the classic builder calls the helper for every registry with an entry,
// even if the build does not need it.
func TestDockerClassicBuildRequestsEveryEntry(t *testing.T) {
	w := engine(t)
	docker := find(t, "docker", "docker.io")
	w.bothAccounts()
	base := repo("base")
	w.load(docker, base)
	w.ok(docker, "push", base)
	w.ok(docker, "rmi", base)
	w.asked()
	w.aws.ResetLog()
	w.write("Dockerfile", "FROM "+base+"\nLABEL built=here\n")
	w.env = append(w.env, "DOCKER_BUILDKIT=0")

	w.ok(docker, "build", "-t", "built", ".")
	if got := w.asked(); !slices.Equal(got, []string{"get", "get"}) {
		t.Errorf("asked: %v", got)
	}
	// Only the second entry, for a new account, needs calls. The first is cached.
	w.calls(map[awstest.Op]int{awstest.GetRoleCredentials: 1, awstest.GetAuthorizationToken: 1})
	w.ok(docker, "build", "--no-cache", "-t", "built", ".")
	w.calls(quiet)
}

// If the session has expired, the classic builder continues without a login and fails at
// the first private image. Only the helper's lines on stderr show the cause.
func TestDockerClassicBuildWithoutSession(t *testing.T) {
	w := engine(t)
	docker := find(t, "docker", "docker.io")
	w.write("Dockerfile", "FROM "+repo("base")+"\n")
	w.env = append(w.env, "DOCKER_BUILDKIT=0")
	r := w.run("", docker, "build", ".")
	if r.code == 0 {
		t.Error("the build succeeded")
	}
	wantLine(t, r.stderr, `not signed in to SSO session "corp"; run: docker-credential-ecr-sso login --sso-session corp`)
	w.calls(quiet)
}

// bothAccounts signs in and adds a profile and an entry for the second account.
func (w *world) bothAccounts() {
	w.home.SSOProfile("dev", session, startURL, region, other, role)
	w.write(".docker/config.json", `{"credHelpers":{"`+registry+`":"ecr-sso","`+otherRegistry+`":"ecr-sso"}}`)
	w.signIn()
}

const otherRegistry = other + ".dkr.ecr." + region + ".amazonaws.com"
