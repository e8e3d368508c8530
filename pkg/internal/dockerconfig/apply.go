package dockerconfig

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
)

// ErrBusy marks a file that another program kept changing, or kept locked,
// while we wanted to.
var ErrBusy = errors.New("another program is changing it")

// tries bounds how often a change by somebody else makes us start again.
const tries = 3

// Apply makes the change: under the lock at lockPath (ours, never beside the
// file; "" = none), atomically, keeping the file's mode and following links. A
// new file gets 0600 in a directory with 0700, as docker makes them. Nothing is
// written when nothing changes. Errors: those of Plan, ErrBusy, and those of
// package safefile and os; after an error the file is as it was.
func Apply(ctx context.Context, path, lockPath string, r Request) (Plan, error) {
	if lockPath != "" {
		held, err := safefile.Lock(ctx, lockPath)
		switch {
		case err == nil:
			defer held.Unlock()
		case errors.Is(err, safefile.ErrLockUnavailable):
			// The comparison below is what guards against docker anyway: it takes no lock.
		default:
			return Plan{Path: path}, fmt.Errorf("%s: %w: %w", path, ErrBusy, err)
		}
	}
	for range tries {
		p, err := plan(path, r)
		if err != nil || !p.Changed() {
			return p, err
		}
		// docker login rewrites the file without a lock; what it just wrote must
		// not be lost.
		now, err := Load(path)
		if err != nil {
			return p, err
		}
		if !bytes.Equal(now.data, p.Old) {
			continue
		}
		return p, write(path, p.New)
	}
	return Plan{Path: path}, fmt.Errorf("%s: %w", path, ErrBusy)
}

func plan(path string, r Request) (Plan, error) {
	c, err := Load(path)
	if err != nil {
		return Plan{Path: path}, err
	}
	return c.Plan(r)
}

func write(path string, data []byte) error {
	if err := safefile.MakeDir(filepath.Dir(path)); err != nil {
		return fmt.Errorf("%s: %w", filepath.Dir(path), bare(err))
	}
	if err := safefile.Write(path, data, 0o600); err != nil {
		return fmt.Errorf("%s: %w", path, bare(err))
	}
	return nil
}
