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

// The program runs under the name of the reference provider and returns a login for an
// image. containerd then pulls the image with this login, as on a node.
func TestContainerdPullsWithLoginOfProvider(t *testing.T) {
	ctr := find(t, "ctr", "containerd")
	newWorld(t).pullsOnNode(func(w *world, socket, login, ref string) result {
		return w.run("", ctr, "--address", socket, "images", "pull", "--snapshotter", "native", "--user", login, ref)
	})
}

// The same test, but through the interface that a kubelet uses: containerd's CRI plugin.
func TestCRIPullsWithLoginOfProvider(t *testing.T) {
	crictl, _ := module(t, "crictl")
	newWorld(t).pullsOnNode(func(w *world, socket, login, ref string) result {
		w.write("crictl.yaml", fmt.Sprintf("runtime-endpoint: unix://%[1]s\nimage-endpoint: unix://%[1]s\n", socket))
		r := w.run("", crictl, "--config", w.path("crictl.yaml"), "pull", "--creds", login, ref)
		if there := w.run("", crictl, "--config", w.path("crictl.yaml"), "images", "--quiet", ref); (there.stdout != "") != (r.code == 0) {
			t.Errorf("crictl images: %q after exit status %d", there.stdout, r.code)
		}
		return r
	})
}

// pullsOnNode pushes an image. It then pulls the image on a node, first with wrong logins
// and then with the provider's login.
func (w *world) pullsOnNode(pull func(w *world, socket, login, ref string) result) {
	w.t.Helper()
	docker, socket := w.docker(), w.containerd()
	w.signIn()
	ref := repo("v1")
	w.load(docker, ref)
	w.ok(docker, "push", ref)
	w.aws.ResetLog()

	user, password := w.provided(ref)
	w.calls(map[awstest.Op]int{awstest.GetAuthorizationToken: 0}) // docker's login is cached
	for _, wrong := range []string{user + ":of yesterday", "root:" + password} {
		if r := pull(w, socket, wrong, ref); r.code == 0 || !strings.Contains(r.both, "401") {
			w.t.Errorf("a wrong login: exit status %d", r.code)
		}
	}
	if r := pull(w, socket, user+":"+password, ref); r.code != 0 {
		w.t.Errorf("exit status %d", r.code)
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

// criConfig is containerd's configuration. The socket and all directories are below
// %[1]s, separate from the machine's own containerd.
const criConfig = `version = 2
root = "%[1]s/root"
state = "%[1]s/state"
[grpc]
address = "%[1]s/c.sock"
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "%[1]s/cni/bin"
conf_dir = "%[1]s/cni"
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "native"
`

// containerd starts a separate containerd, which runs until the end of the test, and
// returns its socket.
func (w *world) containerd() (socket string) {
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
	if err := os.WriteFile(config, fmt.Appendf(nil, criConfig, dir), 0o600); err != nil {
		w.t.Fatal(err)
	}
	cmd := exec.Command(engine, "--config", config)
	cmd.Env = w.env
	d, err := serving(cmd, socket, client, "--address", socket, "version")
	if err != nil {
		skip(w.t, err.Error())
	}
	w.t.Cleanup(d.stop)
	return socket
}
