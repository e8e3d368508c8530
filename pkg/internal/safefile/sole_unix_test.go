//go:build unix

package safefile

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestCheckSole(t *testing.T) {
	for name, c := range map[string]struct {
		dir, file os.FileMode
		bad       string // the path in the error, relative to the test directory
	}{
		"user's alone":                       {0o700, 0o600, ""},
		"readable for all":                   {0o755, 0o644, ""},
		"file that its group can write":      {0o755, 0o664, "d/f"},
		"file that all users can write":      {0o755, 0o646, "d/f"},
		"directory that its group can write": {0o775, 0o600, "d"},
		"shared directory, sticky as /tmp":   {0o777 | os.ModeSticky, 0o600, "d"},
	} {
		t.Run(name, func(t *testing.T) {
			top := realDir(t)
			dir := filepath.Join(top, "d")
			path := filepath.Join(dir, "f")
			link := filepath.Join(top, "link")
			err := errors.Join(os.Mkdir(dir, 0o700), os.WriteFile(path, nil, 0o600), os.Symlink(path, link),
				os.Chmod(path, c.file), os.Chmod(dir, c.dir))
			if err != nil {
				t.Fatal(err)
			}
			for _, asked := range []string{path, link, filepath.Join(dir, "missing")} {
				err := CheckSole(asked)
				bad, ok := errors.AsType[*NotTrustedError](err)
				want := c.bad
				if filepath.Base(asked) == "missing" && want == "d/f" {
					want = ""
				}
				if want == "" && err != nil || want != "" && (!ok || bad.Path != filepath.Join(top, want)) {
					t.Errorf("%s: %v, want %q", asked, err, want)
				}
			}
		})
	}
	// Another user can replace a link in a shared directory.
	top := realDir(t)
	path, shared := filepath.Join(top, "f"), filepath.Join(top, "shared")
	link := filepath.Join(shared, "link")
	if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Mkdir(shared, 0o700), os.Symlink(path, link), os.Chmod(shared, 0o777)); err != nil {
		t.Fatal(err)
	}
	if err := CheckSole(link); !errors.Is(err, ErrNotTrusted) {
		t.Errorf("a link in a shared directory: %v", err)
	}
	if err := CheckSole(filepath.Join(top, "none", "at", "all")); err != nil {
		t.Errorf("a missing directory: %v", err)
	}
}

func TestInside(t *testing.T) {
	top := realDir(t)
	repo, other := filepath.Join(top, "repo"), filepath.Join(top, "repository")
	into := filepath.Join(top, "into")
	if err := errors.Join(os.MkdirAll(filepath.Join(repo, "sub"), 0o700), os.Mkdir(other, 0o700),
		os.WriteFile(filepath.Join(repo, "f"), nil, 0o600), os.Symlink(filepath.Join(repo, "sub"), into)); err != nil {
		t.Fatal(err)
	}
	t.Chdir(repo)
	for path, want := range map[string]bool{
		repo: true, filepath.Join(repo, "f"): true, filepath.Join(repo, "sub", "none", "x"): true,
		filepath.Join(into, "none"): true, "f": true, "../repo/f": true, top + "/repository/../repo/f": true,
		other: false, filepath.Join(other, "f"): false, top: false, "../f": false, "/": false,
	} {
		if got := Inside(path, repo); got != want {
			t.Errorf("%s: got %v", path, got)
		}
	}
	if _, err := os.Stat("/proc/self/cwd"); err == nil && !Inside("/proc/self/cwd/f", repo) {
		t.Error("/proc/self/cwd is another name of the working directory")
	}
}
