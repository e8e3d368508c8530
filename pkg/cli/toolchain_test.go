package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

// pinnedGo returns the toolchain line in go.mod, such as "go1.26.10", and the language
// version in its go line, such as "1.26".
func pinnedGo(t *testing.T) (toolchain, language string) {
	t.Helper()
	m := regexp.MustCompile(`(?m)^go (1\.\d+)(?:\.\d+)?\n\ntoolchain (go1\.\d+\.\d+)$`).FindStringSubmatch(readSource(t, "go.mod"))
	if m == nil {
		t.Fatal("go.mod pins no toolchain")
	}
	return m[2], m[1]
}

// One toolchain builds everything, and go.mod pins it. For a security release of Go, change
// the line in go.mod. This test lists the other files to change.
func TestToolchainIsPinned(t *testing.T) {
	t.Parallel()
	toolchain, language := pinnedGo(t)
	for file, line := range map[string]string{
		".ci/lab/go.mod":           "\ntoolchain " + toolchain + "\n",
		".goreleaser.yaml":         "\nenv: [GOTOOLCHAIN=" + toolchain + "]\n",
		".github/workflows/ci.yml": "golang:" + language + "-bookworm@sha256:",
		"README.md":                "Go " + language,
		"CONTRIBUTING.md":          "You need Go " + language + ",",
		"docs/install.md":          "Go " + language + ":",
	} {
		if !strings.Contains(readSource(t, file), line) {
			t.Errorf("%s has no %q", file, line)
		}
	}
}

// Another patch release of Go in build files or user documentation is a forgotten pin.
// Measurement records contain the release that was used.
func TestNoOtherToolchain(t *testing.T) {
	t.Parallel()
	toolchain, _ := pinnedGo(t)
	files := []string{"README.md", "CONTRIBUTING.md", "SECURITY.md", "Makefile", ".ci/run", ".goreleaser.yaml", "action.yml"}
	for _, pattern := range []string{"docs/*.md", ".github/workflows/*.yml", ".ci/release/*"} {
		found, err := filepath.Glob(filepath.Join(top, pattern))
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(found), err)
		}
		for _, path := range found {
			relative, err := filepath.Rel(top, path)
			if err != nil {
				t.Fatal(err)
			}
			if info, err := os.Stat(path); err != nil || info.IsDir() {
				continue
			}
			if base := filepath.Base(path); base != "go.mod" && base != "go.sum" {
				files = append(files, filepath.ToSlash(relative))
			}
		}
	}
	named := regexp.MustCompile(`(?:[Gg]o ?|golang:|go-version: "?)(1\.\d+\.\d+)`)
	record := regexp.MustCompile(`^Measured |\*\*bytes\*\* are|Seconds of processor time`)
	for _, file := range files {
		for line := range strings.Lines(readSource(t, file)) {
			for _, m := range named.FindAllStringSubmatch(line, -1) {
				if "go"+m[1] != toolchain && !record.MatchString(line) {
					t.Errorf("%s has Go %s, but go.mod pins %s: %s", file, m[1], toolchain, line)
				}
			}
		}
	}
}

// make and .ci/run read the pin from go.mod and pass it to all go commands, even if
// GOTOOLCHAIN=local is set, as in the official image.
func TestMakeUsesPinnedToolchain(t *testing.T) {
	t.Parallel()
	tool, err := exec.LookPath("make")
	if err != nil || runtime.GOOS == "windows" {
		t.Skip("make or sed is not installed")
	}
	toolchain, _ := pinnedGo(t)
	cmd := exec.Command(tool, "-s", "-C", top, "-f", "Makefile", "-f", "-", "show-toolchain")
	cmd.Stdin = strings.NewReader("show-toolchain: ; @echo $$GOTOOLCHAIN\n")
	cmd.Env = append(cmd.Environ(), "GOTOOLCHAIN=local", "MAKEFLAGS=")
	out, err := cmd.Output()
	if have := strings.TrimSpace(string(out)); err != nil || have != toolchain {
		t.Errorf("make uses %q (%v), go.mod pins %s", have, err, toolchain)
	}
	for _, file := range []string{".ci/run", ".ci/release/snapshot", ".ci/release/reproducible", ".ci/tool", ".ci/vuln/check"} {
		if !strings.Contains(readSource(t, file), "\nexport GOTOOLCHAIN\n") {
			t.Errorf("%s does not export the toolchain from go.mod", file)
		}
	}
}

// Workflows refer to external code by content: actions by commit and images by digest. A
// tag can be moved after the review.
func TestWorkflowsPinByDigest(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(top, ".github", "workflows", "*.yml"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	external := regexp.MustCompile(`(?:uses: |image: "?|image=|docker://)([^\s"}]+)`)
	pinned := regexp.MustCompile(`^(?:[\w-]+/[\w/-]+@[0-9a-f]{40}|[\w./:-]+@sha256:[0-9a-f]{64})$`)
	for _, file := range files {
		seen := 0
		for _, m := range external.FindAllStringSubmatch(readSource(t, ".github/workflows/"+filepath.Base(file)), -1) {
			seen++
			if !pinned.MatchString(m[1]) {
				t.Errorf("%s uses %s without a commit or digest", filepath.Base(file), m[1])
			}
		}
		if seen == 0 {
			t.Errorf("%s: nothing to check", file)
		}
	}
}
