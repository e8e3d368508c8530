//go:build unix

package lab

import (
	"errors"
	"io"
	"os"
	"time"
)

// Gate releases many programs at the same time. Each waits in its launcher, after the
// launcher has been forked and loaded.
type Gate struct {
	opens, open, here, arrived *os.File
}

// NewGate returns a closed gate. The caller closes it.
func NewGate() (*Gate, error) {
	opens, open, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	arrived, here, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, opens.Close(), open.Close())
	}
	return &Gate{opens, open, here, arrived}, nil
}

// Open waits until n programs are at the gate and releases them. It returns an error if
// some did not arrive within a minute; the others are released anyway.
func (g *Gate) Open(n int) error {
	err := g.arrived.SetReadDeadline(time.Now().Add(time.Minute))
	if err == nil {
		_, err = io.ReadFull(g.arrived, make([]byte, n))
	}
	return errors.Join(err, g.open.Close())
}

// Close releases the programs that still wait.
func (g *Gate) Close() {
	for _, f := range []*os.File{g.opens, g.open, g.here, g.arrived} {
		f.Close()
	}
}
