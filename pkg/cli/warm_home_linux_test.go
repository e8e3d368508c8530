package cli

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// newWarm returns a home directory in which the next get is warm.
func newWarm(t *testing.T) *stage {
	t.Helper()
	s := newHome(t)
	s.ageInputs(t)
	if w := s.inProcess(t, []string{"get"}, host); w.Status != "exit status 0" {
		t.Fatalf("first get: %+v", w)
	}
	s.entry(t)
	return s
}

// savedFile is a file or directory in a home directory.
type savedFile struct {
	path string
	mode fs.FileMode
	time time.Time
	data []byte
}

// save returns the files in the home directory.
func (s *stage) save(t *testing.T) (files []savedFile) {
	t.Helper()
	err := filepath.WalkDir(s.home.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		file := savedFile{path: path, mode: info.Mode(), time: info.ModTime()}
		if !d.IsDir() {
			file.data, err = os.ReadFile(path)
		}
		files = append(files, file)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// restore makes these the only files in the home directory. They are new files with the old
// times, so no earlier warm entry is valid. A get from the cache writes a new one.
func (s *stage) restore(t *testing.T, files []savedFile) {
	t.Helper()
	err := os.RemoveAll(s.home.Dir)
	for _, f := range files {
		if f.mode.IsDir() {
			err = errors.Join(err, os.Mkdir(f.path, f.mode.Perm()))
		} else {
			err = errors.Join(err, os.WriteFile(f.path, f.data, f.mode.Perm()), os.Chtimes(f.path, f.time, f.time))
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	connections := len(s.aws.Connections())
	if w := s.inProcess(t, []string{"get"}, host); w.Status != "exit status 0" || len(s.aws.Connections()) != connections {
		t.Fatalf("no login from the restored cache: %+v", w)
	}
	s.entry(t)
}

// copyTree copies a file, a directory or a link, with all that package warm looks at: modes,
// owners, times, links and other names. The hundred processes of `cp -a` took a second.
func copyTree(from, to string) error {
	copies := map[uint64]string{} // of files with several names
	var finish []func() error     // for directories, after their files
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		target, stat := to+strings.TrimPrefix(path, from), info.Sys().(*syscall.Stat_t)
		if earlier := copies[stat.Ino]; earlier != "" {
			return os.Link(earlier, target)
		}
		switch info.Mode().Type() {
		case fs.ModeDir:
			err = os.Mkdir(target, 0o700)
		case fs.ModeSymlink:
			end, failed := os.Readlink(path)
			return errors.Join(failed, os.Symlink(end, target), os.Lchown(target, int(stat.Uid), int(stat.Gid)))
		case fs.ModeNamedPipe:
			err = syscall.Mkfifo(target, 0o600)
		default:
			copies[stat.Ino] = target
			err = copyBeginning(path, target, info.Size())
		}
		finish = append(finish, func() error {
			return errors.Join(os.Lchown(target, int(stat.Uid), int(stat.Gid)), os.Chmod(target, info.Mode()), os.Chtimes(target, info.ModTime(), info.ModTime()))
		})
		return err
	})
	for _, last := range slices.Backward(finish) {
		err = errors.Join(err, last())
	}
	return err
}

// copyBeginning copies a file. In a giant one, all bytes after the first megabyte are zero.
func copyBeginning(from, to string, size int64) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	data, err := io.ReadAll(io.LimitReader(in, 1<<20))
	return errors.Join(err, os.WriteFile(to, data, 0o600), os.Truncate(to, size))
}
