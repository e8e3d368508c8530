//go:build !windows

package cli

import "github.com/rogpeppe/go-internal/testscript"

func cmdOpenExclusive(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Fatalf("open-exclusive is only supported on Windows")
}
