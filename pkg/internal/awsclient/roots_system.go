package awsclient

import (
	"bytes"
	"cmp"
	"crypto/x509"
	"encoding/pem"
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

// smallBundle is what is read at once: somebody's own choice of a few
// certificates, in bytes. Debian's bundle of 150 has 220 KB.
const smallBundle = 64 << 10

// systemRoots says where the system's certificates are. A set is widened only when
// a server's authority is in none of those before, at the cost of one handshake
// more: a proxy that looks inside is answered from the bundle, where its
// certificate was installed.
type systemRoots struct{ files, dirs []string }

// aws is AWS's own authorities in the bundle, all that a get needs. To read the others
// too takes twelve times as many allocations (docs/decisions/0014).
func (s systemRoots) aws() (*x509.CertPool, error) {
	for _, file := range s.files {
		if bundle, err := safefile.Read(file, maxBundle); err == nil {
			return awsRoots(bundle), nil
		}
	}
	return nil, nil
}

// awsRoots picks the certificates of AWS's own authorities out of a bundle
// (https://www.amazontrust.com/repository); nil without one and for a small bundle.
// Their names decide nothing about trust, only what is read first.
func awsRoots(bundle []byte) *x509.CertPool {
	if len(bundle) < smallBundle {
		return nil
	}
	var pool *x509.CertPool
	for block, rest := pem.Decode(bundle); block != nil; block, rest = pem.Decode(rest) {
		if !bytes.Contains(block.Bytes, []byte("Amazon Root CA ")) && !bytes.Contains(block.Bytes, []byte("Starfield Services Root ")) {
			continue
		}
		if cert, err := x509.ParseCertificate(block.Bytes); err == nil {
			if pool == nil {
				pool = x509.NewCertPool()
			}
			pool.AddCert(cert)
		}
	}
	return pool
}

// bundle is one bundle file, SSL_CERT_FILE or the system's first.
func (s systemRoots) bundle() (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	if ok, _ := addFirst(pool, s.files); ok {
		return pool, nil
	}
	return nil, nil
}

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

// whole is what Go's system pool holds, but by the variables of the Env we were
// given. It costs five times what the bundle does: Go reads the certificate
// directory too.
func (s systemRoots) whole() (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	found, unread := addFirst(pool, s.files)
	for _, dir := range s.dirs {
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
		return nil, &rootsError{fmt.Errorf("no root certificates in %s", cmp.Or(strings.Join(slices.Concat(s.files, s.dirs), ", "), "the system"))}
	}
	return pool, nil
}
