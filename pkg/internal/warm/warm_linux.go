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
	if !ok || !readQuestion() {
		return
	}
	text, ok := answer(line(), environment, dir)
	if ok && writeAnswer(text) {
		syscall.Exit(0)
	}
}

// buffer takes the command line, then in its place the entry, and behind that the login;
// it is above any entry and any password of ECR's. It and room are not on the stack, which would have to grow: what costs time
// this early are pages that nobody has touched yet, and nothing else is counted here.
// Pages of them that nothing is read into are never there.
var (
	buffer [32 << 10]byte
	room   [36 << 10]byte // for the answer
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

// answer finds the entry and the login for a question, and returns what the
// normal path would print.
func answer(question, environment, dir string) (text []byte, ok bool) {
	host, ok := warmfile.Host(question)
	if !ok {
		host, ok = warmfile.Alias(question)
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
	// As harden of the command does, before the password is in memory.
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
	text = append(room[:0], `{"ServerURL":"`...)
	text = append(text, question...)
	text = append(text, `","Username":"AWS","Secret":"`...)
	text = append(text, password...)
	return append(text, "\"}\n"...), true
}

// view returns the bytes as a string, without a copy: each size of memory that is new to
// the process costs two pages. The bytes must not change afterwards.
func view(data []byte) string {
	return unsafe.String(unsafe.SliceData(data), len(data)) //nolint:gosec // bytes of static buffers, each written once
}

// between returns what stands in a line between two texts that must frame it.
func between(line []byte, before, after string) ([]byte, bool) {
	n, m := len(before), len(line)-len(after)-1
	if n > m || string(line[:n]) != before || string(line[m:len(line)-1]) != after || line[len(line)-1] != '\n' {
		return nil, false
	}
	return line[n:m], true
}

// current reports whether everything that the answer hung on is as it was.
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

// What a process can learn of itself this early. The syscall package knows the
// environment too, but keeps it in a map that it makes at the first question, on pages
// that nobody has touched yet (docs/decisions/0009).

// variables are those of the environment that could matter, by the name's beginning.
var (
	variables [64]struct{ name, value string }
	known     int
)

// environment takes what the process was started with.
var environment [32 << 10]byte

// readEnvironment fills variables. It is false if there is more than fits.
func readEnvironment() bool {
	data, ok := readProc("/proc/self/environ", environment[:])
	return ok && parseEnvironment(view(data))
}

// parseEnvironment takes the relevant variables out of NAME=value texts that each end in NUL. It
// is false if there are too many.
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

// relevant sorts out, by the beginning of their names, most of the variables that
// nobody will ask for.
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

// getenv returns a variable's value: of several with one name the first, as
// everywhere in Go.
func getenv(name string) string {
	for i := range known {
		if variables[i].name == name {
			return variables[i].value
		}
	}
	return ""
}

// readProc reads a file of this process's own; it is false if that does not end
// before buf is full.
func readProc(path string, buf []byte) ([]byte, bool) {
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, false
	}
	data, ok := readAll(fd, buf, unknownSize)
	_ = syscall.Close(fd)
	return data, ok
}

// stdinWait is how long the question may keep warm waiting. A client writes it
// while the program starts; one that takes longer is waited for by the normal path.
const stdinWait = 100_000 // microseconds

// readQuestion reads stdin to its end, into taken. It is false if the end does not
// come soon, or the question is longer than one line of ours.
func readQuestion() bool {
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
			return false // the normal path meets it too, and says so
		case n == 0:
			ended = true
			return true
		}
		length += n
	}
	return false
}

// ready waits until stdin can be read.
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

// line is the question without its line end, as the normal path takes it.
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

// writeAnswer writes the answer, all of it. It is false if nothing could be written: the
// normal path finds out why. Half an answer is a failure like there.
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

// open reports whether stdout is surely not the null device that Go puts in the
// place of a closed one: that is opened for reading too.
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

// The rules of CheckDir and ReadOwn of package safefile, which cannot be imported
// here; a test holds both ways to the same verdicts.

// user is who we act as; asked for once.
var user = uint32(syscall.Geteuid())

// ownDir reports whether path is a directory of ours that nobody else can write to.
func ownDir(path string) bool {
	var st syscall.Stat_t
	return syscall.Stat(path, &st) == nil && st.Mode&syscall.S_IFMT == syscall.S_IFDIR &&
		st.Uid == user && st.Mode&0o022 == 0
}

// readOwn returns the content of a file that is ours alone, if it is shorter than
// buf.
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

// unknownSize is that of a file that is made while it is read, as those of /proc.
const unknownSize = -1

// readAll reads to the end of the file, which must come before buf is full: to its
// size, if that is known, or until nothing more comes.
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
