//go:build unix

package lab

import (
	"errors"
	"io"
	"os"
	"time"
)

// Gate releases many programs together: each waits in its launcher, where forking and
// loading the launcher are already over.
type Gate struct {
	opens, open, here, arrived *os.File
}

// NewGate makes a closed gate. The caller closes it.
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

// Open waits until n programs stand at the gate, and lets them go. The error is that
// some did not come within a minute; the others go all the same.
func (g *Gate) Open(n int) error {
	err := g.arrived.SetReadDeadline(time.Now().Add(time.Minute))
	if err == nil {
		_, err = io.ReadFull(g.arrived, make([]byte, n))
	}
	return errors.Join(err, g.open.Close())
}

// Close lets go whoever still waits.
func (g *Gate) Close() {
	for _, f := range []*os.File{g.opens, g.open, g.here, g.arrived} {
		f.Close()
	}
}
