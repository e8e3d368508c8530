package warm

import "syscall"

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
	return ok && keep(string(data))
}

// keep takes the relevant variables out of NAME=value texts that each end in NUL. It
// is false if there are too many.
func keep(all string) bool {
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
