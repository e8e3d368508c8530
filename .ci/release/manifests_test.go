// Package release checks a release's manifests for package managers. `make manifests`
// writes them, with placeholders for the programs.
package release

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v5"
	"go.yaml.in/yaml/v3"
)

const (
	dist    = "../../bin/manifests"
	program = "docker-credential-ecr-sso"
)

// The winget manifests are YAML. The test validates them with winget's own schemas for
// the same format version.
func TestWingetManifests(t *testing.T) {
	kinds := map[string]map[string]any{}
	for _, file := range glob(t, "winget/manifests/e/ecr-sso/"+program+"/*/*.yaml") {
		var manifest map[string]any
		if err := yaml.Unmarshal(read(t, file), &manifest); err != nil {
			t.Fatal(err)
		}
		if manifest["ManifestVersion"] != "1.12.0" {
			t.Errorf("%s is of version %v: testdata has the schemas of another one", file, manifest["ManifestVersion"])
		}
		kind, _ := manifest["ManifestType"].(string)
		validate(t, "winget."+kind+".json", file, manifest)
		kinds[kind] = manifest
	}
	if len(kinds) != 3 {
		t.Fatalf("%d kinds of manifests", len(kinds))
	}
	systems := map[any]bool{}
	for _, each := range kinds["installer"]["Installers"].([]any) {
		installer := each.(map[string]any)
		systems[installer["Architecture"]] = true
		archive := download(t, installer["InstallerUrl"].(string), strings.ToLower(installer["InstallerSha256"].(string)))
		for _, nested := range installer["NestedInstallerFiles"].([]any) {
			if file := nested.(map[string]any)["RelativeFilePath"].(string); !slices.Contains(members(t, archive), file) {
				t.Errorf("%s has no %s", archive, file)
			}
		}
	}
	if !systems["x64"] || !systems["arm64"] || len(systems) != 2 {
		t.Errorf("installers for %v", systems)
	}
}

func TestScoopManifest(t *testing.T) {
	file := glob(t, "scoop/*.json")[0]
	var manifest any
	if err := json.Unmarshal(read(t, file), &manifest); err != nil {
		t.Fatal(err)
	}
	validate(t, "scoop.json", file, manifest)
	systems := manifest.(map[string]any)["architecture"].(map[string]any)
	for _, name := range []string{"64bit", "arm64"} {
		system, ok := systems[name].(map[string]any)
		if !ok {
			t.Fatalf("no %s", name)
		}
		archive := download(t, system["url"].(string), system["hash"].(string))
		for _, file := range system["bin"].([]any) {
			if !slices.Contains(members(t, archive), file.(string)) {
				t.Errorf("%s has no %s", archive, file)
			}
		}
	}
	if len(systems) != 2 {
		t.Errorf("%d systems", len(systems))
	}
}

// A cask is a program in Ruby. testdata/cask.rb has Homebrew's stanzas.
func TestHomebrewCask(t *testing.T) {
	out, err := exec.Command("ruby", "testdata/cask.rb", glob(t, "homebrew/Casks/*.rb")[0]).Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("%s", exit.Stderr)
		}
		t.Fatal(err)
	}
	var systems map[string]struct {
		Token, Version, URL, SHA256, Name, Desc, Homepage, Binary, Manpage []string

		Bash []string   `json:"bash_completion"`
		Fish []string   `json:"fish_completion"`
		Zsh  []string   `json:"zsh_completion"`
		Run  [][]string `json:"run"`
	}
	if err := json.Unmarshal(out, &systems); err != nil {
		t.Fatal(err)
	}
	if len(systems) != 4 {
		t.Errorf("%d systems", len(systems))
	}
	for name, cask := range systems {
		for _, one := range [][]string{cask.Token, cask.Version, cask.URL, cask.SHA256, cask.Name, cask.Desc, cask.Homepage, cask.Binary} {
			if len(one) != 1 {
				t.Fatalf("%s: %+v", name, cask)
			}
		}
		archive := download(t, cask.URL[0], cask.SHA256[0])
		in := members(t, archive)
		for _, file := range slices.Concat(cask.Binary, cask.Manpage, cask.Bash, cask.Fish, cask.Zsh) {
			if !slices.Contains(in, file) {
				t.Errorf("%s: %s has no %s", name, archive, file)
			}
		}
		for _, file := range in {
			if strings.HasPrefix(file, "man/") && !slices.Contains(cask.Manpage, file) {
				t.Errorf("%s: the cask installs no %s", name, file)
			}
		}
		system, _, _ := strings.Cut(name, " ")
		if !strings.Contains(archive, map[string]string{"macos": "darwin", "linux": "linux"}[system]) {
			t.Errorf("%s: %s", name, archive)
		}
		quarantine := []string{"/usr/bin/xattr", "-dr", "com.apple.quarantine", "STAGED/" + program}
		if mac := len(cask.Run) == 1 && slices.Equal(cask.Run[0], quarantine); mac != (system == "macos") {
			t.Errorf("%s runs %q", name, cask.Run)
		}
	}
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dist, pattern))
	if err != nil || len(found) == 0 {
		t.Fatalf("no %s in bin/manifests (%v): make manifests", pattern, err)
	}
	return found
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func validate(t *testing.T, schema, file string, manifest any) {
	t.Helper()
	s, err := jsonschema.Compile(filepath.Join("testdata", schema))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Validate(manifest); err != nil {
		t.Errorf("%s: %#v", file, err)
	}
}

// download returns the archive in dist that a release publishes under the URL, and checks
// its checksum. A snapshot has the tag of the previous release.
func download(t *testing.T, url, sha string) string {
	t.Helper()
	name := path.Base(url)
	if !strings.HasPrefix(url, "https://github.com/ecr-sso/"+program+"/releases/download/v") || strings.Count(url, "/") != 8 {
		t.Errorf("%s is not the address of a release", url)
	}
	archive := filepath.Join(dist, name)
	if sum := sha256.Sum256(read(t, archive)); hex.EncodeToString(sum[:]) != sha {
		t.Errorf("%s has another checksum than %s", name, sha)
	}
	return archive
}

func members(t *testing.T, archive string) (names []string) {
	t.Helper()
	if strings.HasSuffix(archive, ".zip") {
		z, err := zip.OpenReader(archive)
		if err != nil {
			t.Fatal(err)
		}
		defer z.Close()
		for _, f := range z.File {
			names = append(names, f.Name)
		}
		return names
	}
	f, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return names
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, h.Name)
	}
}
