package awsclient

import (
	"crypto/x509"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
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
	err   error  // valid after ready
	wider []step // to try on an unknown authority; valid after ready
	named string // who names them instead of the system's: AWS_CA_BUNDLE, or a profile's ca_bundle
}

// step reads a set of roots. No pool and no error: it has nothing that the next
// step does not have.
type step func() (*x509.CertPool, error)

// loadRoots begins to read the roots: AWS_CA_BUNDLE or the profile's ca_bundle
// and nothing else (as in the SDKs), otherwise the system's.
func loadRoots(o Options) *roots {
	if path, source := caBundleFrom(o); path != "" {
		r := readRoots(func() (*x509.CertPool, error) { return namedBundle(path, source) })
		r.named = source
		return r
	}
	system := systemRoots{systemFiles(o.Env), systemDirs(o.Env)}
	if len(system.files) == 0 && len(system.dirs) == 0 {
		return platformRoots()
	}
	return readRoots(system.aws, system.bundle, system.whole)
}

func platformRoots() *roots {
	r := &roots{ready: make(chan struct{})}
	close(r.ready)
	return r
}

// readRoots begins with the first step that has something; the others are wider.
func readRoots(steps ...step) *roots {
	r := &roots{pool: x509.NewCertPool(), ready: make(chan struct{})}
	go func() {
		defer close(r.ready)
		for i, read := range steps {
			pool, err := read()
			if err != nil {
				r.err = err
				return
			}
			if pool != nil {
				*r.pool, r.wider = *pool, steps[i+1:]
				return
			}
		}
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
