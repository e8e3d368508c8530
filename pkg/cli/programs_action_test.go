//go:build programs && linux

package cli

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// These tests run the script of action.yml with bash, curl and tar.

// runner simulates a GitHub runner and the release files that it downloads.
type runner struct {
	t        *testing.T
	dir      string
	releases string
	env      map[string]string
}

const actionArchive = name + "_9.8.7_linux_amd64.tar.gz"

func newRunner(t *testing.T, program string) *runner {
	t.Helper()
	r := &runner{t: t, dir: t.TempDir(), releases: t.TempDir()}
	release := filepath.Join(r.releases, "download", "v9.8.7")
	if err := os.MkdirAll(release, 0o755); err != nil {
		t.Fatal(err)
	}
	packed := packProgram(t, program)
	if err := os.WriteFile(filepath.Join(release, actionArchive), packed, 0o644); err != nil {
		t.Fatal(err)
	}
	r.write(filepath.Join(release, "checksums.txt"),
		fmt.Sprintf("%064d  other_%s\n%x  %s\n", 0, actionArchive, sha256.Sum256(packed), actionArchive))
	r.env = map[string]string{
		"PATH": os.Getenv("PATH"), "HOME": r.dir, "RUNNER_TEMP": r.dir, "RUNNER_OS": "Linux", "RUNNER_ARCH": "X64",
		"GITHUB_PATH": filepath.Join(r.dir, "path"), "GITHUB_OUTPUT": filepath.Join(r.dir, "output"),
		"BASE_URL": "file://" + r.releases, "VERSION": "", "ACTION_REF": "v9.8.7",
		"REGISTRIES": host + ",\n  public.ecr.aws, 210987654321.dkr.ecr.eu-west-1.amazonaws.com\n",
	}
	return r
}

// packProgram returns a .tar.gz with the program. tar is not used: it fails if another test
// adds a hard link to the shared program meanwhile.
func packProgram(t *testing.T, program string) []byte {
	t.Helper()
	data, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	z, _ := gzip.NewWriterLevel(&packed, gzip.NoCompression) // compressing takes a second
	w := tar.NewWriter(z)
	err = w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(data))})
	if err == nil {
		_, err = w.Write(data)
	}
	if err := errors.Join(err, w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}

func (r *runner) write(path, text string) {
	r.t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

// read returns the content of a file on the runner, or "" if it does not exist.
func (r *runner) read(name string) string {
	data, _ := os.ReadFile(filepath.Join(r.dir, name))
	return string(data)
}

// install runs action.yml's script with additional variables.
func (r *runner) install(vars ...string) (string, error) {
	cmd := exec.Command("bash", filepath.Join(top, ".ci", "release", "install"))
	for k, v := range r.env {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	cmd.Env = append(cmd.Env, vars...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// smallProgram returns a program that does nothing. It is packed and unpacked faster than the
// real one.
func smallProgram(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestProgramsActionInstallsAndRegisters(t *testing.T) {
	t.Parallel()
	r := newRunner(t, filepath.Join(binDir, name))
	out, err := r.install()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	dir := strings.TrimSuffix(r.read("path"), "\n")
	if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
		t.Errorf("GITHUB_PATH got %q: %v", dir, err)
	}
	if have := r.read("output"); have != "version=9.8.7\n" {
		t.Errorf("GITHUB_OUTPUT got %q", have)
	}
	for _, want := range []string{`"` + host + `": "ecr-sso"`, `"public.ecr.aws": "ecr-sso"`, `"210987654321.dkr.ecr.eu-west-1.amazonaws.com": "ecr-sso"`} {
		if config := r.read(".docker/config.json"); !strings.Contains(config, want) {
			t.Errorf("Docker's configuration has no %s:\n%s", want, config)
		}
	}
}

func TestProgramsActionInstallsOnlyVerifiedFiles(t *testing.T) {
	t.Parallel()
	file := func(name string) func(*runner) string {
		return func(r *runner) string { return filepath.Join(r.releases, "download", "v9.8.7", name) }
	}
	never := smallProgram(t)
	archive, sums := file(actionArchive), file("checksums.txt")
	for name, c := range map[string]struct {
		spoil func(r *runner)
		vars  []string
		says  string
	}{
		"modified archive":        {spoil: func(r *runner) { r.write(archive(r), "changed") }, says: "is not the one in checksums.txt"},
		"missing checksum":        {spoil: func(r *runner) { r.write(sums(r), "") }, says: "is not the one in checksums.txt"},
		"no checksums":            {spoil: func(r *runner) { os.Remove(sums(r)) }, says: "has no checksums.txt"},
		"unknown release":         {vars: []string{"VERSION=9.9.9"}, says: "release 9.9.9 has no"},
		"version is a path":       {vars: []string{"VERSION=../../x"}, says: "is not a version"},
		"unsupported system":      {vars: []string{"RUNNER_OS=Plan9"}, says: "no release for runner system"},
		"mirror over http":        {vars: []string{"BASE_URL=http://127.0.0.1:1/releases"}, says: "does not begin with https://"},
		"mirror without a scheme": {vars: []string{"BASE_URL=mirror.example.com"}, says: "does not begin with https://"},
		"no mirror":               {vars: []string{"BASE_URL="}, says: "does not begin with https://"},
		"archive without the program": {spoil: func(r *runner) {
			r.write(archive(r), "")
			r.write(sums(r), fmt.Sprintf("%x  %s\n", sha256.Sum256(nil), actionArchive))
		}, says: "the installation failed at line"},
		"version with a workflow command": {vars: []string{"VERSION=1.0.0\n::set-env name=X::1"}, says: "1.0.0%0A::set-env"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRunner(t, never)
			if c.spoil != nil {
				c.spoil(r)
			}
			out, err := r.install(c.vars...)
			if err == nil || !strings.Contains(out, "::error::"+"docker-credential-ecr-sso: ") || !strings.Contains(out, c.says) {
				t.Errorf("%v\n%s", err, out)
			}
			if r.read("path") != "" || r.read(".docker/config.json") != "" {
				t.Error("the program was installed")
			}
		})
	}
}

// cosign puts a fake cosign first on the runner's PATH. It records its arguments and exits
// with code.
func (r *runner) cosign(code int) {
	r.t.Helper()
	dir := filepath.Join(r.dir, "tools")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		r.t.Fatal(err)
	}
	script := fmt.Sprintf("#!/bin/sh\necho \"$@\" >>%s\nexit %d\n", filepath.Join(r.dir, "verified"), code)
	if err := os.WriteFile(filepath.Join(dir, "cosign"), []byte(script), 0o755); err != nil {
		r.t.Fatal(err)
	}
	r.env["PATH"] = dir + ":" + os.Getenv("PATH")
}

// If cosign is on the runner, a release is installed only if its checksums were signed by
// the release workflow. The identity includes the version, so a signature of an older
// release is not accepted.
func TestProgramsActionVerifiesSignature(t *testing.T) {
	t.Parallel()
	bundle := func(r *runner) string {
		return filepath.Join(r.releases, "download", "v9.8.7", "checksums.txt.sigstore.json")
	}
	const identity = "--certificate-identity https://github.com/ecr-sso/docker-credential-ecr-sso/.github/workflows/release.yml@refs/tags/v9.8.7"
	for name, c := range map[string]struct {
		code   int
		signed bool
		says   string // the error; "": installed
	}{
		"signed":           {signed: true},
		"wrong signer":     {signed: true, code: 1, says: "the signature of checksums.txt is not from"},
		"not signed":       {says: "has no checksums.txt.sigstore.json"},
		"neither, exit 12": {code: 12, says: "has no checksums.txt.sigstore.json"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRunner(t, smallProgram(t))
			r.cosign(c.code)
			if c.signed {
				r.write(bundle(r), "{}")
			}
			out, err := r.install()
			if c.says == "" {
				if err != nil || !strings.Contains(r.read("verified"), identity) || r.read("path") == "" {
					t.Errorf("%v\n%s\ncosign got: %s", err, out, r.read("verified"))
				}
				return
			}
			if err == nil || !strings.Contains(out, "::error::docker-credential-ecr-sso: ") || !strings.Contains(out, c.says) || r.read("path") != "" {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// An error from configure-docker is also shown on the run's page, with its cause.
func TestProgramsActionReportsRejectedRegistry(t *testing.T) {
	t.Parallel()
	r := newRunner(t, filepath.Join(binDir, name))
	out, err := r.install("REGISTRIES=" + host + ",example.com")
	if err == nil || !strings.Contains(out, "\n::error::docker-credential-ecr-sso: ") || !strings.Contains(out, "example.com") || strings.Count(out, "docker-credential-ecr-sso: docker-") > 0 {
		t.Errorf("%v\n%s", err, out)
	}
}
