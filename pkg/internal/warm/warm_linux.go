package warm

import (
	"unsafe"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/kernel"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/warmfile"
)

func init() {
	if !kernel.Known() || !isGet() || !readEnvironment() || !readRequest() {
		return
	}
	dir, ok := readEntry(line())
	if !ok || !current() {
		return
	}
	text, ok := answer(line(), dir)
	if ok && writeAnswer(text) {
		kernel.Exit(0)
	}
}

// The static memory of a warm get. Its cost is in the memory pages that are used for the
// first time; unused pages cost nothing. The heap would use two pages for each new size of
// an allocation, and Go would copy the stack to ten new pages if it grew.
var (
	// buffer contains the command line, and later the entry.
	buffer [warmfile.MaxSize]byte
	// environment contains /proc/self/environ and, after the last use of a variable, the
	// login.
	environment [32 << 10]byte
	// output contains the key of the entry and a path, and later the answer.
	output [36 << 10]byte
	// entry has room for the usual number of files.
	files [16]warmfile.File
	entry = warmfile.Entry{Files: files[:0]}
	// stat and looker contain states of files.
	stat   kernel.FileStat
	looker warmfile.Looker
)

// isGet reports whether the command line is PROGRAM get and nothing else.
func isGet() bool {
	args, ok := readProc([]byte("/proc/self/cmdline\x00"), buffer[:512])
	if !ok {
		return false
	}
	const get = "\x00get\x00"
	n := len(args) - len(get)
	if n <= 0 || string(args[n:]) != get {
		return false
	}
	for i := range n {
		if args[i] == 0 {
			return false
		}
	}
	return true
}

// readEntry finds the entry for a request, and returns its directory with a slash at the
// end.
func readEntry(request string) (dir []byte, ok bool) {
	host, ok := warmfile.Host(request)
	if !ok {
		host, ok = warmfile.Alias(request)
	}
	if !ok {
		return nil, false
	}
	key, ok := warmfile.AppendKey(output[:0], host, getenv)
	if !ok {
		return nil, false
	}
	dir, ok = warmfile.AppendCacheDir(key[len(key):], getenv)
	if !ok || !ownDir(append(dir, 0)) {
		return nil, false
	}
	dir = append(dir, '/')
	data, ok := readOwn(append(warmfile.AppendName(dir, host, view(key)), 0), buffer[:])
	return dir, ok && entry.Parse(view(data), view(key))
}

// answer reads the login, and returns the text that the normal path would print.
func answer(request string, dir []byte) (text []byte, ok bool) {
	kernel.Harden() // like harden in the command, before the password is in memory
	data, ok := readOwn(append(append(dir, entry.Login...), 0), environment[:])
	if !ok {
		return nil, false
	}
	password, ok := between(data, entry.Before, entry.After)
	if !ok || !warmfile.Plain(password) {
		return nil, false
	}
	text = append(output[:0], `{"ServerURL":"`...)
	text = append(text, request...)
	text = append(text, `","Username":"AWS","Secret":"`...)
	text = append(text, password...)
	return append(text, "\"}\n"...), true
}

// view returns the bytes as a string without a copy. The bytes must not change while the
// string is in use.
func view(data []byte) string {
	return unsafe.String(unsafe.SliceData(data), len(data)) //nolint:gosec // bytes of static buffers
}

// between returns the part of a line between its required beginning and end.
func between(line []byte, before, after string) ([]byte, bool) {
	n, m := len(before), len(line)-len(after)-1
	if n > m || string(line[:n]) != before || string(line[m:len(line)-1]) != after || line[len(line)-1] != '\n' {
		return nil, false
	}
	return line[n:m], true
}

// current reports whether the entry is valid now and its files are unchanged.
func current() bool {
	now, err := kernel.Now()
	if err != 0 || now < entry.From || now >= entry.Until {
		return false
	}
	for _, f := range entry.Files {
		if !looker.Unchanged(f) {
			return false
		}
	}
	return true
}

// The environment and the command line are read from /proc. The syscall package also
// provides the environment, but builds a map on first use, which costs new memory pages
// (docs/decisions/0009).

// variables are the possibly relevant environment variables, selected by prefix.
var (
	variables [64]struct{ name, value string }
	known     int
)

// readEnvironment fills variables. It returns false if the environment does not fit.
func readEnvironment() bool {
	data, ok := readProc([]byte("/proc/self/environ\x00"), environment[:])
	return ok && parseEnvironment(view(data))
}

// parseEnvironment records the relevant variables from NUL-terminated NAME=value texts.
// It returns false if there are too many.
func parseEnvironment(all string) bool {
	for start := 0; start < len(all); {
		end := start
		for end < len(all) && all[end] != 0 {
			end++
		}
		if variable := all[start:end]; relevant(variable) {
			equals := 0
			for equals < len(variable) && variable[equals] != '=' {
				equals++
			}
			if known == len(variables) {
				return false
			}
			if equals < len(variable) {
				variables[known].name, variables[known].value = variable[:equals], variable[equals+1:]
				known++
			}
		}
		start = end + 1
	}
	return true
}

// relevant reports whether a variable may be needed, based on the first four letters of
// its name.
func relevant(name string) bool {
	if len(name) < 4 {
		return false
	}
	switch name[:4] {
	case "HOME", "XDG_", "ECR_", "AWS_":
		return true
	}
	return false
}

// getenv returns the value of a variable. If a name occurs twice, it returns the first
// value, like package os.
func getenv(name string) string {
	for i := range known {
		if variables[i].name == name {
			return variables[i].value
		}
	}
	return ""
}

// readProc reads a file in /proc/self, whose path ends in NUL. It returns false if the file
// does not fit into buf.
func readProc(path, buf []byte) ([]byte, bool) {
	fd, err := kernel.Open(path)
	if err != 0 {
		return nil, false
	}
	data, ok := readAll(fd, buf, unknownSize)
	kernel.Close(fd)
	return data, ok
}

// stdinWait limits the wait for the request. Clients write it while the program starts.
// The normal path waits for slower clients.
var stdinWait = kernel.Timeout{Nanos: 100_000_000}

// readRequest reads stdin into input until its end. It returns false if stdin does not
// end soon or if the request is too long.
func readRequest() bool {
	for length < len(input) {
		if !kernel.Wait(0, kernel.In, &stdinWait) {
			return false
		}
		n, err := kernel.Read(0, input[length:])
		switch {
		case err != 0:
			return false // the normal path gets the same error and reports it
		case n == 0:
			ended = true
			return true
		}
		length += n
	}
	return false
}

// line returns the request without its line end, as the normal path reads it.
func line() string {
	n := length
	if n > 0 && input[n-1] == '\n' {
		n--
	}
	if n > 0 && input[n-1] == '\r' {
		n--
	}
	return view(input[:n])
}

// writeAnswer writes the whole answer. If it fails, the normal path reports the reason:
// after a partial answer, the one in WriteError; otherwise, the error that it gets itself.
func writeAnswer(data []byte) bool {
	if !open() {
		return false
	}
	for n := 0; n < len(data); {
		m, err := kernel.Write(1, data[n:])
		switch {
		case err == kernel.Interrupted:
		case err == 0 && m > 0:
			n += m
		case n == 0:
			return false
		case err == kernel.Again:
			kernel.Wait(1, kernel.Out, nil)
		default:
			failure = uintptr(err)
			return false
		}
	}
	return true
}

// open reports whether stdout was open when the process started. If it was closed, Go has
// opened the null device instead, for reading and writing.
func open() bool {
	both, err := kernel.ReadWrite(1)
	if err != 0 || !both {
		return err == 0
	}
	return kernel.StatOpen(1, &stat) == 0 && stat.Mode&kernel.TypeMask != kernel.CharDevice
}

// The rules below are those of CheckDir and ReadOwn in package safefile, which cannot be
// imported here. A test compares the two.

// user is the effective user.
var user = kernel.EffectiveUser()

// ownDir reports whether path is a directory that only its owner, this user, can write to.
func ownDir(path []byte) bool {
	return kernel.Stat(path, &stat) == 0 && stat.Mode&kernel.TypeMask == kernel.Directory &&
		stat.User == user && stat.Mode&0o022 == 0
}

// readOwn returns the content of a file that only this user can read and write. The file
// must be shorter than buf.
func readOwn(path, buf []byte) ([]byte, bool) {
	fd, err := kernel.Open(path)
	if err != 0 {
		return nil, false
	}
	var data []byte
	size, ok := ownFile(fd)
	if ok {
		data, ok = readAll(fd, buf, size)
	}
	kernel.Close(fd)
	return data, ok
}

func ownFile(fd int) (size int64, ok bool) {
	ok = kernel.StatOpen(fd, &stat) == 0 && stat.Mode&kernel.TypeMask == kernel.Regular &&
		stat.User == user && stat.Mode&0o077 == 0 && stat.Links <= 1
	return stat.Size, ok
}

// unknownSize is the size of a file with content generated on reading, as in /proc.
const unknownSize = -1

// readAll reads a file that is shorter than buf. If the size is known, it reads size
// bytes; otherwise it reads to the end.
func readAll(fd int, buf []byte, size int64) ([]byte, bool) {
	for n := 0; n < len(buf); {
		m, err := kernel.Read(fd, buf[n:])
		if err != 0 {
			return nil, false
		}
		if n += m; m == 0 || int64(n) == size {
			return buf[:n], n < len(buf)
		}
	}
	return nil, false
}
