//go:build unix

package lab

import (
	"errors"
	"io"
	"os"
	"time"
)

// Gate starts many programs at the same time. Until then, each program's launcher runs
// and waits.
type Gate struct {
	opens, open, ready, arrived *os.File
}

// NewGate returns a gate that has not been opened. The caller must call Close.
func NewGate() (*Gate, error) {
	opens, open, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	arrived, ready, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, opens.Close(), open.Close())
	}
	return &Gate{opens, open, ready, arrived}, nil
}

// Open waits until n programs are at the gate and starts them. It returns an error if
// some programs did not arrive within a minute. The programs that arrived start anyway.
func (g *Gate) Open(n int) error {
	err := g.arrived.SetReadDeadline(time.Now().Add(time.Minute))
	if err == nil {
		_, err = io.ReadFull(g.arrived, make([]byte, n))
	}
	return errors.Join(err, g.open.Close())
}

// Close starts the programs that still wait.
func (g *Gate) Close() {
	for _, f := range []*os.File{g.opens, g.open, g.ready, g.arrived} {
		f.Close()
	}
}
