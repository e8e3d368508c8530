// Package settings reads and edits this program's configuration file, config.toml. The file
// contains the profile for each registry, the preferred roles, whether get may sign in, and
// where logins are cached.
//
// The package does not guess: an unknown key or value is an error with its line number. An
// edit changes one line; every other byte stays the same.
package settings

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

// maxSize limits the file, in bytes. A thousand mappings fit, and parsing more would slow
// down a login.
const maxSize = 64 << 10

// The values of login, cache and on_error. The first value of each is the default.
const (
	LoginAuto     = "auto"     // get may sign in if there is a terminal
	LoginNever    = "never"    // get never signs in
	CacheFile     = "file"     // one file of mode 0600 for each login
	CacheKeychain = "keychain" // the same, encrypted with a key from the keychain
	CacheNone     = "none"     // no login is cached

	OnErrorAuto     = "auto"      // not-found for clients that call the helper for all registries, the error for other clients
	OnErrorError    = "error"     // the error for every client
	OnErrorNotFound = "not-found" // not-found for every client
)

// Settings is the content of the file, including defaults.
type Settings struct {
	Registries map[string]string // host pattern, lowercase -> profile
	Roles      []string          // role name patterns, the most preferred first
	Login      string            // LoginAuto or LoginNever
	Cache      string            // CacheFile, CacheKeychain or CacheNone
	Keychain   string            // NAME of docker-credential-NAME; empty: the platform's keychain
	Path       string            // path of the file, which need not exist
	OnError    string            // OnErrorAuto, OnErrorError or OnErrorNotFound
	Aliases    map[string]string // host name with its port if written, lowercase -> ECR registry
	Fallback   string            // NAME of docker-credential-NAME, for registries other than ECR; "" for none
	Replaced   *string           // the credsStore before this helper, if it was not Fallback; see Before
	// ByDirectory reports that keys that direct logins are set, and that their use depends
	// on the working directory (trust.go).
	ByDirectory bool
	// Ignored is the reason why keys that direct logins are unset although the file sets
	// them (trust.go).
	Ignored         error
	IgnoredFallback bool              // Fallback is one of these keys
	IgnoredAliases  map[string]string // Aliases, if it is one of these keys
}

const fileName = "config.toml"

// Path returns the path of the file: ECR_SSO_CONFIG with a leading ~ replaced by the home
// directory, or otherwise config.toml in this program's configuration directory. It
// returns "" if there is no home directory.
func Path(e env.Set) string {
	if path := e.Get(env.SSOConfig); path != "" {
		home := e.HomeDir()
		if home != "" && belowHome(path) {
			return filepath.Join(home, path[2:])
		}
		return path
	}
	dir := e.ConfigDir()
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, fileName)
}

// belowHome reports whether path starts with ~ and a separator.
func belowHome(path string) bool {
	return len(path) > 1 && path[0] == '~' && os.IsPathSeparator(path[1])
}

// Load reads the file. If the file does not exist or path is empty, it returns the
// defaults. If the file cannot be parsed, the error is an *Error.
func Load(path string) (Settings, error) {
	s, _, err := load(path)
	return s, err
}

// LoadFor loads the file at Path(e). If ECR_SSO_CONFIG names a file that does not exist,
// it returns an error: without the mappings in that file, other credentials would be
// selected. Keys that the file may not set are unset, and Ignored has the reason
// (trust.go).
func LoadFor(e env.Set) (Settings, error) {
	path := Path(e)
	s, found, err := load(path)
	switch {
	case err != nil:
		return s, err
	case !found && e.Get(env.SSOConfig) != "":
		name := env.SSOConfig.Name()
		return Settings{}, hint.With(fmt.Errorf("%s names %s, which does not exist", name, path), hint.UnsetCommand(name))
	case !found:
		return s, nil
	}
	return s.withoutDirecting(e), nil
}

// load is Load, and reports whether the file exists.
func load(path string) (s Settings, found bool, err error) {
	data, found, err := content(path)
	switch {
	case err != nil:
		return Settings{}, found, err
	case !found:
		return defaults(path), false, nil
	}
	d, err := parse(path, data)
	if err != nil {
		return Settings{}, true, err
	}
	return d.settings, true, nil
}

// read parses the file for an edit. A file that does not exist is an empty document.
func read(path string) (*document, error) {
	data, _, err := content(path)
	if err != nil {
		return nil, err
	}
	return parse(path, data)
}

// content returns the text of the file, and whether the file exists.
func content(path string) (data []byte, found bool, err error) {
	if path == "" {
		return nil, false, nil
	}
	data, err = safefile.Read(path, maxSize)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, false, nil
	case err != nil:
		return nil, false, err // the error names the file
	}
	return data, true, cmp.Or(safefile.CheckText(path, data), safefile.CheckLines(path, data))
}

// defaults returns the settings of an empty file.
func defaults(path string) Settings {
	return Settings{
		Registries: map[string]string{}, Aliases: map[string]string{}, Login: LoginAuto, Cache: CacheFile, OnError: OnErrorAuto, Path: path,
	}
}

// Checked returns the settings that a file with these values would produce: with
// defaults, and with patterns in lowercase. It is for programs that use no file. The
// error is an *Error without a line number.
func (s Settings) Checked() (Settings, error) {
	out := s
	err := errors.Join(out.checkRegistries(), CheckRoles(out.Roles), out.checkKeys())
	if err != nil {
		return Settings{}, &Error{Path: cmp.Or(s.Path, "settings"), Err: err}
	}
	return out, nil
}

func (s *Settings) checkRegistries() error {
	given, names := s.Registries, s.Aliases
	s.Registries, s.Aliases = make(map[string]string, len(given)), make(map[string]string, len(names))
	for key, profile := range given {
		if _, _, err := s.addMapping(key, profile); err != nil {
			return err
		}
	}
	for alias, host := range names {
		if _, _, err := s.addAlias(alias, host); err != nil {
			return err
		}
	}
	return nil
}

func (s *Settings) checkKeys() error {
	for _, k := range keys {
		if k.field == nil {
			continue
		}
		value := k.field(s)
		if *value = cmp.Or(*value, k.Values[0]); !slices.Contains(k.Values, *value) {
			return fmt.Errorf("%s = %q, but it must be one of %q", k.Name, *value, k.Values)
		}
	}
	if s.Keychain == "" {
		return nil
	}
	return checkKeychain(s.Keychain)
}

// Key describes one key of the file, for the parser and for docs/settings.md.
type Key struct {
	Name    string
	Values  []string // allowed values, with the default first; nil for free text
	Expects string   // a description of free text
	Meaning string

	field func(*Settings) *string
	check func(*document, *unstable.Node) error // parses free text
}

// keys are the top-level keys. The tables of mappings have their own grammar.
var keys = [...]Key{
	{Name: "login", Values: []string{LoginAuto, LoginNever},
		Meaning: "whether `get` can sign in with the browser on a terminal; `ECR_SSO_LOGIN` overrides it",
		field:   func(s *Settings) *string { return &s.Login }},
	{Name: "cache", Values: []string{CacheFile, CacheKeychain, CacheNone},
		Meaning: "how ECR logins are cached: a file of mode 0600 for each, the same encrypted with a key from the keychain, or not at all",
		field:   func(s *Settings) *string { return &s.Cache }},
	{Name: "keychain", Expects: "the NAME of a program docker-credential-NAME",
		Meaning: "the keychain if `cache` is `\"keychain\"`; the default is the platform's",
		check:   (*document).keychain},
	{Name: "on_error", Values: []string{OnErrorAuto, OnErrorError, OnErrorNotFound},
		Meaning: "what a client gets if there is no login: the error, or docker's \"not found\" with the error on stderr and no sign-in, so that the client continues with its other registries; `auto` gives \"not found\" to clients that call the helper for every registry before they start (podman, Python programs), and the error to all others",
		field:   func(s *Settings) *string { return &s.OnError }},
}

// set sets the value of the key.
func (k Key) set(d *document, value *unstable.Node) error {
	if k.check != nil {
		return k.check(d, value)
	}
	return oneOf(k.field(&d.settings), k.Name, value, k.Values...)
}

// Keys returns all keys of the file, in the order of the documentation.
func Keys() []Key {
	return append(append([]Key(nil), keys[:]...), Key{Name: roles, Expects: "a list of role names",
		Meaning: "the roles to prefer when several profiles of a registry's account match: the first pattern that matches exactly one role selects it; `*` matches any characters, `?` one character"},
		Key{Name: fallback, Expects: "the NAME of a program docker-credential-NAME",
			Meaning: "the credential store for all registries that are not ECR, when this helper is Docker's `credsStore`; `configure-docker --all-registries` sets it"},
		Key{Name: replacedKey, Expects: "the NAME of a program docker-credential-NAME, or \"\"",
			Meaning: "Docker's `credsStore` before `configure-docker --all-registries --fallback NAME`, which `--remove` restores; without this key it restores `fallback`"},
		Key{Name: aliases + ".HOST", Expects: "an ECR registry",
			Meaning: "the registry behind another host name (a CNAME, a VPC endpoint, a pull-through name); the exact name, with a port if clients write one; `map HOST REGISTRY` sets it"},
		Key{Name: registries + ".PATTERN", Expects: "a profile's name",
			Meaning: "the profile that a registry uses; a `*` in the pattern matches one label of the host name, or some characters of a label, and the most specific pattern is used"})
}

// PatternError means that a text is not a host pattern.
type PatternError struct{ Pattern, Why string }

func (e *PatternError) Error() string { return fmt.Sprintf("pattern %q %s", e.Pattern, e.Why) }

// Match returns the profile that is mapped to a registry host, and the pattern. A * in a
// pattern matches a label or characters of a label, never a dot. The most specific
// pattern wins: the exact host, then the most literal characters, then the fewest stars,
// then the first in alphabetical order.
func (s Settings) Match(host string) (profile, pattern string, ok bool) {
	host = fold(host)
	var found []string
	for pattern := range s.Registries {
		if matches(fold(pattern), host) {
			found = append(found, pattern)
		}
	}
	if len(found) == 0 {
		return "", "", false
	}
	pattern = slices.MinFunc(found, bySpecificity)
	return s.Registries[pattern], pattern, true
}

// bySpecificity sorts more specific patterns first.
func bySpecificity(a, b string) int {
	starsA, starsB := strings.Count(a, "*"), strings.Count(b, "*")
	return cmp.Or(
		cmp.Compare(min(starsA, 1), min(starsB, 1)),
		cmp.Compare(len(b)-starsB, len(a)-starsA),
		cmp.Compare(starsA, starsB),
		strings.Compare(a, b),
	)
}

// matches compares from left to right. After a mismatch, the last star matches one more
// character, unless that character is a dot.
func matches(pattern, host string) bool {
	p, h := 0, 0
	star, from := -1, 0
	for h < len(host) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, h
			p++
		case p < len(pattern) && pattern[p] == host[h]:
			p++
			h++
		case star >= 0 && host[from] != '.':
			from++
			p, h = star+1, from
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// checkPattern returns the pattern in lowercase, or a *PatternError. It rejects a pattern
// that no ECR host can match, because otherwise the next rule would be selected silently.
func checkPattern(pattern string) (string, error) {
	why := ""
	switch {
	case pattern == "":
		why = "is empty"
	case len(pattern) > 253:
		why = "is longer than a host name"
	case strings.Contains(pattern, "://"):
		why = "has a scheme; write the host alone"
	case strings.Contains(pattern, "/"):
		why = "has a path; write the host alone"
	case strings.Contains(pattern, ":"):
		why = "has a port; write the host alone"
	case strings.Contains(pattern, "**"):
		why = "has **; a * matches within one label"
	case strings.ContainsFunc(pattern, func(r rune) bool { return !isHostRune(r) }):
		why = "has a character that host names cannot contain"
	case !strings.Contains(pattern, "."):
		why = "has only one label; * does not match a dot"
	case strings.HasPrefix(pattern, "."), strings.HasSuffix(pattern, "."), strings.Contains(pattern, ".."):
		why = "has an empty label"
	}
	if why == "" && !registry.CanMatch(pattern) {
		why = "matches no ECR registry (ACCOUNT.dkr.ecr.REGION.amazonaws.com, an account has 12 digits)"
	}
	if why != "" {
		return "", &PatternError{Pattern: pattern, Why: why}
	}
	return fold(pattern), nil
}

func isHostRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' ||
		r == '.' || r == '-' || r == '_' || r == '*'
}

// fold returns s with A-Z in lowercase, because host names are case-insensitive.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

func checkProfile(profile string) error {
	switch {
	case profile == "":
		return errors.New("the profile's name is empty")
	case !utf8.ValidString(profile) || strings.ContainsFunc(profile, hint.Unprintable):
		return fmt.Errorf("the profile's name %q has a control character or an invisible character", profile)
	}
	return nil
}
