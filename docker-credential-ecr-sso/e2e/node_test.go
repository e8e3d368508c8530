//go:build e2e && linux

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// The way of an image to a node: the program, under the name of the reference provider,
// gives a login for the image, and containerd pulls with it.
func TestContainerdPullsWithTheLoginOfTheProvider(t *testing.T) {
	w := newWorld(t)
	docker, pull := w.docker(), w.containerd()
	w.signIn()
	ref := repo("v1")
	w.load(docker, ref)
	w.ok(docker, "push", ref)
	w.aws.ResetLog()

	user, password := w.provided(ref)
	w.calls(map[awstest.Op]int{awstest.GetAuthorizationToken: 0}) // docker's login is cached
	for _, wrong := range []string{user + ":of yesterday", "root:" + password} {
		if r := pull(wrong, ref); r.code == 0 || !strings.Contains(r.both, "401") {
			t.Errorf("a wrong login: exit status %d", r.code)
		}
	}
	if r := pull(user+":"+password, ref); r.code != 0 || !strings.Contains(r.stdout, "done") {
		t.Errorf("exit status %d", r.code)
	}
}

// provided returns the login that the kubelet would get for an image.
func (w *world) provided(image string) (user, password string) {
	w.t.Helper()
	program := w.path("ecr-credential-provider")
	if err := os.Symlink(filepath.Join(shared.dir, "bin", helper), program); err != nil {
		w.t.Fatal(err)
	}
	request := fmt.Sprintf(`{"kind":"CredentialProviderRequest","apiVersion":"credentialprovider.kubelet.k8s.io/v1","image":%q}`, image)
	r := w.run(request, program, "get-credentials")
	var response struct {
		Auth map[string]struct{ Username, Password string }
	}
	if err := json.Unmarshal([]byte(r.stdout), &response); err != nil || r.code != 0 {
		w.t.Fatalf("exit status %d, %v", r.code, err)
	}
	return response.Auth[registry].Username, response.Auth[registry].Password
}

// containerd starts a containerd of our own until the end of the test. It returns a
// function that pulls an image with a login.
func (w *world) containerd() func(login, ref string) result {
	w.t.Helper()
	if os.Geteuid() != 0 {
		skip(w.t, "containerd needs root")
	}
	engine, client := find(w.t, "containerd", "containerd"), find(w.t, "ctr", "containerd")
	dir, err := os.MkdirTemp(shared.dir, "cd")
	if err != nil {
		w.t.Fatal(err)
	}
	config, socket := filepath.Join(dir, "config.toml"), filepath.Join(dir, "c.sock")
	text := fmt.Sprintf("version = 2\nroot = %q\nstate = %q\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n[grpc]\naddress = %q\n",
		filepath.Join(dir, "root"), filepath.Join(dir, "state"), socket)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	cmd := exec.Command(engine, "--config", config)
	cmd.Env = w.env
	d, err := serving(cmd, socket, client, "--address", socket, "version")
	if err != nil {
		skip(w.t, err.Error())
	}
	w.t.Cleanup(d.stop)
	return func(login, ref string) result {
		return w.run("", client, "--address", socket, "images", "pull", "--snapshotter", "native", "--user", login, ref)
	}
}
