//go:build e2e && linux

package e2e

import (
	"strings"
	"testing"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

func TestDockerPushAndPull(t *testing.T) {
	w := newWorld(t)
	docker := w.docker()
	w.signIn()
	ref := repo("v1")
	w.load(docker, ref)

	w.ok(docker, "push", ref)
	w.calls(map[awstest.Op]int{awstest.OIDC: 0, awstest.GetRoleCredentials: 1, awstest.GetAuthorizationToken: 1})

	second := strings.TrimSuffix(ref, "v1") + "v2"
	w.ok(docker, "tag", ref, second)
	w.ok(docker, "push", second)
	w.calls(quiet)

	w.ok(docker, "rmi", ref, second)
	r := w.ok(docker, "pull", ref)
	if !strings.Contains(r.stdout, "Downloaded newer image") {
		t.Error("nothing was downloaded")
	}
	w.calls(quiet)
	w.ok(docker, "rmi", ref)
}

func TestDockerLoginWithoutUser(t *testing.T) {
	w := newWorld(t)
	docker := w.docker()
	w.signIn()
	r := w.ok(docker, "login", registry)
	if !strings.Contains(r.stdout, "Login Succeeded") {
		t.Error("docker does not report the login")
	}
	w.calls(map[awstest.Op]int{awstest.GetRoleCredentials: 1, awstest.GetAuthorizationToken: 1})
	w.password()
	w.calls(quiet)
}

func TestDockerLoginSavesItsToken(t *testing.T) {
	elsewhere := newWorld(t)
	elsewhere.signIn()
	given := elsewhere.password()

	w := newWorld(t)
	docker := w.docker()
	w.signIn()
	if w.password() == given {
		t.Fatal("two sign-ins returned the same token")
	}
	w.aws.ResetLog()
	r := w.run(given, docker, "login", "-u", "AWS", "--password-stdin", registry)
	if r.code != 0 || !strings.Contains(r.stdout, "Login Succeeded") {
		t.Fatal("login failed")
	}
	if w.password() != given {
		t.Error("get does not return the token that docker login saved")
	}
	w.calls(quiet)
	ref := repo("v1")
	w.load(docker, ref)
	w.ok(docker, "push", ref)
	w.calls(quiet)
}

func TestDockerLogoutRemovesLogins(t *testing.T) {
	w := newWorld(t)
	docker := w.docker()
	w.signIn()
	w.ok(docker, "login", registry)
	if r := w.helper("list", "unused"); !strings.Contains(r.stdout, registry) {
		t.Error("nothing is listed after the login")
	}
	w.ok(docker, "logout", registry)
	w.ok(docker, "logout", registry)
	w.aws.ResetLog()
	w.password()
	w.calls(map[awstest.Op]int{awstest.GetAuthorizationToken: 1})
}

func TestDockerPullsFromAnotherRegistry(t *testing.T) {
	w := newWorld(t)
	docker := w.docker()
	w.signIn()
	w.write(".docker/config.json", `{"credsStore":"ecr-sso"}`)
	// If Docker calls the helper for every registry, other registries must still work.
	r := w.run("", docker, "pull", "registry.example.com/app:v1")
	if strings.Contains(r.both, "credential") {
		t.Error("the output of a pull from another registry shows the helper")
	}
	w.calls(quiet)
}
