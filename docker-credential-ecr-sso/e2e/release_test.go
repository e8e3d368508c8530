//go:build e2e && linux

package e2e

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// released returns the release file for this machine from dist/, or skips the test.
func released(t *testing.T, suffix string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join("..", "..", "dist", "*_linux_"+runtime.GOARCH+suffix))
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != 1 {
		skip(t, "no release of this platform in dist/: make release-one")
	}
	path, err := filepath.Abs(found[0])
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		skip(t, "it needs root")
	}
}

func TestArchiveRunsInBareChroot(t *testing.T) {
	needRoot(t)
	w := newWorld(t)
	archive := released(t, ".tar.gz")
	w.ok(find(t, "tar", "tar"), "-xzf", archive, "-C", w.home.Dir)
	for _, name := range []string{"LICENSE", "README.md", "third-party-licenses.txt", "man/" + helper + "-login.1", "completions/_" + helper} {
		if info, err := os.Stat(filepath.Join(w.home.Dir, name)); err != nil || info.Size() == 0 {
			t.Errorf("the archive has no %s", name)
		}
	}
	w.bareGet(w.home.Dir, "/"+helper, false)
}

// The image is for COPY --from. The copied program must run in an empty image, with the
// certificates from our image.
func TestReleaseImage(t *testing.T) {
	needRoot(t)
	w := newWorld(t)
	docker := w.docker()
	platform := "linux/" + runtime.GOARCH
	context := filepath.Join(w.home.Dir, "context")
	mkdir(t, filepath.Join(context, platform))
	mkdir(t, filepath.Join(context, "bin"))
	w.ok(find(t, "tar", "tar"), "-xzf", released(t, ".tar.gz"), "-C", filepath.Join(context, platform), helper)
	copyFile(t, w.aws.CAFile(), filepath.Join(context, "bin/ca-certificates.crt")) // the CA of the fake AWS, instead of the real CAs
	recipe := filepath.Join(w.home.Dir, "Dockerfile")
	copyFile(t, "../../.ci/release/Dockerfile", recipe)

	w.env = append(w.env, "DOCKER_BUILDKIT=0")
	w.ok(docker, "build", "-q", "-t", "ecr-sso-image", "-f", recipe, "--build-arg", "TARGETPLATFORM="+platform, context)
	w.write("Dockerfile", "FROM scratch\nCOPY --from=ecr-sso-image /docker-credential-ecr-sso /usr/local/bin/\n"+
		"COPY --from=ecr-sso-image /etc/ssl/certs/ /etc/ssl/certs/\nCMD [\"/usr/local/bin/docker-credential-ecr-sso\"]\n")
	w.ok(docker, "build", "-q", "-t", "ecr-sso-copied", "-f", recipe, filepath.Join(context, "bin"))
	for image, program := range map[string]string{"ecr-sso-image": "/" + helper, "ecr-sso-copied": "/usr/local/bin/" + helper} {
		container := strings.TrimSpace(w.ok(docker, "create", image).stdout)
		tarball := filepath.Join(w.home.Dir, "image.tar")
		w.ok(docker, "export", "-o", tarball, container)
		w.ok(docker, "rm", container)
		inside := newWorld(t)
		inside.ok(find(t, "tar", "tar"), "-xf", tarball, "-C", inside.home.Dir)
		inside.bareGet(inside.home.Dir, program, true)
	}
	w.ok(docker, "rmi", "ecr-sso-copied", "ecr-sso-image")
}

// bareGet runs the version and get verbs of a program with root as the whole file system.
// The root contains only the home and the program. If ownRoots is set, it also contains
// the certificates, instead of the system's.
func (w *world) bareGet(root, program string, ownRoots bool) {
	w.t.Helper()
	env := []string{"PATH=/", "HOME=/", "DOCKER_CONFIG=/.docker", "AWS_EC2_METADATA_DISABLED=true", "HTTPS_PROXY=" + w.aws.ProxyURL()}
	if !ownRoots {
		copyFile(w.t, w.aws.CAFile(), filepath.Join(root, "ca.pem"))
		env = append(env, "AWS_CA_BUNDLE=/ca.pem")
	}
	bare := *w
	bare.env = env
	w.signIn()
	chroot := find(w.t, "chroot", "coreutils")
	if r := bare.run("", chroot, root, program, "version"); r.code != 0 || !strings.HasPrefix(r.stdout, helper+" (") {
		w.t.Error("the program does not run")
	}
	if r := bare.run(registry, chroot, root, program, "get"); r.code != 0 || !strings.Contains(r.stdout, `"Username":"AWS"`) {
		w.t.Error("the program returns no login")
	}
	w.calls(map[awstest.Op]int{awstest.GetAuthorizationToken: 1})
}

func mkdir(t *testing.T, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, data, 0o644); err != nil {
		t.Fatal(err)
	}
}
