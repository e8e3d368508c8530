// Package warmfile defines the warm entry, a small file from which package warm answers a
// get before the rest of the program is initialized. An entry names the login for one host
// in one environment. It also contains the states of the files that determined the choice
// of the login, and the text around the password in the login's file.
//
// An entry contains no secret. The package opens no file and does not read the environment.
// It imports only kernel, which does not slow down the program start. It is separate from
// package warm because that package acts in every program that links it. tokencache writes
// entries, warm reads them, and credhelper provides their content.
//
// The functions of the warm path append to static memory of package warm, because each
// allocation size that is new to a process costs two memory pages. Larger tables are slices,
// because a loop over an array copies it to the stack, which would have to grow.
package warmfile

const (
	// Suffix ends an entry's file name. Increase the number here and in magic after any
	// change to the format, the variables or the order in which credentials are selected.
	Suffix = ".warm4"
	magic  = "docker-credential-ecr-sso warm 4\n"

	// MaxSize limits an entry, in bytes.
	MaxSize = 16 << 10
)

// Entry is one warm entry. No text in it may contain a line break or NUL.
type Entry struct {
	// Key identifies the host and the environment; see the function Key.
	Key string
	// From and Until are Unix seconds. The entry is valid from From to before Until.
	From, Until int64
	// Files must still have the states that they had before they were read.
	Files []File
	// Login is the name of a file in the same directory. The file contains Before, the
	// password, After and a line break, in this order.
	Login, Before, After string
}

// File is a file and its state.
type File struct {
	Path  string // absolute
	State string // see Look; Missing if the file does not exist
}

// Missing is the state of a file that does not exist.
const Missing = "-"

// Key returns the first lines of an entry. host is in the form of registry.Registry.Host,
// and environment is the text of Environment.
func Key(host, environment string) string { return magic + host + "\n" + environment + "\n" }

// AppendKey appends the key for a host and the environment. ok is false if warm answers are
// not possible; see Environment.
func AppendKey(dst []byte, host string, get func(name string) string) (key []byte, ok bool) {
	dst = append(dst, magic...)
	dst = append(dst, host...)
	dst, ok = appendEnvironment(append(dst, '\n'), get)
	return append(dst, '\n'), ok
}

// Name returns the file name of the entry for a host and a key. Its digest need not
// resist attacks, because the entry contains the whole key.
func Name(host, key string) string { return string(AppendName(nil, host, key)) }

// AppendName appends the file name of the entry for a host and a key.
func AppendName(dst []byte, host, key string) []byte {
	dst = appendHex16(dst, sum(host))
	dst = appendHex16(append(dst, '-'), sum(key))
	return append(dst, Suffix...)
}

// Prefix returns the prefix of the file names of a host's entries.
func Prefix(host string) string { return string(appendHex16(nil, sum(host))) + "-" }

// sum returns the FNV-1a hash. No package with a better hash is initialized this early.
func sum(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}

const digits = "0123456789abcdef"

// appendHex16 appends v as 16 hexadecimal digits.
func appendHex16(dst []byte, v uint64) []byte {
	for shift := 60; shift >= 0; shift -= 4 {
		dst = append(dst, digits[v>>shift&15])
	}
	return dst
}

// appendHex appends v in hexadecimal without leading zeros.
func appendHex(dst []byte, v uint64) []byte {
	shift := 60
	for shift > 0 && v>>shift == 0 {
		shift -= 4
	}
	for ; shift >= 0; shift -= 4 {
		dst = append(dst, digits[v>>shift&15])
	}
	return dst
}

func hex(v uint64) string { return string(appendHex(nil, v)) }

// An entry consists of these lines: the key (which ends in an empty line), From, Until,
// Login, Before, After, one line for each file with its state first, and the sum of all
// preceding text. No part is optional, so each entry has exactly one text.

// Marshal returns the text of an entry. ok is false if the entry cannot be written.
func Marshal(e Entry) (text string, ok bool) {
	if e.From < 0 || e.Until < 0 || e.From>>60 > 0 || e.Until>>60 > 0 || len(e.Key) < len(magic) || e.Key[:len(magic)] != magic {
		return "", false
	}
	lines := []string{hex(uint64(e.From)), hex(uint64(e.Until)), e.Login, e.Before, e.After}
	for _, f := range e.Files {
		if f.State == "" || has(f.State, ' ') {
			return "", false
		}
		lines = append(lines, f.State+" "+f.Path)
	}
	text = e.Key
	for _, line := range lines {
		if has(line, '\n') || has(line, 0) {
			return "", false
		}
		text += line + "\n"
	}
	text += string(appendHex16(nil, sum(text))) + "\n"
	return text, len(text) <= MaxSize
}

// Parse reads the entry for a key. It returns false if the text has changed since Marshal.
// It uses the caller's memory: it appends to Files.
func (e *Entry) Parse(text, key string) bool {
	rest, ok := unseal(text, key)
	if !ok {
		return false
	}
	e.Key = key
	for _, date := range []*int64{&e.From, &e.Until} {
		if *date, rest, ok = number(rest); !ok {
			return false
		}
	}
	for _, field := range []*string{&e.Login, &e.Before, &e.After} {
		if *field, rest, ok = cut(rest, '\n'); !ok {
			return false
		}
	}
	for rest != "" {
		var f File
		if f.Path, rest, ok = cut(rest, '\n'); !ok {
			return false
		}
		if f.State, f.Path, ok = cut(f.Path, ' '); !ok || f.State == "" {
			return false
		}
		e.Files = append(e.Files, f)
	}
	return true
}

// unseal checks the key and the sum of an entry, and returns the text between them.
func unseal(text, key string) (rest string, ok bool) {
	const seal = 16 + 1
	end := len(text) - seal
	if len(text) > MaxSize || end < len(key) || text[:len(key)] != key || has(text, 0) {
		return "", false
	}
	var want [seal]byte
	return text[len(key):end], string(append(appendHex16(want[:0], sum(text[:end])), '\n')) == text[end:]
}

func cut(s string, sep byte) (before, after string, ok bool) {
	for i := range len(s) {
		if s[i] == sep {
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}

func has(s string, c byte) bool {
	_, _, found := cut(s, c)
	return found
}

// number parses the first line of text, a hexadecimal number of up to 60 bits. A Unix time
// is never longer.
func number(text string) (v int64, rest string, ok bool) {
	s, rest, ok := cut(text, '\n')
	if !ok || s == "" || len(s) > 15 || s[0] == '0' && len(s) > 1 {
		return 0, "", false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case '0' <= c && c <= '9':
			v = v<<4 | int64(c-'0')
		case 'a' <= c && c <= 'f':
			v = v<<4 | int64(c-'a'+10)
		default:
			return 0, "", false
		}
	}
	return v, rest, true
}

// Host returns the host of a registry's server URL in lowercase, without the scheme, port
// 443 and path. It accepts only names that registry.Parse accepts, and only if their
// bytes need no escape in JSON and their region is in the partition table. For all other
// names, ok is false, so no file is opened for a name outside ECR. Package registry
// itself is too slow here: it would be initialized before the early answer.
// TestHostMatchesRegistry compares the two.
func Host(serverURL string) (host string, ok bool) {
	s, ok := hostOf(serverURL)
	return s, ok && (s == "public.ecr.aws" || s == "ecr-public.aws.com" || private(s))
}

// Alias returns the host of a server URL that may be an alias of a registry, with its
// port unless that is 443. Only the settings file defines aliases. If the host is one, a
// cold get has written an entry for it, and the entry depends on the settings file.
func Alias(serverURL string) (host string, ok bool) {
	s, ok := hostOf(serverURL)
	if !ok || has(s, '_') || s == "" {
		return "", false
	}
	name, port, found := cut(s, ':')
	if found && (len(port) > 5 || !consistsOf(port, decimal)) {
		return "", false
	}
	for more := true; more; {
		var label string
		label, name, more = cut(name, '.')
		if !more {
			name = ""
		}
		if n := len(label); n == 0 || n > 63 || label[0] == '-' || label[n-1] == '-' {
			return "", false
		}
	}
	return s, len(s) <= 253
}

// hostOf returns the host of a server URL in lowercase, without https, port 443 and path.
// ok is false for a byte that JSON would escape, or that cannot be in a host name or
// path.
func hostOf(serverURL string) (host string, ok bool) {
	s := serverURL
	for i := range len(s) {
		switch c := s[i]; {
		case 'A' <= c && c <= 'Z':
			s = lowercase(s)
		case 'a' <= c && c <= 'z', '-' <= c && c <= ':', c == '_': // '-' to ':' are - . / 0-9 :
		default:
			return "", false
		}
	}
	s, _ = afterPrefix(s, "https://")
	s, _, _ = cut(s, '/')
	if n := len(s) - len(":443"); n > 0 && s[n:] == ":443" && !has(s[:n], ':') {
		s = s[:n]
	}
	return s, true
}

func lowercase(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

const (
	lower   = "abcdefghijklmnopqrstuvwxyz"
	decimal = "0123456789"
)

// forms are the labels between the account and the region.
var forms = []struct {
	label     string
	dualStack bool
}{{"dkr.ecr.", false}, {"dkr.ecr-fips.", false}, {"dkr-ecr.", true}, {"dkr-ecr-fips.", true}}

// partitions has one row for each region name prefix in package registry.
var partitions = []struct{ prefix, suffix, dualStack string }{
	{"us-", "amazonaws.com", "on.aws"},
	{"eu-", "amazonaws.com", "on.aws"},
	{"ap-", "amazonaws.com", "on.aws"},
	{"sa-", "amazonaws.com", "on.aws"},
	{"ca-", "amazonaws.com", "on.aws"},
	{"me-", "amazonaws.com", "on.aws"},
	{"af-", "amazonaws.com", "on.aws"},
	{"il-", "amazonaws.com", "on.aws"},
	{"mx-", "amazonaws.com", "on.aws"},
	{"us-gov-", "amazonaws.com", "on.aws"},
	{"cn-", "amazonaws.com.cn", "on.amazonwebservices.com.cn"},
	{"eusc-de-", "amazonaws.eu", "on.amazonwebservices.eu"},
	{"us-iso-", "c2s.ic.gov", "on.aws.ic.gov"},
	{"us-isob-", "sc2s.sgov.gov", "on.aws.scloud"},
	{"eu-isoe-", "cloud.adc-e.uk", "on.cloud-aws.adc-e.uk"},
	{"us-isof-", "csp.hci.ic.gov", "on.aws.hci.ic.gov"},
}

// private matches ACCOUNT.FORM.REGION.SUFFIX.
func private(host string) bool {
	account, rest, _ := cut(host, '.')
	if len(account) != 12 || !consistsOf(account, decimal) {
		return false
	}
	for _, form := range forms {
		name, ok := afterPrefix(rest, form.label)
		if !ok {
			continue
		}
		region, suffix, _ := cut(name, '.')
		for _, p := range partitions {
			rest, ok := afterPrefix(region, p.prefix)
			word, number, _ := cut(rest, '-')
			if ok && len(region) <= 63 && consistsOf(word, lower) && word != "fips" && len(number) <= 2 && consistsOf(number, decimal) {
				return !form.dualStack && suffix == p.suffix || form.dualStack && suffix == p.dualStack
			}
		}
	}
	return false
}

func afterPrefix(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || s[:len(prefix)] != prefix {
		return s, false
	}
	return s[len(prefix):], true
}

func consistsOf(s, set string) bool {
	for i := range len(s) {
		if !has(set, s[i]) {
			return false
		}
	}
	return s != ""
}

// Plain reports whether a password is not empty and needs no escape in JSON. ECR's
// passwords are base64 and need no escape.
func Plain[text string | []byte](password text) bool {
	for i := range len(password) {
		switch c := password[i]; {
		case 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', '0' <= c && c <= '9', has("+/=-_.:~", c):
		default:
			return false
		}
	}
	return len(password) > 0
}
