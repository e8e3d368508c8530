package settings

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
)

// Error is an error in the settings file.
type Error struct {
	Path string
	Line int // from 1; 0 if the error is not on a single line
	Err  error
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %v", e.Path, e.Err)
	}
	return fmt.Sprintf("%s:%d: %v", e.Path, e.Line, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// The tables.
const (
	registries = "registries"
	aliases    = "aliases"
)

// document is a parsed file with the offsets for an edit. Offsets are relative to the
// start of data, which does not include the byte-order mark.
type document struct {
	settings Settings
	path     string
	data     []byte
	mark     []byte // byte-order mark

	mappings []mapping
	defined  map[string]bool // top-level keys and tables; true if defined by dotted keys (registries.x = y)
	header   map[string]int  // end of the [registries] or [aliases] header
	inline   map[string]bool // registries = { ... }
	table    []string
	top      int // end of the last top-level key, or 0 if there is none
	// The positions of these keys, including their values.
	rolesAt, fallbackAt, replacedAt span
}

// span is a part of the text. Its end is 0 if the part does not exist.
type span struct{ start, end int }

// mapping is one line of a table: pattern = profile, or alias = registry.
type mapping struct {
	table          string
	pattern        string // in lowercase
	start, end     int    // of the key and value
	value          int    // start of the value
	dotted, braced bool   // registries.x = y; inside { }
	profile        string
}

// parse reads a document. The library's parser checks the grammar and provides the
// offsets; define rejects duplicate definitions. The library's decoder does both, but is
// not linked because it adds 0.2 MB (docs/dependencies.md).
func parse(path string, data []byte) (*document, error) {
	d := &document{
		path: path, settings: defaults(path), defined: map[string]bool{}, header: map[string]int{}, inline: map[string]bool{},
	}
	d.data = bytes.TrimPrefix(data, []byte("\ufeff"))
	d.mark = data[:len(data)-len(d.data)]
	var p unstable.Parser
	p.Reset(d.data)
	for p.NextExpression() {
		e := p.Expression()
		if err := d.expression(e); err != nil {
			return nil, &Error{Path: path, Line: d.line(e), Err: err}
		}
	}
	if err := p.Error(); err != nil {
		line := 0
		if bad, ok := errors.AsType[*unstable.ParserError](err); ok {
			line = p.Shape(p.Range(bad.Highlight)).Start.Line
		}
		return nil, &Error{Path: path, Line: line, Err: err}
	}
	return d, nil
}

// define records a top-level key or table. TOML allows each of them once, except that
// several dotted keys may fill one table (https://toml.io/en/v1.0.0#table).
func (d *document) define(name string, dotted bool) error {
	if before, twice := d.defined[name]; twice && !(before && dotted) {
		return fmt.Errorf("%s is defined twice", name)
	}
	d.defined[name] = dotted
	return nil
}

// line returns the line number of an expression's first key.
func (d *document) line(e *unstable.Node) int {
	keys := e.Key()
	keys.Next()
	return 1 + bytes.Count(d.data[:keys.Node().Raw.Offset], []byte("\n"))
}

func names(keys unstable.Iterator) []string {
	var out []string
	for keys.Next() {
		out = append(out, string(keys.Node().Data))
	}
	return out
}

func (d *document) expression(e *unstable.Node) error {
	switch e.Kind {
	case unstable.Table:
		d.table = names(e.Key())
		if len(d.table) != 1 || d.table[0] != registries && d.table[0] != aliases {
			return unknown(d.table)
		}
		if err := d.define(d.table[0], false); err != nil {
			return err
		}
		d.header[d.table[0]] = d.headerEnd(e)
		return nil
	case unstable.KeyValue:
		return d.keyValue(e)
	default:
		return unknown(names(e.Key()))
	}
}

// headerEnd returns the offset after the closing bracket.
func (d *document) headerEnd(e *unstable.Node) int {
	keys := e.Key()
	keys.Next()
	raw := keys.Node().Raw
	end := int(raw.Offset + raw.Length)
	return end + bytes.IndexByte(d.data[end:], ']') + 1
}

func (d *document) keyValue(e *unstable.Node) error {
	path := append(append([]string(nil), d.table...), names(e.Key())...)
	value := e.Value()
	if len(d.table) == 0 {
		d.top = int(e.Raw.Offset + e.Raw.Length)
		if err := d.define(path[0], len(path) > 1); err != nil {
			return err
		}
	}
	for _, key := range keys {
		if len(path) == 1 && path[0] == key.Name {
			return key.set(d, value)
		}
	}
	switch {
	case len(path) == 1 && path[0] == roles:
		return d.roles(e)
	case len(path) == 1 && path[0] == fallback:
		return d.fallback(e)
	case len(path) == 1 && path[0] == replacedKey:
		return d.replaced(e)
	case len(path) == 1 && (path[0] == registries || path[0] == aliases):
		return d.inlineTable(path[0], value)
	case len(path) == 2 && (path[0] == registries || path[0] == aliases):
		return d.mapping(path[0], path[1], e, len(d.table) == 0, false)
	}
	return unknown(path)
}

func (d *document) inlineTable(table string, value *unstable.Node) error {
	if value.Kind != unstable.InlineTable {
		if table == aliases {
			return errors.New("aliases is a table of host names and registries")
		}
		return errors.New("registries must be a table of patterns and profiles")
	}
	d.inline[table] = true
	for children := value.Children(); children.Next(); {
		e := children.Node()
		path := names(e.Key())
		if len(path) != 1 {
			return unknown(append([]string{table}, path...))
		}
		if err := d.mapping(table, path[0], e, false, true); err != nil {
			return err
		}
	}
	return nil
}

// mapping adds one line of a table.
func (d *document) mapping(table, key string, e *unstable.Node, dotted, braced bool) error {
	value := e.Value()
	m := mapping{
		table: table, profile: string(value.Data), dotted: dotted, braced: braced,
		start: int(e.Raw.Offset), end: int(e.Raw.Offset + e.Raw.Length), value: int(value.Raw.Offset),
	}
	add := d.settings.addMapping
	what := "profile"
	if table == aliases {
		add, what = d.settings.addAlias, "registry"
	}
	if _, err := checkPattern(key); table == registries && err != nil {
		return err
	}
	if value.Kind != unstable.String {
		return fmt.Errorf("the %s for %q is not a quoted string", what, key)
	}
	var err error
	if m.pattern, m.profile, err = add(key, m.profile); err != nil {
		return err
	}
	d.mappings = append(d.mappings, m)
	return nil
}

// addMapping adds a mapping from the file.
func (s *Settings) addMapping(key, profile string) (string, string, error) {
	pattern, err := checkPattern(key)
	if err == nil {
		err = checkProfile(profile)
	}
	if _, twice := s.Registries[pattern]; twice && err == nil {
		err = fmt.Errorf("%q is mapped twice", pattern)
	}
	if err == nil {
		s.Registries[pattern] = profile
	}
	return pattern, profile, err
}

// addAlias adds an alias from the file.
func (s *Settings) addAlias(key, host string) (string, string, error) {
	alias, host, err := checkAlias(key, host)
	if _, twice := s.Aliases[alias]; twice && err == nil {
		err = fmt.Errorf("alias %q is defined twice", alias)
	}
	if err == nil {
		s.Aliases[alias] = host
	}
	return alias, host, err
}

func oneOf(field *string, key string, value *unstable.Node, allowed ...string) error {
	for _, a := range allowed {
		if value.Kind == unstable.String && string(value.Data) == a {
			*field = a
			return nil
		}
	}
	if value.Kind != unstable.String {
		return fmt.Errorf("%s must be one of %q", key, allowed)
	}
	return fmt.Errorf("%s = %q, but it must be one of %q", key, value.Data, allowed)
}

// keychain sets the keychain program's name.
func (d *document) keychain(value *unstable.Node) error {
	if value.Kind != unstable.String {
		return checkKeychain("")
	}
	d.settings.Keychain = string(value.Data)
	return checkKeychain(d.settings.Keychain)
}

// checkKeychain accepts a name but not a path, so the program is found only in PATH.
func checkKeychain(name string) error {
	if !keychainName(name) || name == hint.Helper {
		return errors.New(`keychain must be the NAME of a program docker-credential-NAME, such as "pass"`)
	}
	return nil
}

func keychainName(s string) bool {
	return s != "" && len(s) <= 64 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

func unknown(path []string) error {
	return fmt.Errorf("unknown key %q", strings.Join(path, "."))
}
