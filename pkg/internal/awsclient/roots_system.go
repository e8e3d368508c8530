package awsclient

import (
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
)

// systemRoots says where the system's certificates are.
type systemRoots struct{ files, dirs []string }

// systemFiles and systemDirs follow Go's own rule for Unix (crypto/x509,
// root_unix.go), on every platform when the variables are set.
func systemFiles(e env.Set) []string {
	if file := e.Get(env.SSLCertFile); file != "" {
		return []string{file}
	}
	return bundleFiles()
}

func systemDirs(e env.Set) []string {
	if dirs := e.Get(env.SSLCertDir); dirs != "" {
		return filepath.SplitList(dirs)
	}
	return bundleDirs()
}

// read returns what Go's system pool holds: the first bundle file, and every
// certificate of the directories (a container often mounts its company's authority
// there and leaves the bundle as it was).
func (s systemRoots) read() (*x509.CertPool, error) {
	found := &certificates{pool: x509.NewCertPool()}
	bundle := ""
	for _, file := range s.files {
		if found.add(file) {
			bundle = file
			break
		}
	}
	for _, dir := range s.dirs {
		entries, err := os.ReadDir(dir)
		found.unread(err)
		for _, e := range entries {
			path := filepath.Join(dir, e.Name())
			if path != bundle && !(bundle != "" && inBundle(path, e)) {
				found.add(path)
			}
		}
	}
	switch {
	case found.any:
		return found.pool, nil
	case found.err != nil:
		return nil, &rootsError{"", fmt.Errorf("root certificates: %w", found.err)}
	}
	return nil, &rootsError{"", fmt.Errorf("no root certificates in %s", cmp.Or(strings.Join(slices.Concat(s.files, s.dirs), ", "), "the system"))}
}

// inBundle reports whether an entry of a certificate directory is a link that the
// distribution made beside its bundle: to a certificate in one of its own directories,
// or to a neighbor, under its hash. To open these 300 files on Debian would take
// longer than all else that a get does, and bring nothing new.
func inBundle(path string, e fs.DirEntry) bool {
	if e.Type()&fs.ModeSymlink == 0 {
		return false
	}
	target, err := os.Readlink(path)
	return err == nil && (!strings.Contains(target, "/") ||
		strings.Contains(target, "/ca-certificates/") || strings.Contains(target, "/ca-trust/"))
}

// certificates collects roots from files.
type certificates struct {
	pool *x509.CertPool
	any  bool
	err  error // of the first file that exists and was not read
}

func (c *certificates) add(file string) bool {
	pem, err := safefile.Read(file, maxBundle)
	c.unread(err)
	ok := err == nil && c.pool.AppendCertsFromPEM(pem)
	c.any = c.any || ok
	return ok
}

func (c *certificates) unread(err error) {
	if c.err == nil && !errors.Is(err, fs.ErrNotExist) {
		c.err = err
	}
}
