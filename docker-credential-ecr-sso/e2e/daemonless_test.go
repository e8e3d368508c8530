//go:build e2e && linux

package e2e

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// These clients talk to a registry themselves, without an engine.

const built = "Go module"

func TestSkopeo(t *testing.T) {
	skopeo := find(t, "skopeo", "skopeo")
	client{
		name: "skopeo", from: "Debian 12", version: newWorld(t).upstream(skopeo, "--version"),
		push: func(w *world, ref string) result {
			return w.run("", skopeo, "--insecure-policy", "copy", "docker-archive:"+w.image(ref), "docker://"+ref)
		},
		pull: func(w *world, ref string) result {
			return w.run("", skopeo, "--insecure-policy", "copy", "docker://"+ref, "oci:"+w.path("layout"))
		},
	}.walk(t, counting)
}

func TestCrane(t *testing.T) {
	crane, version := module(t, "crane")
	client{
		name: "crane", from: built, version: version,
		push: func(w *world, ref string) result { return w.run("", crane, "push", w.image(ref), ref) },
		pull: func(w *world, ref string) result { return w.run("", crane, "pull", ref, w.path("pulled.tar")) },
	}.walk(t, counting)
}

func TestOras(t *testing.T) {
	oras, version := module(t, "oras")
	client{
		name: "oras", from: built, version: version,
		push: func(w *world, ref string) result {
			w.image(ref)
			return w.run("", oras, "push", ref, "image.tar:application/x-tar")
		},
		pull: func(w *world, ref string) result { return w.run("", oras, "pull", "-o", w.path("pulled"), ref) },
	}.walk(t, counting)
}

func TestRegctl(t *testing.T) {
	regctl, version := module(t, "regctl")
	client{
		name: "regctl", from: built, version: version,
		push: func(w *world, ref string) result {
			return w.run("", regctl, "image", "import", "--name", ref, ref, w.image(ref))
		},
		pull: func(w *world, ref string) result {
			return w.run("", regctl, "image", "export", ref, w.path("pulled.tar"))
		},
	}.walk(t, counting)
}

func TestHelm(t *testing.T) {
	helm, version := module(t, "helm")
	client{
		name: "helm", from: built, version: version,
		push: func(w *world, ref string) result {
			return w.run("", helm, "push", w.chart(helm), "oci://"+strings.TrimSuffix(ref, "/helm:v1"))
		},
		pull: func(w *world, ref string) result {
			return w.run("", helm, "pull", "oci://"+strings.TrimSuffix(ref, "helm:v1")+"demo", "--version", "0.1.0", "-d", w.path("pulled"))
		},
	}.walk(t, counting)
}

// A login saved by `helm registry login` overrides the helper until the login is removed.
func TestHelmFileTakesPrecedence(t *testing.T) {
	helm, _ := module(t, "helm")
	w := counting(t)
	w.signIn()
	chart, to := w.chart(helm), "oci://"+registry+"/charts"
	if err := os.MkdirAll(w.path(".config/helm/registry"), 0o700); err != nil {
		t.Fatal(err)
	}
	stale := base64.StdEncoding.EncodeToString([]byte("AWS:of yesterday"))
	w.write(".config/helm/registry/config.json", `{"auths":{"`+registry+`":{"auth":"`+stale+`"}}}`)
	if r := w.run("", helm, "push", chart, to); r.code == 0 || w.asked() != nil {
		t.Error("the helper was called")
	}
	w.ok(helm, "registry", "logout", registry)
	w.asked()
	w.ok(helm, "push", chart, to)
	if got := w.asked(); !slices.Equal(got, []string{"get"}) {
		t.Errorf("asked: %v", got)
	}
}

// nerdctl is in .ci/clients/versions as a client that we could not get. If it becomes
// available, this test needs the client scenario.
func TestNerdctl(t *testing.T) {
	module(t, "nerdctl")
	t.Fatal("nerdctl is available now, and has no test")
}

// chart packs a chart without templates and returns the path of the archive.
func (w *world) chart(helm string) string {
	w.t.Helper()
	for _, dir := range []string{"demo", "pulled"} {
		if err := os.MkdirAll(w.path(dir), 0o755); err != nil {
			w.t.Fatal(err)
		}
	}
	w.write("demo/Chart.yaml", "apiVersion: v2\nname: demo\nversion: 0.1.0\n")
	w.ok(helm, "package", "demo")
	return w.path("demo-0.1.0.tgz")
}

func (w *world) path(name string) string { return filepath.Join(w.home.Dir, name) }
