//go:build !unix && !windows

package prompt

import (
	"errors"
	"os"
)

func openDevice() (in, out *os.File, err error) { return nil, nil, errors.ErrUnsupported }

func fullTerminal(string) bool { return false }
