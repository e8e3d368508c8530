//go:build unix

package cli

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

const otherUser = 12345

// theirs changes the owner of everything below the home directory to another user,
// including the links themselves.
func theirs(t *testing.T, s *stage) {
	t.Helper()
	err := filepath.WalkDir(s.home.Dir, func(path string, _ fs.DirEntry, err error) error {
		if err == nil {
			err = os.Lchown(path, otherUser, otherUser)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// owned lists the files in a directory with names, modes, sizes and owners.
func owned(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil {
			fmt.Fprintln(&b, path, info.Mode(), info.Size(), info.ModTime(), info.Sys().(*syscall.Stat_t).Uid)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// sudo may preserve the user's HOME. The user has created links with the names of files and
// directories that root would write. Neither root's nor the user's files may change.
func TestRootWritesNoFileInAnotherUsersHome(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	roots := t.TempDir()
	for _, name := range []string{"cli", "cache"} {
		if err := os.Mkdir(filepath.Join(roots, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	victim := filepath.Join(roots, "victim")
	if err := os.WriteFile(victim, []byte("root's own"), 0o600); err != nil {
		t.Fatal(err)
	}
	for what, plant := range map[string]func(s *stage) error{
		"no link": func(*stage) error { return nil },
		"directories are links": func(s *stage) error {
			_ = os.RemoveAll(filepath.Join(s.home.Dir, ".cache"))
			_ = os.RemoveAll(filepath.Join(s.home.Dir, ".aws", "cli"))
			if err := os.Symlink(roots, filepath.Join(s.home.Dir, ".cache")); err != nil {
				return err
			}
			return os.Symlink(filepath.Join(roots, "cli"), filepath.Join(s.home.Dir, ".aws", "cli"))
		},
		"token is a link": func(s *stage) error {
			path := s.home.TokenPath("corp")
			if err := os.Rename(path, path+".real"); err != nil {
				return err
			}
			return os.Symlink(path+".real", path)
		},
	} {
		t.Run(what, func(t *testing.T) {
			s := newHome(t)
			if err := plant(s); err != nil {
				t.Fatal(err)
			}
			theirs(t, s)
			before, rootsBefore := owned(t, s.home.Dir), owned(t, roots)
			get := s.get(host)
			if err := get.cmd.Run(); err != nil {
				t.Errorf("get: %v: %s", err, get.stderr.String())
			}
			s.env = append(s.env, "BROWSER=/bin/true")
			for _, args := range [][]string{{"logout"}, {"erase"}, {"map", host, "prod"}} {
				run := s.get(host)
				run.cmd.Args = append([]string{name}, args...)
				_ = run.cmd.Run()
			}
			if after := owned(t, s.home.Dir); after != before {
				t.Errorf("the user's home before:\n%s\nafter:\n%s", before, after)
			}
			if after := owned(t, roots); after != rootsBefore {
				t.Errorf("root's files before:\n%s\nafter:\n%s", rootsBefore, after)
			}
		})
	}
}

// The refusal names the same command as the owner of the home directory.
func TestRootIsToldToRunAsOwner(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	s := newHome(t)
	s.home.WriteToken("corp", s.aws.SignIn(startURL, region, true))
	if err := s.get(host).cmd.Run(); err != nil {
		t.Fatal(err)
	}
	theirs(t, s)
	for _, args := range [][]string{{"logout"}, {"map", host, "prod"}, {"configure-docker", host}} {
		run := s.get(host)
		run.cmd.Args = append([]string{name}, args...)
		want := "owned by user 12345, but this process runs as root; run: sudo -u '#12345' docker-credential-ecr-sso " + strings.Join(args, " ") + "\n"
		if err := run.cmd.Run(); err == nil || !strings.HasSuffix(run.stderr.String(), want) || strings.Contains(run.stderr.String(), "?") {
			t.Errorf("%v: error %v, stderr %q", args, err, run.stderr.String())
		}
	}
}

// A refresh replaces the refresh token. Root cannot save the new one in another user's home
// directory, so it must not refresh.
func TestRootDoesNotUseAnotherUsersRefreshToken(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	s := newHome(t)
	token := s.aws.SignIn(startURL, region, true)
	token.ExpiresAt = time.Now().Add(-time.Hour)
	s.home.WriteToken("corp", token)
	theirs(t, s)
	get := s.get(host)
	want := `; run: sudo -u '#12345' docker-credential-ecr-sso login --sso-session corp --if-needed`
	if err := get.cmd.Run(); err == nil || !strings.Contains(get.stdout.String(), want) {
		t.Errorf("error %v, stdout %q", err, get.stdout.String())
	}
	if n := s.aws.Calls(awstest.CreateToken); n != 0 {
		t.Errorf("%d refreshes", n)
	}
}
