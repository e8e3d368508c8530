//go:build unix

package prompt

import (
	"io"
	"os"
	"sync"

	"github.com/muesli/cancelreader"
)

// keyboard is the terminal's input while a list is shown. The list's library
// starts a reader and does not wait for its end; behind this one, nobody reads
// any more once closed has returned, so that the next question gets every key.
// It has no Name, or the library would read past it from the file itself.
type keyboard struct {
	file    *os.File
	mu      sync.Mutex // held while a read is under way
	keys    cancelreader.CancelReader
	stopped bool
}

func openKeyboard(f *os.File) (list io.Reader, closed func(), err error) {
	keys, err := cancelreader.NewReader(f)
	if err != nil {
		return nil, nil, err
	}
	k := &keyboard{file: f, keys: keys}
	return k, k.stop, nil
}

func (k *keyboard) Read(p []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.stopped {
		return 0, io.EOF
	}
	return k.keys.Read(p)
}

func (k *keyboard) stop() {
	if !k.keys.Cancel() {
		return // it cannot be done on this platform
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.stopped = true
	_ = k.keys.Close()
}

// Fd lets the list set the terminal's mode.
func (k *keyboard) Fd() uintptr { return k.file.Fd() }

func (k *keyboard) Write(p []byte) (int, error) { return k.file.Write(p) }

// Close does nothing: the file is the Terminal's.
func (k *keyboard) Close() error { return nil }
