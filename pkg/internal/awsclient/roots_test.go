package awsclient

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// bundle writes these worlds' roots to a file, as large as a system's bundle or as
// small as somebody's own.
func bundle(t *testing.T, large bool, of ...*world) string {
	t.Helper()
	var text strings.Builder
	if large {
		text.WriteString(strings.Repeat("# what is between certificates is a comment\n", smallBundle/40))
	}
	for _, w := range of {
		pem, err := os.ReadFile(w.CAFile())
		if err != nil {
			t.Fatal(err)
		}
		text.Write(pem)
	}
	path := filepath.Join(t.TempDir(), "bundle.crt")
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Each step costs a handshake, and is taken by nobody else.
func TestRootsAreWidenedInSteps(t *testing.T) {
	aws := newWorld(t, awstest.Options{AWSChain: true})
	plain := newWorld(t, awstest.Options{})
	tests := []struct {
		name        string
		of          *world
		file, dir   []*world
		small       bool
		connections int
	}{
		{"AWS's own", aws, []*world{plain, aws}, nil, false, 1},
		{"somebody else in the bundle", plain, []*world{aws, plain}, nil, false, 2},
		{"somebody else in the directory", plain, []*world{aws}, []*world{plain}, false, 3},
		{"a bundle without AWS's", plain, []*world{plain}, nil, false, 1},
		{"a small bundle", plain, []*world{aws, plain}, nil, true, 1},
		{"a small bundle, and the directory", plain, []*world{aws}, []*world{plain}, true, 2},
		{"no file, the directory", plain, nil, []*world{plain}, false, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file, dir := "/none", t.TempDir()
			if tt.file != nil {
				file = bundle(t, !tt.small, tt.file...)
			}
			if tt.dir != nil {
				dir = filepath.Dir(bundle(t, false, tt.dir...))
			}
			w := *tt.of
			w.env = append(w.home.Env(), "SSL_CERT_FILE="+file, "SSL_CERT_DIR="+dir)
			c := w.client(t)
			w.ResetLog()
			if err := w.authorize(c); err != nil {
				t.Fatal(err)
			}
			if n := len(w.Connections()); n != tt.connections {
				t.Errorf("%d connections, want %d", n, tt.connections)
			}
		})
	}
}

// The connection that is opened ahead and the portal's meet the same stranger at
// the same time: whoever comes second goes on with the set that the first one chose.
func TestTwoWidenAtOnce(t *testing.T) {
	aws, w := newWorld(t, awstest.Options{AWSChain: true}), newWorld(t, awstest.Options{})
	w.env = append(w.env, "SSL_CERT_FILE="+bundle(t, true, aws), "SSL_CERT_DIR="+filepath.Dir(bundle(t, false, w)))
	for range 20 {
		c := w.client(t)
		c.Open(t.Context(), w.reg)
		var calls sync.WaitGroup
		for range 3 {
			calls.Go(func() {
				if err := w.roleCredentials(c); err != nil {
					t.Error(err)
				}
			})
		}
		calls.Wait()
		if err := w.authorize(c); err != nil {
			t.Error(err)
		}
	}
}
