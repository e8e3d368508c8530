//go:build e2e && linux

package e2e

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// daemon is our own container engine, separate from any other on the machine.
type daemon struct {
	socket string
	cmd    *exec.Cmd
	ended  chan struct{}
	log    *transcript
}

// docker returns the path of the docker client. It starts the engine if necessary and
// sets DOCKER_HOST. It skips the test without root, or if a program is missing.
func (w *world) docker() string {
	w.t.Helper()
	if os.Geteuid() != 0 {
		skip(w.t, "a docker engine needs root")
	}
	client, engine := find(w.t, "docker", "docker.io"), find(w.t, "dockerd", "docker.io")
	if shared.daemon == nil {
		d, err := startDaemon(engine, filepath.Join(shared.dir, "dd"), w.env)
		if err != nil {
			w.t.Fatal(err)
		}
		shared.daemon = d
	}
	w.env = append(w.env, "DOCKER_HOST=unix://"+shared.daemon.socket)
	return client
}

// startDaemon starts the engine as root without systemd. The proxy and the CA are in the
// engine's environment, because the engine, not the client, connects to a registry.
func startDaemon(engine, dir string, env []string) (*daemon, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	socket := filepath.Join(dir, "docker.sock")
	cmd := exec.Command(engine, "--data-root", filepath.Join(dir, "data"), "--exec-root", filepath.Join(dir, "exec"),
		"--pidfile", filepath.Join(dir, "docker.pid"), "-H", "unix://"+socket,
		"--iptables=false", "--ip6tables=false", "--bridge=none", "--storage-driver", "vfs")
	cmd.Env = env
	return serving(cmd, socket, "/usr/bin/docker", "-H", "unix://"+socket, "version")
}

// serving starts an engine and waits until the ping succeeds.
func serving(cmd *exec.Cmd, socket string, ping ...string) (*daemon, error) {
	d := &daemon{socket: socket, cmd: cmd, ended: make(chan struct{}), log: &transcript{}}
	d.cmd.Stdout, d.cmd.Stderr = d.log, d.log
	// The engine must stop even if the test run is killed or panics.
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // Pdeathsig is sent when the starting thread exits
		err := d.cmd.Start()
		started <- err
		if err == nil {
			_ = d.cmd.Wait()
		}
		close(d.ended)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	if err := d.ready(20*time.Second, ping); err != nil {
		d.stop()
		return nil, fmt.Errorf("%w\n%s", err, d.log)
	}
	return d, nil
}

// ready waits until the engine accepts connections.
func (d *daemon) ready(limit time.Duration, ping []string) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	for {
		if exec.CommandContext(ctx, ping[0], ping[1:]...).Run() == nil {
			return nil
		}
		select {
		case <-d.ended:
			return fmt.Errorf("%s exited immediately", d.cmd.Path)
		case <-ctx.Done():
			return fmt.Errorf("%s did not start", d.cmd.Path)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// stop stops the engine, which also stops its containerd.
func (d *daemon) stop() {
	_ = d.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-d.ended:
	case <-time.After(20 * time.Second):
		_ = d.cmd.Process.Kill()
		<-d.ended
	}
}

// image writes a small new image to a docker archive with this reference and returns its
// path. No registry has this image yet.
func (w *world) image(ref string) string {
	w.t.Helper()
	layer, err := tarball.LayerFromOpener(oneFile(rand.Text()))
	if err != nil {
		w.t.Fatal(err)
	}
	img, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		w.t.Fatal(err)
	}
	if img, err = mutate.Config(img, v1.Config{Cmd: []string{"/hello"}}); err != nil {
		w.t.Fatal(err)
	}
	tag, err := name.NewTag(ref)
	if err != nil {
		w.t.Fatal(err)
	}
	path := filepath.Join(w.home.Dir, "image.tar")
	if err := tarball.WriteToFile(path, tag, img); err != nil {
		w.t.Fatal(err)
	}
	return path
}

// load loads a new image into the engine.
func (w *world) load(docker, ref string) {
	w.t.Helper()
	w.ok(docker, "load", "-q", "-i", w.image(ref))
}

func oneFile(text string) tarball.Opener {
	return func() (io.ReadCloser, error) {
		var b bytes.Buffer
		tw := tar.NewWriter(&b)
		if err := tw.WriteHeader(&tar.Header{Name: "hello", Mode: 0o755, Size: int64(len(text))}); err != nil {
			return nil, err
		}
		if _, err := io.WriteString(tw, text); err != nil {
			return nil, err
		}
		return io.NopCloser(&b), tw.Close()
	}
}

var repos atomic.Int32

// repo returns the test's own repository.
func repo(tag string) string {
	return fmt.Sprintf("%s/team/app%d:%s", registry, repos.Add(1), tag)
}
