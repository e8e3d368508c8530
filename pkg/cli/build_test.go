//go:build buildtest

package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// These tests link the program again, which takes many seconds. `make test-build` runs
// them.

// maxBinary is the size limit of the released linux/amd64 binary. A cold get maps nearly
// the whole file into memory. docs/dependencies.md explains what to do if the binary gets
// too large.
const maxBinary = 13_000_000

func TestBuildIsSmall(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "released")
	cmd := exec.Command("go", "build", "-tags", "nethttpomithttp2", "-trimpath", "-ldflags", "-s -w", "-o", bin, commandDir)
	cmd.Env = append(cmd.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	info, err := os.Stat(bin)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes", info.Size())
	if info.Size() > maxBinary {
		t.Errorf("the binary size is %d bytes, more than %d", info.Size(), maxBinary)
	}
}

// A template engine calls methods by name. If the program can reach one, the linker keeps
// all methods of the AWS SDK, which adds 3 MB and slows down every start. cobra imports a
// template engine, but only commands with custom templates reach it.
func TestBuildReachesNoTemplateEngine(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "linked")
	if out, err := exec.Command("go", "build", "-o", bin, commandDir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out, err := exec.Command("go", "tool", "nm", bin).Output()
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(out, []byte("text/template.(*state).evalField")) {
		t.Error("the binary reaches text/template")
	}
}

// Releases get their version from the linker flags in .goreleaser.yaml. `version` without
// flags prints one line.
func TestBuildHasReleaseVersion(t *testing.T) {
	bin := filepath.Join(t.TempDir(), name+exeSuffix())
	link := exec.Command("go", "build", "-buildvcs=false", "-o", bin,
		"-ldflags", "-X "+modulePath+"/pkg/cli.release=9.8.7 -X "+modulePath+"/pkg/cli.commit=0123abc -X "+modulePath+"/pkg/cli.date=2026-11-26T12:00:00Z", commandDir)
	if out, err := link.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	say := func(args ...string) string {
		t.Helper()
		out, err := exec.Command(bin, args...).Output()
		if err != nil {
			t.Fatalf("%v: %v", args, err)
		}
		return string(out)
	}
	line := name + " (" + modulePath + ") 9.8.7\n"
	for _, args := range [][]string{{"version"}, {"--version"}, {"-v"}} {
		if have := say(args...); have != line {
			t.Errorf("%v: %q, want %q", args, have, line)
		}
	}
	platform := runtime.GOOS + "/" + runtime.GOARCH
	want := "version   9.8.7\ncommit    0123abc\ndate      2026-11-26T12:00:00Z\ngo        " +
		runtime.Version() + "\nplatform  " + platform + "\n"
	if diff := cmp.Diff(want, say("version", "--long")); diff != "" {
		t.Error(diff)
	}
	var have build
	if err := json.NewDecoder(strings.NewReader(say("version", "--json"))).Decode(&have); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(build{"9.8.7", "0123abc", "2026-11-26T12:00:00Z", runtime.Version(), platform}, have); diff != "" {
		t.Error(diff)
	}
}
