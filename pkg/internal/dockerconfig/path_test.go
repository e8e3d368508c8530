package dockerconfig_test

import (
	"path/filepath"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/dockerconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
)

func TestPath(t *testing.T) {
	home, dir, xdg := t.TempDir(), t.TempDir(), t.TempDir()
	tests := []struct {
		name           string
		env            map[string]string
		home           string
		docker, podman string
	}{
		{
			name: "the home directory when nothing is set", home: home,
			docker: filepath.Join(home, ".docker", "config.json"),
			podman: filepath.Join(home, ".config", "containers", "auth.json"),
		},
		{
			name: "DOCKER_CONFIG names a directory, for podman too", home: home,
			env:    map[string]string{"DOCKER_CONFIG": dir},
			docker: filepath.Join(dir, "config.json"),
			podman: filepath.Join(dir, "config.json"),
		},
		{
			name: "REGISTRY_AUTH_FILE names podman's file and beats DOCKER_CONFIG", home: home,
			env:    map[string]string{"DOCKER_CONFIG": dir, "REGISTRY_AUTH_FILE": filepath.Join(dir, "a.json")},
			docker: filepath.Join(dir, "config.json"),
			podman: filepath.Join(dir, "a.json"),
		},
		{
			name: "XDG_CONFIG_HOME moves podman's file only", home: home,
			env:    map[string]string{"XDG_CONFIG_HOME": xdg},
			docker: filepath.Join(home, ".docker", "config.json"),
			podman: filepath.Join(xdg, "containers", "auth.json"),
		},
		{name: "no home directory, no file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := env.FromMap(tt.env)
			if got := dockerconfig.Path(e, tt.home); got != tt.docker {
				t.Errorf("docker: %q, want %q", got, tt.docker)
			}
			if got := dockerconfig.PodmanPath(e, tt.home); got != tt.podman {
				t.Errorf("podman: %q, want %q", got, tt.podman)
			}
		})
	}
}

func TestPodmanPathsAreInReadingOrder(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("podman has a runtime directory on Linux only")
	}
	run := t.TempDir()
	got := dockerconfig.PodmanPaths(env.FromMap(map[string]string{"XDG_RUNTIME_DIR": run}), "/h", 1000)
	want := []string{filepath.Join(run, "containers", "auth.json"), "/h/.config/containers/auth.json", "/h/.docker/config.json"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	got = dockerconfig.PodmanPaths(env.FromMap(nil), "/h", 1000)
	if want := "/run/containers/1000/auth.json"; got[0] != want {
		t.Errorf("first is %q, want %q", got[0], want)
	}
	got = dockerconfig.PodmanPaths(env.FromMap(map[string]string{"REGISTRY_AUTH_FILE": "/a.json"}), "/h", 1000)
	if diff := cmp.Diff([]string{"/a.json"}, got); diff != "" {
		t.Error(diff)
	}
}
