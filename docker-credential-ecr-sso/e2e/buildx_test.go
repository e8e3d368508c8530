//go:build e2e && linux

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// buildx runs with its own BuildKit, which has no helper, so buildx calls the helper.

func TestBuildx(t *testing.T) {
	buildx, version := module(t, "buildx")
	buildkitd, kit := module(t, "buildkitd")
	if os.Geteuid() != 0 {
		skip(t, "buildkitd needs root")
	}
	socket := startBuildkit(t, buildkitd)
	start := func(t *testing.T) *world {
		w := counting(t)
		w.env = append(w.env, "BUILDX_CONFIG="+w.path("buildx"))
		w.ok(buildx, "create", "--name", "kit", "--driver", "remote", "unix://"+socket)
		return w
	}
	build := func(w *world, ref, dockerfile string) result {
		w.write("Dockerfile", dockerfile)
		w.write("hello", time.Now().String())
		return w.run("", buildx, "build", "--builder", "kit", "--progress", "plain", "--provenance=false", "--push", "-t", ref, ".")
	}
	client{
		name: "docker buildx", from: built, version: version + ", BuildKit " + kit,
		push: func(w *world, ref string) result { return build(w, ref, "FROM scratch\nCOPY hello /\n") },
		pull: func(w *world, ref string) result { return build(w, ref+"-child", "FROM "+ref+"\nLABEL built=here\n") },
	}.walk(t, start)
}

// startBuildkit starts a BuildKit for one test and returns its socket.
func startBuildkit(t *testing.T, buildkitd string) string {
	t.Helper()
	dir, err := os.MkdirTemp(shared.dir, "k")
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "sock")
	log := &transcript{}
	cmd := exec.Command(buildkitd, "--addr", "unix://"+socket, "--root", filepath.Join(dir, "data"),
		"--oci-worker-snapshotter=native", "--oci-worker-net=host")
	cmd.Env, cmd.Stdout, cmd.Stderr = newWorld(t).env, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			_ = cmd.Process.Kill()
			<-ended
		}
	})
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		select {
		case <-ended:
			t.Fatalf("buildkitd exited immediately\n%s", log)
		default:
		}
		if _, err := os.Stat(socket); err == nil {
			return socket
		}
	}
	t.Fatalf("buildkitd did not start\n%s", log)
	return ""
}
