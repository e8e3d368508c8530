//go:build e2e && linux

package e2e

import (
	"os"
	"strings"
	"testing"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// podman and buildah use the test's own storage.

func storage(t *testing.T) *world {
	w := counting(t)
	if os.Geteuid() != 0 {
		skip(t, "a container storage on vfs needs root here")
	}
	w.write("storage.conf", "[storage]\ndriver = \"vfs\"\ngraphroot = \""+w.path("graph")+"\"\nrunroot = \""+w.path("run")+"\"\n")
	w.env = append(w.env, "CONTAINERS_STORAGE_CONF="+w.path("storage.conf"))
	return w
}

func TestPodman(t *testing.T) {
	podman := find(t, "podman", "podman")
	client{
		name: "podman", from: "Debian 12", version: newWorld(t).upstream(podman, "--version"),
		push: func(w *world, ref string) result {
			w.ok(podman, "load", "-q", "-i", w.image(ref))
			return w.run("", podman, "push", ref)
		},
		pull: func(w *world, ref string) result {
			w.ok(podman, "rmi", "-f", ref)
			return w.run("", podman, "pull", ref)
		},
	}.walk(t, storage)
}

func TestBuildah(t *testing.T) {
	buildah := find(t, "buildah", "buildah")
	client{
		name: "buildah", from: "Debian 12", version: newWorld(t).upstream(buildah, "--version"),
		push: func(w *world, ref string) result {
			w.ok(buildah, "pull", "-q", "docker-archive:"+w.image(ref))
			return w.run("", buildah, "push", ref)
		},
		pull: func(w *world, ref string) result {
			w.ok(buildah, "rmi", "-f", ref)
			return w.run("", buildah, "pull", ref)
		},
	}.walk(t, storage)
}

func TestBuildahBuildsFromPrivateImage(t *testing.T) {
	buildah := find(t, "buildah", "buildah")
	w := storage(t)
	w.signIn()
	ref := repo("base")
	w.ok(buildah, "pull", "-q", "docker-archive:"+w.image(ref))
	w.ok(buildah, "push", ref)
	w.ok(buildah, "rmi", "-f", ref)
	w.write("Containerfile", "FROM "+ref+"\nLABEL built=here\n")
	w.aws.ResetLog()
	w.ok(buildah, "bud", "--isolation", "chroot", "-t", "built", ".")
	w.calls(quiet)
}

func TestPodmanLoginAndLogout(t *testing.T) {
	podman := find(t, "podman", "podman")
	w := storage(t)
	w.signIn()
	w.write("auth.json", `{"credHelpers":{"`+registry+`":"ecr-sso"}}`)
	w.env = append(w.env, "REGISTRY_AUTH_FILE="+w.path("auth.json"))
	r := w.ok(podman, "login", registry)
	if !strings.Contains(r.both, "Already logged in to "+registry) {
		t.Error("podman does not report the login")
	}
	if r := w.helper("list", "unused"); !strings.Contains(r.stdout, registry) {
		t.Error("nothing is listed after the login")
	}
	w.ok(podman, "logout", registry)
	w.aws.ResetLog()
	w.password()
	w.calls(map[awstest.Op]int{awstest.GetAuthorizationToken: 1}) // no login was left in the cache
}

// With one line in registries.conf, all containers tools use the helper. No registry needs
// an entry.
func TestRegistriesConfNamesHelper(t *testing.T) {
	skopeo := find(t, "skopeo", "skopeo")
	w := counting(t)
	w.signIn()
	w.write(".docker/config.json", `{}`)
	if err := os.MkdirAll(w.path(".config/containers"), 0o700); err != nil {
		t.Fatal(err)
	}
	w.write(".config/containers/registries.conf", "credential-helpers = [\"containers-auth.json\", \"ecr-sso\"]\n")
	ref := repo("v1")
	w.ok(skopeo, "--insecure-policy", "copy", "docker-archive:"+w.image(ref), "docker://"+ref)
	w.calls(map[awstest.Op]int{awstest.GetRoleCredentials: 1, awstest.GetAuthorizationToken: 1})
	t.Logf("asked: %v", w.asked())
	// The tools also call the helper for other registries. It returns Docker's standard
	// not-found error.
	r := w.run("", skopeo, "inspect", "docker://registry.example.com/app:v1")
	if strings.Contains(r.both, "getting username and password") {
		t.Error("the output of a pull from another registry shows the helper")
	}
	w.calls(quiet)
}
