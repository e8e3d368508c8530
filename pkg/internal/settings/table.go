package settings

import "github.com/pelletier/go-toml/v2/unstable"

// Key describes one key of the file, for the parser and for docs/settings.md.
type Key struct {
	Name    string
	Values  []string // what it may be, the default first; nil for free text
	Expects string   // what free text is
	Meaning string

	field func(*Settings) *string
	check func(*document, *unstable.Node) error // takes free text
}

// keys are those of the top level; the table of mappings has its own grammar.
var keys = [...]Key{
	{Name: "login", Values: []string{LoginAuto, LoginNever},
		Meaning: "may `get` sign in through the browser when a person is at the terminal? `ECR_SSO_LOGIN` wins over it",
		field:   func(s *Settings) *string { return &s.Login }},
	{Name: "cache", Values: []string{CacheFile, CacheKeychain, CacheNone},
		Meaning: "how ECR logins are kept: one 0600 file each, the same encrypted with a key from the keychain, or not at all",
		field:   func(s *Settings) *string { return &s.Cache }},
	{Name: "keychain", Expects: "the NAME of a program docker-credential-NAME",
		Meaning: "whose keychain, when `cache` is `\"keychain\"`; without it the platform's",
		check:   (*document).keychain},
	{Name: "on_error", Values: []string{OnErrorAuto, OnErrorError, OnErrorNotFound},
		Meaning: "what a client gets when there is no login: the error; or docker's \"not found\" with the error on stderr and no sign-in, so that the client goes on to its other registries; `auto` gives \"not found\" to the clients that ask about every registry before they begin (podman, Python's), the error to all others",
		field:   func(s *Settings) *string { return &s.OnError }},
}

// set takes the value of the key.
func (k Key) set(d *document, value *unstable.Node) error {
	if k.check != nil {
		return k.check(d, value)
	}
	return oneOf(k.field(&d.settings), k.Name, value, k.Values...)
}

// Keys returns every key that the file may have, in the order of the
// documentation.
func Keys() []Key {
	return append(append([]Key(nil), keys[:]...), Key{Name: registries + ".PATTERN", Expects: "a profile's name",
		Meaning: "the profile that a registry uses; in the pattern `*` stands for one label of the host name or a run of characters inside one, and the most specific pattern wins"})
}
