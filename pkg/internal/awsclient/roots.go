package awsclient

import (
	"crypto/x509"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/crash"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
)

// maxBundle is far above any real certificate bundle (Debian's is 220 KB).
const maxBundle = 8 << 20

// roots is a set of root certificates that is being read in the background.
type roots struct {
	// pool is nil where the platform verifies (macOS, Windows). Otherwise it is
	// empty until ready is closed. Every reader of a server's answer waits for that, so
	// the TLS configuration can point at the pool from the start.
	pool   *x509.CertPool
	ready  chan struct{}
	err    error  // valid after ready
	source string // the setting that replaces the system's certificates, "" without one
}

// loadRoots begins to read the roots: the bundle that a setting names and nothing
// else (as in the SDKs), otherwise all that the system trusts.
func loadRoots(o Options) *roots {
	if path, source := caBundleFrom(o); path != "" {
		return readRoots(source, func() (*x509.CertPool, error) { return namedBundle(path, source) })
	}
	system := systemRoots{systemFiles(o.Env), systemDirs(o.Env)}
	if len(system.files) == 0 && len(system.dirs) == 0 {
		r := &roots{ready: make(chan struct{})}
		close(r.ready)
		return r
	}
	return readRoots("", system.read)
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

// caBundleFrom finds the bundle that replaces the system's, and the setting that
// names it, in the order of the AWS CLI: AWS_CA_BUNDLE, the profile's ca_bundle,
// REQUESTS_CA_BUNDLE (botocore, EndpointCreator).
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

// rootsError is a set of root certificates that cannot be used.
type rootsError struct {
	source string // as in roots
	err    error
}

func (e *rootsError) Error() string { return e.err.Error() }
func (e *rootsError) Unwrap() error { return e.err }
