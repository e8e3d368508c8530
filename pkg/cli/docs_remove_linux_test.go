package cli

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// removeRow matches the path in a row of the table in docs/install.md.
var removeRow = regexp.MustCompile("(?m)^\\| `(~/[^`]+)` \\|")

// docs/install.md lists the files that remain after the commands that it shows, and no
// others.
func TestInstallPageListsRemainingFiles(t *testing.T) {
	_, section, found := strings.Cut(readSource(t, "docs/install.md"), "\n## Remove\n")
	rows := removeRow.FindAllStringSubmatch(section, -1)
	if !found || len(rows) == 0 {
		t.Fatal("docs/install.md has no table of files")
	}
	s := newHome(t)
	if err := os.RemoveAll(filepath.Join(s.home.Dir, ".aws")); err != nil {
		t.Fatal(err)
	}
	before := s.files(t)
	s.completeSession(t)
	listed := map[string]bool{}
	for _, file := range s.files(t) {
		if slices.Contains(before, file) {
			continue
		}
		known := false
		for _, row := range rows {
			exact, _ := filepath.Match(row[1], file)
			if exact || strings.HasSuffix(row[1], "/") && strings.HasPrefix(file, row[1]) {
				known, listed[row[1]] = true, true
			}
		}
		if !known {
			t.Errorf("%s is not in docs/install.md", file)
		}
	}
	for _, row := range rows {
		if !listed[row[1]] {
			t.Errorf("no file matches %s", row[1])
		}
	}
}

// completeSession runs the commands of a user from the set-up to the removal.
func (s *stage) completeSession(t *testing.T) {
	t.Helper()
	for _, args := range [][]string{
		{
			"configure", "--profile", "prod", "--sso-session", "corp", "--start-url", startURL, "--sso-region", region,
			"--account-id", "123456789012", "--role-name", "Push", "--region", region,
		},
		{"get"},
		{"configure", "--all"},
		{"map", "public.ecr.aws", "prod"},
		{"configure-docker", "--all-registries"},
		{"configure-docker", "--podman", "--all-registries"},
		{"login"},
		{"logout"},
		{"configure-docker", "--podman", "--all-registries", "--remove"},
		{"configure-docker", "--remove"},
	} {
		cmd := exec.Command(filepath.Join(binDir, name), args...)
		cmd.Env = append(s.env, "BROWSER="+filepath.Join(binDir, "follow-url"))
		cmd.Stdin = strings.NewReader(host + "\n")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v: %s", args, err, out)
		}
	}
}

// files lists the files in the home directory, which is ~.
func (s *stage) files(t *testing.T) (files []string) {
	t.Helper()
	err := filepath.WalkDir(s.home.Dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, "~"+strings.TrimPrefix(path, s.home.Dir))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
