package safefile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// Read returns the content of the file at path, at most max bytes of it being
// allowed. It follows links, since the user's files and AWS CLI's may be
// linked anywhere, and returns at once for a FIFO or a device.
//
// Errors: ErrNotRegular, ErrTooLarge (found without reading the file), and
// those of os.Open, such as fs.ErrNotExist.
func Read(path string, max int64) ([]byte, error) {
	f, err := openFile(path, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := checkRegular(f, max)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return readAll(f, path, info.Size(), max)
}

// Unreadable tells an error of Read about a file that the system does not let us
// read, or that is not a file at all, from one about its content or size.
func Unreadable(err error) bool {
	_, system := errors.AsType[*fs.PathError](err)
	return system || errors.Is(err, ErrNotRegular)
}

// ReadText is Read for a text, which is not copied to become one.
func ReadText(path string, max int64) (string, error) {
	f, err := openFile(path, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := checkRegular(f, max)
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	var b strings.Builder
	b.Grow(int(info.Size()))
	// The file may grow after the stat.
	switch n, err := io.Copy(&b, io.LimitReader(f, max+1)); {
	case err != nil:
		return "", err
	case n > max:
		return "", fmt.Errorf("%s: %w", path, ErrTooLarge)
	}
	return b.String(), nil
}

// ReadOwn is Read for files that only this program writes. Anything that
// somebody else may have had a hand in is ErrNotTrusted: a symbolic link,
// another owner than the effective user, a permission bit for group or others,
// a second hard link. On Windows, where the profile's access list does this
// work, only links are refused.
func ReadOwn(path string, max int64) ([]byte, error) {
	f, err := openFile(path, openNoFollow)
	if err != nil {
		if isLink(path) {
			return nil, &NotTrustedError{Path: path, Why: "symbolic link"}
		}
		return nil, err
	}
	defer f.Close()
	info, err := checkRegular(f, max)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if err := distrustFile(path, info); err != nil {
		return nil, err
	}
	return readAll(f, path, info.Size(), max)
}

// ReadShared is Read for the files with secrets that the user's other programs
// write too, such as the AWS CLI's caches. Links are followed; a file that another
// user owns, or that group or others can write to, is ErrNotTrusted (on Windows the
// profile's access list does this work).
func ReadShared(path string, max int64) ([]byte, error) {
	data, _, err := ReadSharedInfo(path, max)
	return data, err
}

// ReadSharedInfo is ReadShared with what the file system says about the file.
func ReadSharedInfo(path string, max int64) ([]byte, fs.FileInfo, error) {
	f, err := openFile(path, 0)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	info, err := checkRegular(f, max)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	if err := distrustShared(path, info); err != nil {
		return nil, nil, err
	}
	data, err := readAll(f, path, info.Size(), max)
	return data, info, err
}

// openFile opens path for reading without waiting for the other end of a FIFO.
func openFile(path string, extra int) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|openNonBlock|extra, 0)
	if err != nil {
		// A socket cannot be opened at all: say the same as for its kin.
		if info, statErr := os.Stat(path); statErr == nil && info.Mode()&fs.ModeSocket != 0 {
			return nil, fmt.Errorf("%s: %w", path, ErrNotRegular)
		}
		return nil, err
	}
	return f, nil
}

// checkRegular asks the open descriptor, not the name: the name may point to
// something else by now.
func checkRegular(f *os.File, max int64) (fs.FileInfo, error) {
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, ErrNotRegular
	case info.Size() > max:
		return nil, ErrTooLarge
	}
	return info, nil
}

func readAll(f *os.File, path string, size, max int64) ([]byte, error) {
	var b bytes.Buffer
	b.Grow(int(size) + bytes.MinRead) // one piece, not a dozen growing ones
	// The file may grow after the stat.
	if _, err := b.ReadFrom(io.LimitReader(f, max+1)); err != nil {
		return nil, err
	}
	if int64(b.Len()) > max {
		return nil, fmt.Errorf("%s: %w", path, ErrTooLarge)
	}
	return b.Bytes(), nil
}

func isLink(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode()&fs.ModeSymlink != 0
}

// missing tells a name that is not there from one that cannot be looked at.
func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
