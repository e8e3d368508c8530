//go:build e2e && linux

package e2e

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Some clients call the helper for every registry in their file before they do anything
// else. If one session is unusable and a second session is valid, work that needs only
// the valid session must succeed.

const deadLine = `continuing without a login: not signed in to SSO session "corp"; run: docker-credential-ecr-sso login --sso-session corp`

// oneExpired adds a profile with its own session for the other account. It signs in to that
// session only and pushes an image to the other registry.
func (w *world) oneExpired(docker string) (ref string) {
	w.t.Helper()
	w.home.SSOProfile("dev", "live", startURL, region, other, role)
	w.home.WriteToken("live", w.aws.SignIn(startURL, region, true))
	w.write(".docker/config.json", `{"credHelpers":{"`+registry+`":"ecr-sso","`+otherRegistry+`":"ecr-sso"}}`)
	ref = otherRegistry + "/clients/ahead:v1"
	w.load(docker, ref)
	w.ok(docker, "push", ref)
	w.ok(docker, "rmi", ref)
	w.asked()
	return ref
}

func (w *world) wentOn(r result) {
	w.t.Helper()
	if r.code != 0 {
		w.t.Errorf("exit status %d", r.code)
	}
	wantLine(w.t, r.stderr, deadLine)
	w.noSecrets(r.both)
}

func TestPodmanRemotePullsWithOneExpiredSession(t *testing.T) {
	podman := find(t, "podman", "podman")
	s := storage(t)
	w := engine(t)
	ref := w.oneExpired(find(t, "docker", "docker.io"))
	for _, kv := range s.env {
		if strings.HasPrefix(kv, "CONTAINERS_STORAGE_CONF=") {
			w.env = append(w.env, kv)
		}
	}
	url := w.podmanService(podman)
	w.wentOn(w.run("", podman, "--remote", "--url", url, "pull", ref))
	if got := w.asked(); len(got) < 2 { // one call per entry, and a second call for one entry
		t.Errorf("asked: %v", got)
	}
	w.write("Containerfile", "FROM "+ref+"\nLABEL built=here\n")
	w.wentOn(w.run("", podman, "--remote", "--url", url, "build", "-t", "built", "."))
}

// podmanService starts podman's service, as in a podman machine, on its own socket.
func (w *world) podmanService(podman string) (url string) {
	w.t.Helper()
	socket := w.path("p.sock")
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, podman, "system", "service", "--time=0", "unix://"+socket)
	cmd.Env, cmd.Dir = w.env, w.home.Dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { cancel(); _ = cmd.Wait() })
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if _, err := os.Stat(socket); err == nil {
			return "unix://" + socket
		}
		if time.Now().After(end) {
			w.t.Fatal("podman's service did not start")
		}
	}
}

// dockerPy is a script that uses docker-py. docker-compose 1 and the SAM CLI are built
// on docker-py.
const dockerPy = `
import docker, sys
api = docker.from_env().api
if sys.argv[1] == "build":
    with open("context.tar", "rb") as context:
        lines = list(api.build(fileobj=context, custom_context=True, tag="built", decode=True))
    errors = [line["error"] for line in lines if "error" in line]
    sys.exit("\n".join(errors) if errors else 0)
for line in api.pull(sys.argv[2], stream=True, decode=True):
    if "error" in line:
        sys.exit(line["error"])
`

func TestDockerPyBuildsWithOneExpiredSession(t *testing.T) {
	w := engine(t)
	docker := find(t, "docker", "docker.io")
	python := w.python()
	ref := w.oneExpired(docker)
	w.buildContext("FROM " + ref + "\nLABEL built=py\n")
	w.wentOn(w.run("", python, "-c", dockerPy, "build"))
	if got := w.asked(); !slices.Equal(got, []string{"get", "get"}) {
		t.Errorf("asked: %v", got)
	}
	if r := w.ok(python, "-c", dockerPy, "pull", ref); r.stderr != "" {
		t.Errorf("stderr of a pull: %q", r.stderr)
	}
}

// With credsStore, docker-py and the classic builder first call list and then get for each
// listed registry. So list must include the registry even if nothing is cached.
func TestListMakesBuildsWork(t *testing.T) {
	w := engine(t)
	docker := find(t, "docker", "docker.io")
	python := w.python()
	ref := w.oneExpired(docker)
	w.write("Dockerfile", "FROM "+ref+"\nLABEL built=here\n")
	w.buildContext("FROM " + ref + "\nLABEL built=py\n")
	w.env = append(w.env, "DOCKER_BUILDKIT=0")
	w.write(".docker/config.json", `{"credsStore":"ecr-sso"}`)
	for name, build := range map[string]func() result{
		"docker build": func() result { return w.run("", docker, "build", "--no-cache", "-t", "built", ".") },
		"docker-py":    func() result { return w.run("", python, "-c", dockerPy, "build") },
	} {
		w.helper("erase", otherRegistry)
		w.run("", docker, "rmi", "-f", ref, "built")
		w.asked()
		if r := build(); r.code != 0 {
			t.Errorf("%s: exit status %d", name, r.code)
		}
		if got := w.asked(); !slices.Equal(got, []string{"list", "get"}) {
			t.Errorf("%s asked: %v", name, got)
		}
	}
}

// python returns Debian's Python with its docker-py, which docker-compose 1 also uses.
func (w *world) python() string {
	w.t.Helper()
	python := find(w.t, "python3", "python3-docker")
	if exec.Command(python, "-c", "import docker").Run() != nil {
		skip(w.t, "no docker-py here: apt-get install python3-docker")
	}
	return python
}

func (w *world) buildContext(dockerfile string) {
	w.t.Helper()
	w.write("Dockerfile.py", dockerfile)
	w.ok("/bin/tar", "--transform=s/Dockerfile.py/Dockerfile/", "-cf", w.path("context.tar"), "Dockerfile.py")
}
