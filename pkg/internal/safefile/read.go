// Package safefile reads, writes and locks files that may hold secrets: reads have a
// size limit and cannot block, writes are atomic with mode 0600 from the start, locks
// are advisory and have a deadline.
//
// It does not interpret the content of a file and does not change the mode of a file or
// directory of another program. It imports the standard library, gofrs/flock,
// golang.org/x/sys and floor 0 (floor 1).
package safefile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"strings"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
)

// NotTrustedError says what is wrong with a file or directory. It matches
// ErrNotTrusted.
type NotTrustedError struct {
	Path, Why string
	Owner     bool // the owner is wrong, not the mode
}

// Error names the path and the reason.
func (e *NotTrustedError) Error() string { return e.Path + ": " + ErrNotTrusted.Error() + ": " + e.Why }

// Is matches ErrNotTrusted.
func (e *NotTrustedError) Is(target error) bool { return target == ErrNotTrusted }

// The errors of this package; test for them with errors.Is. Other errors are those of the
// operating system.
var (
	// ErrTooLarge: the file is longer than the caller allows.
	ErrTooLarge = errors.New("larger than allowed")
	// ErrNotRegular: a directory, FIFO, socket or device where a file should be.
	ErrNotRegular = errors.New("not a regular file")
	// ErrNotTrusted: a file or directory of ours that another user owns, can open or may
	// have created.
	ErrNotTrusted = errors.New("not trusted")
	// ErrLockBusy: another process held the lock until the wait ended.
	ErrLockBusy = errors.New("lock is held by another process")
	// ErrLockUnavailable: the file cannot be locked here (file system without locks,
	// read-only or foreign directory). The caller can continue without a lock.
	ErrLockUnavailable = errors.New("locking is not available")
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

// ReadOwn is Read for files that only this program writes. It returns ErrNotTrusted for a
// file that another user may have written: a symbolic link, a file that the effective
// user does not own, that has a permission bit for group or others, or a second hard
// link. On Windows, where the profile's access list protects the file, it refuses only
// links.
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
	f, err := openRead(path, extra)
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

// OpenLog opens a file of ours to append to, 0600 and made if it does not exist. A
// symbolic link and a file of another user are refused; one that others can open is
// made the user's alone first. A terminal or another device is taken as it is.
func OpenLog(path string) (*os.File, error) {
	if err := onlyRoots(path); err != nil {
		return nil, err
	}
	if isLink(path) {
		return nil, &NotTrustedError{Path: path, Why: "symbolic link"}
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|openNonBlock|openNoFollow, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && info.Mode().IsRegular() {
		err = f.Chmod(info.Mode().Perm() & 0o700)
		if info, statErr := f.Stat(); err == nil && statErr == nil {
			if bad := distrustFile(path, info); bad != nil {
				err = bad
			}
		}
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// TextError says in which form a text file is that its readers do not take, and fixes
// it by a command.
type TextError struct{ Path, Form, Fix string }

func (e *TextError) Error() string { return fmt.Sprintf("%s: the file %s", e.Path, e.Form) }

// CheckText returns an error, with the command that fixes the file, if data is not
// UTF-8 text but UTF-16, as some Windows programs write it.
func CheckText(path string, data []byte) error {
	form := ""
	switch first, second := halves(data); {
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")):
		form = "UTF-16"
	case len(data) < 4 || len(data)%2 != 0:
		return nil
	case first == 0 && second > 0.5:
		form = "UTF-16LE"
	case second == 0 && first > 0.5:
		form = "UTF-16BE"
	default:
		return nil
	}
	return textError(path, "is in UTF-16, not UTF-8", "iconv -f "+form+" -t UTF-8")
}

// halves returns which part of the first and of the second bytes of all pairs is NUL, in
// the first kilobyte: an ASCII character in UTF-16 has a NUL on one side.
func halves(data []byte) (first, second float64) {
	data = data[:min(len(data), 1024)&^1]
	for i := 0; i < len(data); i += 2 {
		if data[i] == 0 {
			first++
		}
		if data[i+1] == 0 {
			second++
		}
	}
	pairs := max(float64(len(data)/2), 1)
	return first / pairs, second / pairs
}

// CheckLines returns an error, with the command that fixes the file, if its lines end
// in a carriage return alone, as on the first Macintosh: to most readers that is one line.
func CheckLines(path string, data []byte) error {
	if !bytes.ContainsRune(data, '\r') || bytes.ContainsRune(data, '\n') {
		return nil
	}
	return textError(path, "has line ends that are carriage returns only", `tr '\r' '\n'`)
}

// WithoutMark is the command that takes the UTF-8 byte-order mark off a file.
func WithoutMark(path string) string { return through(path, "tail -c +4") }

func textError(path, form, filter string) error {
	e := &TextError{Path: path, Form: form, Fix: through(path, filter)}
	if runtime.GOOS == "windows" { // reads both forms by the mark
		return hint.With(e, `notepad "`+path+`"`)
	}
	return hint.With(e, e.Fix)
}

// through replaces a file's content by what a filter makes of it; its mode, owner and
// links stay.
func through(path, filter string) string {
	return fmt.Sprintf(`(umask 077; f=%s; %s <"$f" >"$f.new" && cat "$f.new" >"$f" && rm "$f.new")`, hint.Arg(path), filter)
}
