// Package safefile reads, writes and locks files that may contain secrets. Reads have a
// size limit and cannot block. Writes are atomic and use mode 0600 from the start. Locks
// are advisory and have a deadline.
//
// It interprets no content except the encoding of a text and its own notes, and it does not
// change the mode of another program's files or directories.
package safefile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"unsafe"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
)

// NotTrustedError describes what is wrong with a file or directory. It matches
// ErrNotTrusted.
type NotTrustedError struct {
	Path, Why string
	Owner     bool // the owner is wrong, not the mode
}

// Error names the path and the reason.
func (e *NotTrustedError) Error() string { return e.Path + ": " + ErrNotTrusted.Error() + ": " + e.Why }

// Is matches ErrNotTrusted.
func (e *NotTrustedError) Is(target error) bool { return target == ErrNotTrusted }

// The errors of this package; test for them with errors.Is. All other errors are from the
// operating system.
var (
	// ErrTooLarge: the file is longer than the caller allows.
	ErrTooLarge = errors.New("larger than allowed")
	// ErrNotRegular: a directory, FIFO, socket or device instead of a file.
	ErrNotRegular = errors.New("not a regular file")
	// ErrNotTrusted: another user owns, can open or may have created one of this program's
	// files or directories.
	ErrNotTrusted = errors.New("not trusted")
	// ErrLockBusy: another process held the lock until the wait ended.
	ErrLockBusy = errors.New("lock is held by another process")
	// ErrLockUnavailable: the file cannot be locked here (file system without locks,
	// read-only directory or another user's directory). The caller can continue without a
	// lock.
	ErrLockUnavailable = errors.New("locking is not available")
)

// Read returns the content of the file at path. The limit is max bytes. Read follows
// links, because the files of the user and of the AWS CLI may be links. It does not block
// on a FIFO or a device.
//
// Errors: ErrNotRegular, ErrTooLarge (detected without reading the file), and those of
// os.Open, such as fs.ErrNotExist.
func Read(path string, max int64) ([]byte, error) {
	data, _, err := read(path, 0, max, nil)
	return data, err
}

// read reads a file. If distrust is not nil, read returns the error that it reports.
func read(path string, flags int, max int64, distrust func(string, fs.FileInfo) *NotTrustedError) ([]byte, fs.FileInfo, error) {
	f, err := openFile(path, flags)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	info, err := checkRegular(f, max)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	if distrust != nil {
		if bad := distrust(path, info); bad != nil {
			return nil, nil, bad
		}
	}
	data, err := readAll(f, path, info.Size(), max)
	return data, info, err
}

// Unreadable reports whether an error from Read means that the file cannot be read at
// all: no permission, or not a regular file. It is false for content and size errors.
func Unreadable(err error) bool {
	_, system := errors.AsType[*fs.PathError](err)
	return system || errors.Is(err, ErrNotRegular)
}

// ReadText is Read for text. It does not copy the content.
func ReadText(path string, max int64) (string, error) {
	data, err := Read(path, max)
	return unsafe.String(unsafe.SliceData(data), len(data)), err //nolint:gosec // nothing else has the bytes
}

// ReadOwn is Read for files that only this program writes. It returns ErrNotTrusted for a
// file that another user may have written: a symbolic link, or a file that the effective
// user does not own, that has a permission bit for group or others, or that has a second
// hard link. On Windows it refuses only links, because the profile's access list protects
// the file.
func ReadOwn(path string, max int64) ([]byte, error) {
	data, _, err := read(path, openNoFollow, max, distrustFile)
	if err != nil && isLink(path) {
		return nil, &NotTrustedError{Path: path, Why: "symbolic link"}
	}
	return data, err
}

// ReadShared is Read for files with secrets that the user's other programs also write,
// such as the AWS CLI's caches. It follows links. It returns ErrNotTrusted for a file
// that another user owns, or that group or others can write to. On Windows the profile's
// access list protects the files.
func ReadShared(path string, max int64) ([]byte, error) {
	data, _, err := ReadSharedInfo(path, max)
	return data, err
}

// ReadSharedInfo is ReadShared and also returns the file's metadata.
func ReadSharedInfo(path string, max int64) ([]byte, fs.FileInfo, error) {
	return read(path, 0, max, distrustShared)
}

// openFile opens path for reading without waiting for the other end of a FIFO.
func openFile(path string, extra int) (*os.File, error) {
	f, err := openRead(path, extra)
	if err != nil {
		// A socket cannot be opened. Return the same error as for other special files.
		if info, statErr := os.Stat(path); statErr == nil && info.Mode()&fs.ModeSocket != 0 {
			return nil, fmt.Errorf("%s: %w", path, ErrNotRegular)
		}
		return nil, err
	}
	return f, nil
}

// checkRegular checks the open file, because path may now lead to another file.
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

// readAll is os.ReadFile with a limit. It does not use bytes.Buffer, which first zeroes
// all the memory that it allocates.
func readAll(f *os.File, path string, size, max int64) ([]byte, error) {
	data := make([]byte, 0, size+1) // one more byte, to find the end of the file
	for {
		n, err := f.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		switch {
		case int64(len(data)) > max: // the file has grown
			return nil, fmt.Errorf("%s: %w", path, ErrTooLarge)
		case errors.Is(err, io.EOF):
			return data, nil
		case err != nil:
			return nil, err
		case len(data) == cap(data):
			data = append(data, 0)[:len(data)]
		}
	}
}

func isLink(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode()&fs.ModeSymlink != 0
}

// missing reports whether err means that a file does not exist. It is false for a file
// that cannot be accessed.
func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// OpenLog opens a log file for appending. It creates the file with mode 0600 if it does
// not exist. It refuses symbolic links and files of other users. If other users can open
// the file, OpenLog first sets the mode to 0600. It accepts a terminal or another device.
func OpenLog(path string) (*os.File, error) {
	if err := checkRootPath(path); err != nil {
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

// TextError reports a text file in a form that programs cannot read, and the command that
// fixes it.
type TextError struct{ Path, Form, Fix string }

func (e *TextError) Error() string { return fmt.Sprintf("%s: the file %s", e.Path, e.Form) }

// rewrite converts a file to plain UTF-8 text. It has a filter for a POSIX shell, and a
// .NET expression for PowerShell with %s for the quoted path.
type rewrite struct{ filter, expression string }

// CheckText returns an error if data is UTF-16 text, as some Windows programs write it,
// instead of UTF-8. The error includes the command that fixes the file.
func CheckText(path string, data []byte) error {
	if fix, ok := utf16(data); ok {
		return textError(path, "is in UTF-16, not UTF-8", fix)
	}
	return nil
}

// utf16 reports whether data is UTF-16, based on its byte-order mark or its NUL bytes. It
// also returns the matching rewrite.
func utf16(data []byte) (fix rewrite, ok bool) {
	switch first, second := halves(data); {
	case bytes.HasPrefix(data, []byte("\xff\xfe")):
		return fromUTF16("UTF-16", "Unicode"), true // iconv and .NET remove the mark
	case bytes.HasPrefix(data, []byte("\xfe\xff")):
		return fromUTF16("UTF-16", "BigEndianUnicode"), true
	case len(data) < 4 || len(data)%2 != 0:
		return rewrite{}, false
	case first == 0 && second > 0.5:
		return fromUTF16("UTF-16LE", "Unicode"), true
	case second == 0 && first > 0.5:
		return fromUTF16("UTF-16BE", "BigEndianUnicode"), true
	}
	return rewrite{}, false
}

func fromUTF16(iconv, dotnet string) rewrite {
	return rewrite{"iconv -f " + iconv + " -t UTF-8", "[IO.File]::ReadAllText(%s, [Text.Encoding]::" + dotnet + ")"}
}

// halves splits the first kilobyte into byte pairs. It returns the share of NUL among the
// first bytes and among the second bytes: an ASCII character in UTF-16 has one NUL byte.
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

// CheckLines returns an error if the lines of data end in a carriage return only (old Mac
// OS). Most programs read such a file as one line. The error includes the command that
// fixes the file.
func CheckLines(path string, data []byte) error {
	if !bytes.ContainsRune(data, '\r') || bytes.ContainsRune(data, '\n') {
		return nil
	}
	return textError(path, "has line ends that are carriage returns only",
		rewrite{`tr '\r' '\n'`, "[IO.File]::ReadAllText(%s).Replace([char]13, [char]10)"})
}

// WithoutMark returns the command that removes the UTF-8 byte-order mark from a file.
func WithoutMark(path string) string {
	return rewrite{"tail -c +4", "[IO.File]::ReadAllText(%s)"}.command(runtime.GOOS, path)
}

func textError(path, form string, fix rewrite) error {
	e := &TextError{Path: path, Form: form, Fix: fix.command(runtime.GOOS, path)}
	return hint.With(e, e.Fix)
}

// command returns the command that rewrites the content of a file. The file keeps its
// mode, owner and links. WriteAllText writes UTF-8 without a byte-order mark. The Command
// Prompt and PowerShell both pass on the text in double quotes.
func (r rewrite) command(goos, path string) string {
	if goos == "windows" {
		quoted := "'" + strings.ReplaceAll(path, "'", "''") + "'"
		return fmt.Sprintf(`powershell -NoProfile -Command "[IO.File]::WriteAllText(%s, %s)"`, quoted, fmt.Sprintf(r.expression, quoted))
	}
	return fmt.Sprintf(`(umask 077; f=%s; %s <"$f" >"$f.new" && cat "$f.new" >"$f" && rm "$f.new")`, hint.Arg(path), r.filter)
}

// CheckSole checks that only this user and root can change the content of path. It checks
// the file, its directory and, for a symbolic link, the link's directory. If a check
// fails, it returns a *NotTrustedError with the path to repair. For a missing file it
// checks the directory; a missing directory is not an error. On Windows it checks
// nothing, because access lists protect the files in the profile.
func CheckSole(path string) error {
	real, err := filepath.EvalSymlinks(path)
	switch {
	case missing(err):
		real = path
	case err != nil:
		return err
	}
	for _, dir := range []string{filepath.Dir(path), filepath.Dir(real)} {
		info, err := os.Stat(dir)
		if missing(err) {
			continue
		}
		if err != nil {
			return err
		}
		if bad := distrustSole(dir, info); bad != nil {
			return bad
		}
	}
	info, err := os.Stat(real)
	switch {
	case missing(err):
		return nil
	case err != nil:
		return err
	}
	if bad := distrustShared(real, info); bad != nil {
		return bad
	}
	return nil
}

// Inside reports whether path is the directory dir or is below it. It compares the file
// identities of the directories, not their names, because a name can be written in
// several ways (links, /proc, uppercase on macOS and Windows). If path does not exist,
// Inside uses the lowest existing directory above it.
func Inside(path, dir string) bool {
	top, err := os.Stat(dir)
	if err != nil {
		return false
	}
	path, err = filepath.Abs(path)
	if err != nil {
		return true // only if the working directory is gone
	}
	for at := path; ; at = filepath.Dir(at) {
		if real, err := filepath.EvalSymlinks(at); err == nil {
			path = real
			break
		}
		if at == filepath.Dir(at) {
			break
		}
	}
	for {
		if info, err := os.Stat(path); err == nil && os.SameFile(info, top) {
			return true
		}
		up := filepath.Dir(path)
		if up == path {
			return false
		}
		path = up
	}
}
