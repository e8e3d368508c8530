//go:build !windows

package cli

import "github.com/rogpeppe/go-internal/testscript"

func cmdOpenExclusive(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Fatalf("hold: only Windows has files that no other process can open")
}
