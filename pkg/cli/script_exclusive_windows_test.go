package cli

import (
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/windows"
)

// open-exclusive FILE opens a file without sharing it, like some Windows programs do while
// they write, until close-exclusive.
func cmdOpenExclusive(ts *testscript.TestScript, _ bool, args []string) {
	want(ts, args, 1, 1, "open-exclusive FILE")
	name, err := windows.UTF16PtrFromString(ts.MkAbs(args[0]))
	ts.Check(err)
	held, err := windows.CreateFile(name, windows.GENERIC_READ|windows.GENERIC_WRITE, 0, nil, windows.OPEN_EXISTING, 0, 0)
	ts.Check(err)
	// Once: a second CloseHandle would close what another test has opened under this number.
	stageOf(ts).release = sync.OnceFunc(func() { _ = windows.CloseHandle(held) })
	ts.Defer(stageOf(ts).release)
}
