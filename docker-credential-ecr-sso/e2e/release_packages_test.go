//go:build e2e && linux

package e2e

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// The tests install the packages into a separate root, not into the machine's root. The
// packages have no scripts that would behave differently there.

func TestDebIsInstalledUsedAndPurged(t *testing.T) {
	needRoot(t)
	w := newWorld(t)
	deb := released(t, ".deb")
	dpkg := find(t, "dpkg", "dpkg")
	root := t.TempDir()
	for _, dir := range []string{"updates", "info"} {
		mkdir(t, filepath.Join(root, "var/lib/dpkg", dir))
	}
	if err := os.WriteFile(filepath.Join(root, "var/lib/dpkg/status"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	w.ok(dpkg, "--root="+root, "--install", deb)
	w.usesPackage(root, "usr/share/zsh/vendor-completions", "usr/share/doc/"+helper+"/copyright")
	w.ok(dpkg, "--root="+root, "--purge", helper)
	nothingLeft(t, root, "var/lib/dpkg")
}

func TestRPMIsInstalledUsedAndRemoved(t *testing.T) {
	needRoot(t)
	w := newWorld(t)
	pkg := released(t, ".rpm")
	rpm := find(t, "rpm", "rpm")
	root := t.TempDir()
	options := []string{"--root=" + root, "--dbpath=/var/lib/rpm"}
	w.ok(rpm, append(options, "--initdb")...)
	w.ok(rpm, append(options, "--force-debian", "--install", pkg)...) // Debian's rpm requires this option
	w.usesPackage(root, "usr/share/zsh/site-functions", "usr/share/licenses/"+helper+"/LICENSE")
	w.ok(rpm, append(options, "--verify", helper)...)
	w.ok(rpm, append(options, "--force-debian", "--erase", helper)...)
	nothingLeft(t, root, "var/lib/rpm")
}

// Debian has no apk, so the test reads the package like apk. A package consists of a
// compressed tar archive with the description, followed by one with the files. The
// description contains the checksum of the second archive.
// https://wiki.alpinelinux.org/wiki/Apk_spec
func TestAPKIsUnpackedAndUsed(t *testing.T) {
	needRoot(t)
	w := newWorld(t)
	data, err := os.ReadFile(released(t, ".apk"))
	if err != nil {
		t.Fatal(err)
	}
	var parts [][]byte // compressed
	for rest := bytes.NewReader(data); rest.Len() > 0; {
		start := len(data) - rest.Len()
		z, err := gzip.NewReader(rest)
		if err != nil {
			t.Fatal(err)
		}
		z.Multistream(false)
		if _, err := io.Copy(io.Discard, z); err != nil {
			t.Fatal(err)
		}
		parts = append(parts, data[start:len(data)-rest.Len()])
	}
	if len(parts) != 2 { // a signed package has a third part before these
		t.Fatalf("%d parts", len(parts))
	}
	description := t.TempDir()
	unpack(t, parts[0], description)
	info, err := os.ReadFile(filepath.Join(description, ".PKGINFO"))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(parts[1])
	for _, line := range []string{
		"pkgname = " + helper, "arch = " + map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[runtime.GOARCH], "license = Apache-2.0", "depend = ca-certificates",
		"datahash = " + hex.EncodeToString(sum[:]),
	} {
		if !strings.Contains("\n"+string(info), "\n"+line+"\n") {
			t.Errorf("the description has no %q:\n%s", line, info)
		}
	}
	root := t.TempDir()
	unpack(t, parts[1], root)
	w.usesPackage(root, "usr/share/zsh/site-functions", "usr/share/licenses/"+helper+"/LICENSE")
}

// unpack extracts a compressed archive. If an entry has an apk checksum, the checksum
// must match the file.
func unpack(t *testing.T, archive []byte, root string) {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(root, h.Name)
		if h.Typeflag == tar.TypeDir {
			mkdir(t, path)
			continue
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha1.Sum(content)
		if want, ok := h.PAXRecords["APK-TOOLS.checksum.SHA1"]; ok && want != hex.EncodeToString(sum[:]) || h.Typeflag != tar.TypeReg || h.Uid != 0 {
			t.Errorf("%s: %+v", h.Name, h)
		}
		mkdir(t, filepath.Dir(path))
		mode := h.FileInfo().Mode().Perm()
		if err := errors.Join(os.WriteFile(path, content, mode), os.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
	}
}

// usesPackage gets a login with the program that a package installed below root. It also
// completes a word, reads the manual, and checks for the zsh completion and the license.
func (w *world) usesPackage(root, zsh, license string) {
	t := w.t
	t.Helper()
	installed := filepath.Join(root, "usr/bin", helper)
	w.env = append(w.env, "PATH="+filepath.Dir(installed)+":"+strings.Join(debian, ":"))
	w.signIn()
	if r := w.run(registry, installed, "get"); r.code != 0 || !strings.Contains(r.stdout, `"Username":"AWS"`) {
		t.Error("the installed helper has no login")
	}
	w.calls(map[awstest.Op]int{awstest.GetAuthorizationToken: 1})

	page := unzipped(t, filepath.Join(root, "usr/share/man/man1", helper+".1.gz"))
	if !strings.Contains(page, ".SH ENVIRONMENT") || !strings.Contains(page, "ECR_SSO_LOGIN") {
		t.Errorf("the man page is\n%s", page)
	}
	script := filepath.Join(root, "usr/share/bash-completion/completions", helper)
	r := w.ok(find(t, "bash", "bash"), "--norc", "-c", completeIn, script)
	if !strings.Contains(r.stdout, "configure-docker") || strings.Contains(r.stdout, "login") {
		t.Error("wrong completions in bash")
	}
	for _, file := range []string{zsh + "/_" + helper, license, "usr/share/doc/" + helper + "/third-party-licenses.txt"} {
		if info, err := os.Stat(filepath.Join(root, file)); err != nil || info.Size() == 0 || info.Mode().Perm() != 0o644 {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// completeIn loads the script ($0) and completes `docker-credential-ecr-sso conf` like
// bash. It also defines the function that bash-completion would provide.
const completeIn = `
_get_comp_words_by_ref() { cur=conf prev=docker-credential-ecr-sso; words=(docker-credential-ecr-sso conf); cword=1; }
. "$0" || exit 1
COMP_TYPE=63 COMP_WORDS=(docker-credential-ecr-sso conf) COMP_CWORD=1
complete -p docker-credential-ecr-sso
__start_docker-credential-ecr-sso
printf '%s\n' "${COMPREPLY[@]}"`

// nothingLeft fails for a file below root that is not in the package manager's database.
func nothingLeft(t *testing.T, root, database string) {
	t.Helper()
	if err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && !strings.HasPrefix(path, filepath.Join(root, database)) {
			t.Errorf("%s is left", path)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

func unzipped(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
