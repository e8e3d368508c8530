//go:build e2e && linux

package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// TestScratchImage runs the helper, both directly and from crane, like kaniko. The root
// is read-only and contains only the programs and Docker's configuration. It has no
// /etc/passwd, /proc, /dev or home.
func TestScratchImage(t *testing.T) {
	crane, _ := module(t, "crane")
	if !inCell(t) {
		return
	}
	root := filepath.Join(shared.dir, "root")
	ref := registry + "/team/scratch:v1"
	copyTo(t, filepath.Join(shared.dir, "bin", helper), filepath.Join(root, "kaniko", helper))
	copyTo(t, crane, filepath.Join(root, "kaniko", "crane"))
	copyTo(t, shared.aws.CAFile(), filepath.Join(root, "kaniko", "ssl", "ca.crt"))
	copyTo(t, newWorld(t).image(ref), filepath.Join(root, "image.tar"))
	config := filepath.Join(root, "kaniko", ".docker", "config.json")
	if err := os.MkdirAll(filepath.Dir(config), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config, []byte(`{"credHelpers":{"`+registry+`":"ecr-sso"}}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := readOnly(root); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(root, unix.MNT_DETACH) })
	for name, c := range map[string]struct {
		home []string
		why  string // why there is no home directory
	}{
		"HOME is root's": {[]string{"HOME=/root"}, "HOME=/root does not exist"},
		"no HOME at all": {nil, "HOME is not set, and the user database has no usable home directory for this user"},
	} {
		t.Run(name, func(t *testing.T) {
			shared.aws.ResetLog()
			keys := shared.aws.AddKeys(account)
			env := append([]string{
				"PATH=/usr/local/bin:/kaniko", "DOCKER_CONFIG=/kaniko/.docker", "SSL_CERT_FILE=/kaniko/ssl/ca.crt",
				"HTTPS_PROXY=" + shared.aws.ProxyURL(),
				"AWS_ACCESS_KEY_ID=" + keys.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + keys.SecretAccessKey,
			}, c.home...)
			out, errOut, err := inRoot(root, env, registry, "/kaniko/"+helper, "get")
			var answer struct{ Username string }
			if json.Unmarshal([]byte(out), &answer) != nil || answer.Username != "AWS" || errOut != "" || err != nil {
				t.Fatalf("%v, stdout %q, stderr %q", err, out, errOut)
			}
			if out, errOut, err := inRoot(root, env, "", "/kaniko/crane", "push", "/image.tar", ref); err != nil {
				t.Fatalf("crane: %v\n%s%s", err, out, errOut)
			}
			// No login can be cached, so each process calls ECR.
			if n := shared.aws.Calls(awstest.GetAuthorizationToken); n != 2 {
				t.Errorf("%d calls to ECR", n)
			}
			// Without credentials, the helper fails immediately.
			out, errOut, err = inRoot(root, append(env, "AWS_ACCESS_KEY_ID=", "AWS_EC2_METADATA_DISABLED=true"), registry, "/kaniko/"+helper, "get")
			want := "no profile and no credentials for account " + account + ": no home directory: " + c.why + "; run: export HOME=/absolute/path\n"
			if out != want || errOut != want || err == nil {
				t.Errorf("%v, stdout %q, stderr %q", err, out, errOut)
			}
		})
	}
}

// readOnly makes a directory a separate read-only mount.
func readOnly(dir string) error {
	if err := unix.Mount(dir, dir, "", unix.MS_BIND, ""); err != nil {
		return err
	}
	return unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, "")
}

// inRoot runs a program with the directory as its root.
func inRoot(root string, env []string, stdin, program string, args ...string) (stdout, stderr string, err error) {
	var out, errOut bytes.Buffer
	cmd := exec.Command(program, args...)
	cmd.Env, cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = env, "/", strings.NewReader(stdin), &out, &errOut
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root, Setsid: true}
	err = cmd.Run()
	return out.String(), errOut.String(), err
}

func copyTo(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, data, 0o755); err != nil {
		t.Fatal(err)
	}
}
