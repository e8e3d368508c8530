package ssotoken

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
)

const (
	// maxFile is far above any token file seen (about 5 KiB).
	maxFile = 1 << 20
	// AWS CLI empties the file and then writes it: a text cut short is given
	// this long to become whole.
	cutPatience = time.Second
	cutPause    = 25 * time.Millisecond
)

// Read returns the token in the file at path, following links. A file that
// looks half written is read again for about a second.
//
// Errors: ErrMissing; ErrDamaged with the reason; safefile.ErrNotTrusted for a
// file that others own or can write; those of the operating system for a file
// that may not be read.
func Read(path string) (Token, error) {
	for waited := time.Duration(0); ; waited += cutPause {
		t, err := readOnce(path)
		if !errors.Is(err, io.ErrUnexpectedEOF) || waited >= cutPatience {
			return t, err
		}
		time.Sleep(cutPause) //nolint:forbidigo // a second at most, and only beside a writer
	}
}

// ReadFor is Read for a session whose start URL the configuration names. The
// file is named after the session alone, so it may hold the token of another start
// URL: ErrOtherStartURL.
func ReadFor(path, startURL string) (Token, error) {
	t, err := Read(path)
	if err == nil && !t.isFor(startURL) {
		return Token{}, fmt.Errorf("%s: %w", path, ErrOtherStartURL)
	}
	return t, err
}

// isFor tells whether the token came from the start URL. People and tools add a
// slash or a "#/" at its end; a file of another tool may not name it at all.
func (t Token) isFor(startURL string) bool {
	plain := func(u string) string { return strings.TrimRight(strings.TrimSpace(u), "/#") }
	return t.StartURL == "" || startURL == "" || strings.EqualFold(plain(t.StartURL), plain(startURL))
}

func readOnce(path string) (Token, error) {
	data, err := safefile.ReadShared(path, maxFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Token{}, fmt.Errorf("%s: %w", path, ErrMissing)
	case errors.Is(err, safefile.ErrTooLarge), errors.Is(err, safefile.ErrNotRegular):
		return Token{}, fmt.Errorf("%w: %w", ErrDamaged, err)
	case err != nil:
		return Token{}, err
	}
	t, err := parse(data)
	if err != nil {
		return Token{}, fmt.Errorf("%s: %w: %w", path, ErrDamaged, err)
	}
	return t, nil
}

// Write replaces the token file atomically. A new one is 0600, in a directory
// made 0700 if there is none; what exists keeps its mode and its links.
func Write(path string, t Token) error {
	if t.AccessToken.Empty() || t.ExpiresAt.IsZero() {
		return fmt.Errorf("%s: %w: no access token or no expiry", path, ErrDamaged)
	}
	if err := safefile.MakeDir(filepath.Dir(path)); err != nil {
		return err
	}
	return safefile.Write(path, Marshal(t), 0o600)
}

// Lock takes the lock under which the token file at path is changed: lockPath, a
// file in a directory of ours, or where that cannot be had ("", a directory that
// cannot be used) a file next to the token file. Without any lock, processes that
// refresh at the same time spend one refresh token several times. The errors are
// those of safefile.Lock.
func Lock(ctx context.Context, path, lockPath string) (*safefile.Held, error) {
	if lockPath != "" {
		held, err := safefile.Lock(ctx, lockPath)
		if !errors.Is(err, safefile.ErrLockUnavailable) {
			return held, err
		}
	}
	return safefile.LockBeside(ctx, path)
}

// CheckWritable reports why Write would fail, as far as that can be told beforehand: it
// makes and removes a temporary file where the token goes, or in the directory nearest
// to it that exists.
func CheckWritable(path string) error {
	dir := filepath.Dir(path)
	for {
		_, err := os.Stat(dir)
		if err == nil || dir == filepath.Dir(dir) {
			break
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		dir = filepath.Dir(dir)
	}
	place, err := safefile.Reserve(filepath.Join(dir, filepath.Base(path)), growth, 0o600)
	place.Abort()
	if cause := errors.Unwrap(err); cause != nil && dir != filepath.Dir(path) {
		return fmt.Errorf("%s: %w", dir, cause)
	}
	return err
}

// Remove deletes the token file; none there is fine.
func Remove(path string) error { return safefile.Remove(path) }
