// Package warmfile owns the warm entry: the small file from which package warm
// answers a get before the rest of the program is initialised. It says which
// login answers one host in one environment, what that answer hung on when it
// was made, and what the login's file must hold around the password.
//
// It never holds a secret, never opens a file and never reads the environment by
// itself. It imports nothing but syscall, so that it costs warm nothing, and is
// apart from warm because warm acts when it is linked (floor 0). tokencache
// writes entries, warm reads them, credhelper gathers what goes in.
package warmfile

const (
	// Suffix ends an entry's file name. The number, which the text repeats, grows
	// with any change of the format, of the variables, or of the order in which
	// credentials are chosen.
	Suffix = ".warm2"
	magic  = "docker-credential-ecr-sso warm 2\n"

	// MaxSize bounds an entry, in bytes.
	MaxSize = 16 << 10
)

// Entry is one warm entry. No text in it may hold a line break or NUL.
type Entry struct {
	// Key is what was asked, in which environment; see the function Key.
	Key string
	// From and Until are Unix seconds: the entry counts from the one on, and up
	// to, not including, the other.
	From, Until int64
	// Files must look as they did before they were read.
	Files []File
	// Login is the file beside the entry that holds the password: Before, the
	// password, After and a line break, in this order.
	Login, Before, After string
}

// File is a file and what a look at it found.
type File struct {
	Path  string // absolute
	State string // see Look; Missing when there is none
}

// Missing is the state of a file that does not exist.
const Missing = "-"

// Key joins a host, in the form of registry.Registry.Host, and the text of
// Environment to what an entry begins with.
func Key(host, environment string) string { return magic + host + "\n" + environment + "\n" }

// Name is the file name of the entry for a host and a key. It is a digest against
// accidents only: the entry repeats the key in full.
func Name(host, key string) string { return Prefix(host) + hex16(sum(key)) + Suffix }

// Prefix begins the names of all entries of a host.
func Prefix(host string) string { return hex16(sum(host)) + "-" }

// sum is FNV-1a: no package with a better digest is initialised this early.
func sum(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}

const digits = "0123456789abcdef"

// hex16 spells v with 16 digits.
func hex16(v uint64) string {
	var b [16]byte
	for i := 15; i >= 0; i-- {
		b[i] = digits[v&15]
		v >>= 4
	}
	return string(b[:])
}

// hex spells v without leading zeros.
func hex(v uint64) string {
	s := hex16(v)
	for len(s) > 1 && s[0] == '0' {
		s = s[1:]
	}
	return s
}
