//go:build !unix && !windows

package prompt

import (
	"errors"
	"os"
)

func openDevice() (in, out *os.File, err error) { return nil, nil, errors.ErrUnsupported }

func enableEscapes(*os.File) (restore func(), err error) { return func() {}, nil }

func resizes() (resized <-chan os.Signal, stop func()) { return nil, func() {} }
