package awsclient

import (
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/safefile"
)

// maxBundle is far above any real certificate bundle (Debian's is 220 KB).
const maxBundle = 8 << 20

// roots is a set of root certificates that is being read in the background.
type roots struct {
	// pool is nil where the platform verifies (macOS, Windows). Otherwise it
	// is empty until ready is closed, and whoever reads from a server waits for that, so that
	// the TLS configuration can point at it from the start.
	pool  *x509.CertPool
	ready chan struct{}
	err   error         // valid after ready
	named string        // who names them instead of the system's: AWS_CA_BUNDLE, or a profile's ca_bundle
	wide  func() *roots // the fuller set to try on an unknown authority; nil: there is none
}

// loadRoots begins to read the roots: AWS_CA_BUNDLE or the profile's ca_bundle
// and nothing else (as in the SDKs), otherwise one bundle file, SSL_CERT_FILE or
// the system's first. One file, because the whole system pool costs five times
// as much: Go reads the certificate directory too.
func loadRoots(o Options) *roots {
	if path, source := caBundleFrom(o); path != "" {
		r := readRoots(func() (*x509.CertPool, error) { return namedBundle(path, source) })
		r.named = source
		return r
	}
	files, dirs := systemFiles(o.Env), systemDirs(o.Env)
	if len(files) == 0 && len(dirs) == 0 {
		return platformRoots()
	}
	r := readRoots(func() (*x509.CertPool, error) {
		pool := x509.NewCertPool()
		if ok, _ := addFirst(pool, files); ok {
			return pool, nil
		}
		return wholePool(files, dirs)
	})
	r.wide = func() *roots {
		return readRoots(func() (*x509.CertPool, error) { return wholePool(files, dirs) })
	}
	return r
}

func platformRoots() *roots {
	r := &roots{ready: make(chan struct{})}
	close(r.ready)
	return r
}

func readRoots(read func() (*x509.CertPool, error)) *roots {
	r := &roots{pool: x509.NewCertPool(), ready: make(chan struct{})}
	go func() {
		defer close(r.ready)
		pool, err := read()
		if err != nil {
			r.err = err
			return
		}
		*r.pool = *pool
	}()
	return r
}

func caBundle(o Options) string {
	path, _ := caBundleFrom(o)
	return path
}

// caBundleFrom finds the bundle that replaces the system's, and who names it.
func caBundleFrom(o Options) (path, source string) {
	if path := o.Env.Get(env.AWSCABundle); path != "" {
		return path, env.AWSCABundle.Name()
	}
	if path := o.key("ca_bundle"); path != "" {
		if rest, ok := strings.CutPrefix(path, "~/"); ok && o.Home != "" {
			path = filepath.Join(o.Home, rest)
		}
		return path, fmt.Sprintf("ca_bundle of profile %q", o.Profile)
	}
	return "", ""
}

func namedBundle(path, source string) (*x509.CertPool, error) {
	pem, err := safefile.Read(path, maxBundle)
	if err != nil {
		return nil, &rootsError{fmt.Errorf("%s: %w", source, err)}
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, &rootsError{fmt.Errorf("%s: no certificate in %s", source, path)}
	}
	return pool, nil
}

// rootsError is a bundle that the user named and that is of no use.
type rootsError struct{ err error }

func (e *rootsError) Error() string { return e.err.Error() }
func (e *rootsError) Unwrap() error { return e.err }

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

// addFirst adds the first file that holds certificates. The error is the first of a
// file that is there and was not read.
func addFirst(pool *x509.CertPool, files []string) (ok bool, unread error) {
	for _, file := range files {
		pem, err := safefile.Read(file, maxBundle)
		if err == nil && pool.AppendCertsFromPEM(pem) {
			return true, nil
		}
		unread = firstUnread(unread, err)
	}
	return false, unread
}

func firstUnread(before, err error) error {
	if before != nil || errors.Is(err, fs.ErrNotExist) {
		return before
	}
	return err
}

// wholePool is what Go's system pool holds, but by the variables of the Env we
// were given.
func wholePool(files, dirs []string) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	found, unread := addFirst(pool, files)
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		unread = firstUnread(unread, err)
		for _, e := range entries {
			pem, err := safefile.Read(filepath.Join(dir, e.Name()), maxBundle)
			if err == nil {
				found = pool.AppendCertsFromPEM(pem) || found
			}
			unread = firstUnread(unread, err)
		}
	}
	if !found && unread != nil {
		return nil, &rootsError{fmt.Errorf("root certificates: %w", unread)}
	}
	if !found {
		return nil, &rootsError{fmt.Errorf("no root certificates in %s", cmp.Or(strings.Join(append(files, dirs...), ", "), "the system"))}
	}
	return pool, nil
}
