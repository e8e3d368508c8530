//go:build e2e && linux

package e2e

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// These tests push and pull three services of two accounts in parallel. Regardless of the
// number of helper processes, this takes one sign-in, plus one role call and one ECR
// login per account.

func TestComposeOfDebian(t *testing.T) {
	compose := find(t, "docker-compose", "docker-compose")
	composeWalk(t, client{name: "docker-compose", from: "Debian 12", version: newWorld(t).upstream(compose, "version", "--short")}, compose)
}

func TestCompose(t *testing.T) {
	compose, version := module(t, "compose")
	composeWalk(t, client{name: "compose", from: built, version: version}, compose)
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
		t.Error("the push succeeded with an expired session")
	}
	wantLine(t, r.stderr, `SSO session "corp" expired 2h ago; run: docker-credential-ecr-sso login --sso-session corp`)
	w.noSecrets(r.both)
	w.calls(quiet)
	if seen.expired = w.steady(r); c.name == "compose" {
		seen.expired = sorted(seen.expired)
	}
	seen.keep(t)
}

var oneImage = regexp.MustCompile(`\b\d{12}\.dkr\.ecr\.[^/]*/clients/compose-\w+:v1`)

// sorted normalizes compose's output for parallel work. It sorts the lines and merges the
// lines of the three images, because any of them can report the error.
func sorted(text string) string {
	text = oneImage.ReplaceAllString(text, "IMAGE")
	lines := slices.DeleteFunc(strings.SplitAfter(text, "\n"), func(line string) bool {
		return strings.HasPrefix(line, " IMAGE ") && !strings.Contains(line, "error")
	})
	slices.Sort(lines)
	return strings.Join(slices.Compact(lines), "")
}

// services writes compose.yaml for three images.
func (w *world) services(refs ...string) []string {
	if refs == nil {
		refs = []string{registry + "/clients/compose-web:v1", registry + "/clients/compose-api:v1", otherRegistry + "/clients/compose-db:v1"}
	}
	text := "services:\n"
	for i, ref := range refs {
		text += "  " + []string{"web", "api", "db"}[i] + ":\n    image: " + ref + "\n    build: .\n"
	}
	w.write("docker-compose.yml", text)
	w.write("Dockerfile", "FROM scratch\n")
	return refs
}
