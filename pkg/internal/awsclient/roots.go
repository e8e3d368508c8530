package awsclient

import (
	"bytes"
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"hash/maphash"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/crash"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
)

// maxBundle is the maximum size of a certificate bundle, in bytes (Debian's has 220 KB).
const maxBundle = 8 << 20

// roots is a set of root certificates that is loaded in the background.
type roots struct {
	// pool is nil if the platform verifies certificates (macOS, Windows). Otherwise, it is
	// empty until ready is closed. The TLS configuration can use it from the start, because
	// rootsGatedConn does not read before that.
	pool   *x509.CertPool
	ready  chan struct{}
	err    error  // valid after ready
	source string // the setting that replaces the system's certificates; "": none
}

// loadRoots starts to read the roots: only the bundle in a setting, as in the SDKs, or the
// certificates that the system trusts.
func loadRoots(o Options) *roots {
	if path, source := caBundleFrom(o); path != "" {
		return readRoots(source, func() (*x509.CertPool, error) { return namedBundle(path, source) })
	}
	system := systemRoots{systemFiles(o.Env), systemDirs(o.Env)}
	switch {
	case !platformVerifies:
		return readRoots("", system.read)
	case len(system.files)+len(system.dirs) > 0:
		return readRoots("", system.addToPlatform)
	}
	r := &roots{ready: make(chan struct{})}
	close(r.ready)
	return r
}

func readRoots(source string, read func() (*x509.CertPool, error)) *roots {
	r := &roots{pool: x509.NewCertPool(), ready: make(chan struct{}), source: source}
	crash.Go(func() {
		defer close(r.ready)
		pool, err := read()
		if r.err = err; err == nil {
			*r.pool = *pool
		}
	})
	return r
}

func caBundle(o Options) string {
	path, _ := caBundleFrom(o)
	return path
}

// caBundleFrom returns the bundle that replaces the system's certificates and its setting,
// in the order of the AWS CLI: AWS_CA_BUNDLE, the profile's ca_bundle, REQUESTS_CA_BUNDLE
// (botocore, EndpointCreator).
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
	if path := o.Env.Get(env.RequestsCABundle); path != "" {
		return path, env.RequestsCABundle.Name()
	}
	return "", ""
}

func namedBundle(path, source string) (*x509.CertPool, error) {
	pem, err := safefile.Read(path, maxBundle)
	if err != nil {
		return nil, &rootsError{source, fmt.Errorf("%s: %w", source, err)}
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, &rootsError{source, fmt.Errorf("%s: no certificate in %s", source, path)}
	}
	return pool, nil
}

// rootsError means that a set of root certificates cannot be used.
type rootsError struct {
	source string // as in roots
	err    error
}

func (e *rootsError) Error() string { return e.err.Error() }
func (e *rootsError) Unwrap() error { return e.err }

// systemRoots are the locations of the system's certificates.
type systemRoots struct{ files, dirs []string }

// systemFiles and systemDirs follow Go's rule for Unix (crypto/x509, root_unix.go), on all
// platforms if the variables are set.
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

// read returns the certificates in Go's system pool: the first bundle file and the
// directories (containers often mount a company CA there and leave the bundle unchanged).
func (s systemRoots) read() (*x509.CertPool, error) {
	found := newCertificates(x509.NewCertPool())
	bundle := ""
	for _, file := range s.files {
		if found.add(file) {
			bundle = file
			break
		}
	}
	for _, dir := range s.dirs {
		entries, err := os.ReadDir(dir)
		found.noteError(err)
		for _, e := range entries {
			path := filepath.Join(dir, e.Name())
			if path != bundle && !(bundle != "" && inBundle(path, e)) {
				found.add(path)
			}
		}
	}
	switch {
	case found.some:
		return found.pool, nil
	case found.err != nil:
		return nil, &rootsError{"", fmt.Errorf("root certificates: %w", found.err)}
	}
	return nil, &rootsError{"", fmt.Errorf("no root certificates in %s", cmp.Or(strings.Join(slices.Concat(s.files, s.dirs), ", "), "the system"))}
}

// addToPlatform returns the pool for a platform that verifies certificates itself, with the
// certificates in SSL_CERT_FILE and SSL_CERT_DIR added to it. The platform comes first:
// conda and Nix set these variables, so they must not remove CAs that the computer's
// administrator trusts. Unreadable files are ignored.
func (s systemRoots) addToPlatform() (*x509.CertPool, error) {
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil, &rootsError{"", fmt.Errorf("root certificates: %w", err)}
	}
	found := newCertificates(pool)
	for _, file := range s.files {
		found.add(file)
	}
	for _, dir := range s.dirs {
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			found.add(filepath.Join(dir, e.Name()))
		}
	}
	return pool, nil
}

// inBundle reports whether a certificate directory's entry is a link that the distribution
// created for a certificate in its bundle: a link into one of its own directories, or by
// hash to a file in the same directory. On Debian, opening these 300 files would take
// longer than the rest of a get.
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
	pool  *x509.CertPool
	some  bool  // a certificate was added
	err   error // for the first existing file that could not be read
	seed  maphash.Seed
	added map[uint64]bool // digests of the certificates' text
}

func newCertificates(pool *x509.CertPool) *certificates {
	return &certificates{pool: pool, seed: maphash.MakeSeed(), added: map[uint64]bool{}}
}

func (c *certificates) add(file string) bool {
	pem, err := safefile.Read(file, maxBundle)
	c.noteError(err)
	ok := err == nil && c.pool.AppendCertsFromPEM(c.fresh(pem))
	c.some = c.some || ok
	return ok
}

// fresh removes from a text the certificates that an earlier text contained. SSL_CERT_FILE
// often names a copy of the system's bundle with one more CA. The bundle itself is also
// read, because it is in the system's directory, and parsing its 150 certificates again
// would take 1 MB.
func (c *certificates) fresh(pem []byte) []byte {
	begin, end := []byte("-----BEGIN CERTIFICATE-----"), []byte("-----END CERTIFICATE-----")
	kept := pem[:0]
	for len(pem) > 0 {
		length := len(pem)
		if i := bytes.Index(pem, end); i >= 0 {
			length = i + len(end)
		}
		block := pem[:length]
		pem = pem[length:]
		digest := maphash.Bytes(c.seed, block[max(0, bytes.Index(block, begin)):])
		if !c.added[digest] {
			c.added[digest] = true
			kept = append(kept, block...)
		}
	}
	return kept
}

func (c *certificates) noteError(err error) {
	if c.err == nil && !errors.Is(err, fs.ErrNotExist) {
		c.err = err
	}
}

// bundleFiles and bundleDirs are the locations in crypto/x509 on Linux and the BSDs; the
// first existing file is used. On macOS and Windows, the platform verifies certificates.
func bundleFiles() []string {
	if platformVerifies {
		return nil
	}
	return []string{
		"/etc/ssl/certs/ca-certificates.crt",                // Debian, Ubuntu, Arch, Gentoo
		"/etc/pki/tls/certs/ca-bundle.crt",                  // Fedora, RHEL, Amazon Linux
		"/etc/ssl/ca-bundle.pem",                            // openSUSE
		"/etc/pki/tls/cacert.pem",                           // OpenELEC
		"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // CentOS, RHEL 7
		"/etc/ssl/cert.pem",                                 // Alpine, OpenBSD
		"/usr/local/etc/ssl/cert.pem",                       // FreeBSD
		"/usr/local/share/certs/ca-root-nss.crt",            // DragonFly
		"/etc/openssl/certs/ca-certificates.crt",            // NetBSD
	}
}

func bundleDirs() []string {
	if platformVerifies {
		return nil
	}
	return []string{
		"/etc/ssl/certs", "/etc/pki/tls/certs", // Linux
		"/usr/local/share/certs", // FreeBSD
		"/etc/openssl/certs",     // NetBSD
	}
}

const platformVerifies = env.GOOS == "darwin" || env.GOOS == "windows"
