//go:build e2e && linux

package e2e

import (
	"testing"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// Three services of two accounts, pushed and pulled at once: one sign-in, one role
// call and one login an account, however many processes ask.

func TestComposeOfDebian(t *testing.T) {
	compose := find(t, "docker-compose", "docker-compose")
	composeWalk(t, client{name: "docker-compose", from: "Debian 12", version: newWorld(t).upstream(compose, "version", "--short")}, compose)
}

func TestCompose(t *testing.T) {
	compose, version := module(t, "compose")
	composeWalk(t, client{name: "docker compose v2", from: built, version: version}, compose)
}

func composeWalk(t *testing.T, c client, compose string) {
	w := engine(t)
	docker := find(t, "docker", "docker.io")
	w.bothAccounts()
	refs := w.services()
	push := func(w *world) result {
		for _, ref := range refs {
			w.load(docker, ref)
		}
		return w.run("", compose, "push")
	}
	w.mustSucceed("push", push(w))
	seen := record{client: c, push: w.asked(), note: "three services of two accounts at once"}
	w.calls(map[awstest.Op]int{awstest.OIDC: 0, awstest.GetRoleCredentials: 2, awstest.GetAuthorizationToken: 2})

	w.ok(docker, append([]string{"rmi"}, refs...)...)
	w.mustSucceed("pull", w.run("", compose, "pull"))
	seen.pull = w.asked()
	w.mustSucceed("second push", push(w))
	w.calls(quiet)

	w = engine(t)
	w.home.SSOProfile("dev", session, startURL, region, other, role)
	w.write(".docker/config.json", `{"credHelpers":{"`+registry+`":"ecr-sso","`+otherRegistry+`":"ecr-sso"}}`)
	w.services(refs...)
	w.keepExpired(2*time.Hour, false)
	r := push(w)
	if r.code == 0 {
		t.Error("the push succeeded with a session that is over")
	}
	wantLine(t, r.stderr, `SSO session "corp" expired 2h ago; run: docker-credential-ecr-sso login --sso-session corp`)
	w.noSecrets(r.both)
	w.calls(quiet)
	seen.expired = w.steady(r)
	seen.keep(t)
}

// services writes compose.yaml for three images.
func (w *world) services(refs ...string) []string {
	if refs == nil {
		refs = []string{registry + "/clients/compose-web:v1", registry + "/clients/compose-api:v1", otherRegistry + "/clients/compose-db:v1"}
	}
	text := "version: \"3\"\nservices:\n"
	for i, ref := range refs {
		text += "  " + []string{"web", "api", "db"}[i] + ":\n    image: " + ref + "\n    build: .\n"
	}
	w.write("docker-compose.yml", text)
	w.write("Dockerfile", "FROM scratch\n")
	return refs
}
