package cli

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
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
