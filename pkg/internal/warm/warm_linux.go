package warm

import (
	"syscall"
	"unsafe"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/warmfile"
)

func init() {
	if !isGet() || !readEnvironment() {
		return
	}
	environment, dir, ok := warmfile.Environment(getenv)
	if !ok || !readRequest() {
		return
	}
	text, ok := answer(line(), environment, dir)
	if ok && writeAnswer(text) {
		syscall.Exit(0)
	}
}

// buffer first contains the command line. The entry then overwrites it, and the login
// follows the entry. buffer is larger than the entry and the login together. The answer
// is built in output. Neither array is on the stack, which would have to grow. At this
// point, the cost is in the memory pages that are used for the first time; unused pages
// of these arrays cost nothing.
var (
	buffer [32 << 10]byte
	output [36 << 10]byte
)

// isGet reports whether the command line is PROGRAM get and nothing else.
func isGet() bool {
	args, ok := readProc("/proc/self/cmdline", buffer[:512])
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

// answer finds the entry and the login for a request, and returns the text that the
// normal path would print.
func answer(request, environment, dir string) (text []byte, ok bool) {
	host, ok := warmfile.Host(request)
	if !ok {
		host, ok = warmfile.Alias(request)
	}
	if !ok || !ownDir(dir) {
		return nil, false
	}
	key := warmfile.Key(host, environment)
	data, ok := readOwn(dir+"/"+warmfile.Name(host, key), buffer[:warmfile.MaxSize])
	if !ok {
		return nil, false
	}
	e, ok := warmfile.Parse(view(data), key)
	if !ok || !current(e) {
		return nil, false
	}
	// Like harden in the command, before the password is in memory.
	const prSetDumpable = 4
	_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, prSetDumpable, 0, 0)
	data, ok = readOwn(dir+"/"+e.Login, buffer[len(data):])
	if !ok {
		return nil, false
	}
	password, ok := between(data, e.Before, e.After)
	if !ok || !warmfile.Plain(password) {
		return nil, false
	}
	text = append(output[:0], `{"ServerURL":"`...)
	text = append(text, request...)
	text = append(text, `","Username":"AWS","Secret":"`...)
	text = append(text, password...)
	return append(text, "\"}\n"...), true
}

// view returns the bytes as a string without a copy, because each allocation size that is
// new to the process costs two pages. The bytes must not change afterward.
func view(data []byte) string {
	return unsafe.String(unsafe.SliceData(data), len(data)) //nolint:gosec // bytes of static buffers, each written once
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
func current(e warmfile.Entry) bool {
	var now syscall.Timeval
	if syscall.Gettimeofday(&now) != nil || int64(now.Sec) < e.From || int64(now.Sec) >= e.Until { //nolint:unconvert // Sec is shorter on some machines
		return false
	}
	for _, f := range e.Files {
		if is, ok := warmfile.Look(f.Path); !ok || is != f {
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

// environment contains the content of /proc/self/environ.
var environment [32 << 10]byte

// readEnvironment fills variables. It returns false if the environment does not fit.
func readEnvironment() bool {
	data, ok := readProc("/proc/self/environ", environment[:])
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

// readProc reads a file in /proc/self. It returns false if the file does not fit into
// buf.
func readProc(path string, buf []byte) ([]byte, bool) {
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, false
	}
	data, ok := readAll(fd, buf, unknownSize)
	_ = syscall.Close(fd)
	return data, ok
}

// stdinWait limits the wait for the request. Clients write it while the program starts.
// The normal path waits for slower clients.
const stdinWait = 100_000 // microseconds

// readRequest reads stdin into input until its end. It returns false if stdin does not
// end soon or if the request is too long.
func readRequest() bool {
	var start syscall.Timeval
	if syscall.Gettimeofday(&start) != nil {
		return false
	}
	for length < len(input) {
		if !ready(start) {
			return false
		}
		n, err := syscall.Read(0, input[length:])
		switch {
		case err != nil:
			return false // the normal path gets the same error and reports it
		case n == 0:
			ended = true
			return true
		}
		length += n
	}
	return false
}

// ready waits for input on stdin, within the time limit.
func ready(start syscall.Timeval) bool {
	var now syscall.Timeval
	if syscall.Gettimeofday(&now) != nil {
		return false
	}
	waited := (int64(now.Sec)-int64(start.Sec))*1e6 + int64(now.Usec) - int64(start.Usec) //nolint:unconvert // shorter on some machines
	if waited < 0 || waited > stdinWait {
		return false
	}
	left := syscall.NsecToTimeval((stdinWait - waited) * 1000)
	var in syscall.FdSet
	in.Bits[0] = 1 << 0
	n, err := syscall.Select(1, &in, nil, nil, &left)
	return err == nil && n == 1
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

// writeAnswer writes the whole answer. If it cannot write anything, it returns false, and
// the normal path reports the reason. After a partial answer, it ends the process with an
// error, like the normal path.
func writeAnswer(data []byte) bool {
	if !open() {
		return false
	}
	for n := 0; n < len(data); {
		m, err := syscall.Write(1, data[n:])
		switch {
		case m > 0:
			n += m
		case err == syscall.EINTR:
		case n == 0:
			return false
		case err == syscall.EAGAIN:
			var out syscall.FdSet
			out.Bits[0] = 1 << 1
			_, _ = syscall.Select(2, nil, &out, nil, nil)
		default:
			why := []byte("stdout: " + reason(err) + "\n")
			_, _ = syscall.Write(1, why)
			_, _ = syscall.Write(2, why)
			syscall.Exit(1)
		}
	}
	return true
}

func reason(err error) string {
	if err == nil {
		return "short write"
	}
	return err.Error()
}

// open reports whether stdout was open when the process started. If it was closed, Go has
// opened the null device instead, for reading and writing.
func open() bool {
	flags, _, errno := syscall.Syscall(syscall.SYS_FCNTL, 1, syscall.F_GETFL, 0)
	if errno != 0 {
		return false
	}
	if flags&syscall.O_ACCMODE != syscall.O_RDWR {
		return true
	}
	var st syscall.Stat_t
	return syscall.Fstat(1, &st) == nil && st.Mode&syscall.S_IFMT != syscall.S_IFCHR
}

// The rules below are those of CheckDir and ReadOwn in package safefile, which cannot be
// imported here. A test compares the two.

// user is the effective user.
var user = uint32(syscall.Geteuid())

// ownDir reports whether path is a directory that only its owner, this user, can write to.
func ownDir(path string) bool {
	var st syscall.Stat_t
	return syscall.Stat(path, &st) == nil && st.Mode&syscall.S_IFMT == syscall.S_IFDIR &&
		st.Uid == user && st.Mode&0o022 == 0
}

// readOwn returns the content of a file that only this user can read and write. The file
// must be shorter than buf.
func readOwn(path string, buf []byte) ([]byte, bool) {
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, false
	}
	var data []byte
	size, ok := ownFile(fd)
	if ok {
		data, ok = readAll(fd, buf, size)
	}
	_ = syscall.Close(fd)
	return data, ok
}

func ownFile(fd int) (size int64, ok bool) {
	var st syscall.Stat_t
	ok = syscall.Fstat(fd, &st) == nil && st.Mode&syscall.S_IFMT == syscall.S_IFREG &&
		st.Uid == user && st.Mode&0o077 == 0 && st.Nlink <= 1
	return st.Size, ok
}

// unknownSize is the size of a file with content generated on reading, as in /proc.
const unknownSize = -1

// readAll reads a file that is shorter than buf. If the size is known, it reads size
// bytes; otherwise it reads to the end.
func readAll(fd int, buf []byte, size int64) ([]byte, bool) {
	for n := 0; n < len(buf); {
		m, err := syscall.Read(fd, buf[n:])
		if err != nil {
			return nil, false
		}
		if n += m; m == 0 || int64(n) == size {
			return buf[:n], n < len(buf)
		}
	}
	return nil, false
}
