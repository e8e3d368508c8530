package settings

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
)

// lockTimeout limits the time that an edit waits for another edit.
const lockTimeout = 5 * time.Second

var (
	errNoPath = errors.New("no settings file: there is no home directory")
	errInline = errors.New("a table in braces { ... } cannot be edited; write it as a [table]")
	errResult = errors.New("not changed: the line cannot be edited on its own")
)

// Map maps a pattern to a profile in the file at path. It changes the existing line for
// the pattern, or adds a line; every other byte stays the same. It creates a missing file
// with mode 0600 in a directory with mode 0700. If nothing changes, it writes nothing.
//
// Errors: *PatternError; *Error if the file cannot be parsed; those of reading, locking
// and writing it. After an error, the file is unchanged.
func Map(path, pattern, profile string) error {
	pattern, err := checkPattern(pattern)
	if err != nil {
		return err
	}
	if err := checkProfile(profile); err != nil {
		return err
	}
	return update(path, func(d *document) ([]byte, error) { return d.set(registries, pattern, profile) },
		func(s *Settings) { s.Registries[pattern] = profile })
}

// Unmap removes a pattern's line and reports whether it existed. The errors are those of
// Map.
func Unmap(path, pattern string) (bool, error) {
	pattern, err := checkPattern(pattern)
	if err != nil {
		return false, err
	}
	found := false
	err = update(path, func(d *document) ([]byte, error) {
		_, found = d.settings.Registries[pattern]
		return d.drop(registries, pattern)
	}, func(s *Settings) { delete(s.Registries, pattern) })
	return found && err == nil, err
}

// update reads, edits and writes the file under a lock. Before it replaces the file, it
// parses the result and checks that it has the expected settings.
func update(path string, edit func(*document) ([]byte, error), want func(*Settings)) error {
	if path == "" || belowHome(path) { // without a home directory, a directory named ~ would be created
		return hint.With(errNoPath, env.HomeCommand())
	}
	dir := filepath.Dir(path)
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		if err := safefile.EnsureDir(dir); err != nil {
			return safefile.ExplainWrite(dir, err)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), lockTimeout)
	defer cancel()
	held, err := safefile.Lock(ctx, path+".lock")
	switch {
	case err == nil:
		defer held.Unlock()
	case !errors.Is(err, safefile.ErrLockUnavailable): // otherwise continue without a lock: two edits at the same time are unlikely
		return err
	}
	d, err := read(path)
	if err != nil {
		return err
	}
	edited, err := edit(d)
	if err != nil {
		return &Error{Path: path, Err: err}
	}
	if bytes.Equal(edited, d.data) {
		return nil
	}
	after, err := parse(path, edited)
	if err != nil {
		return err
	}
	expected := d.settings
	expected.Registries = maps.Clone(expected.Registries)
	want(&expected)
	if !same(after.settings, expected) {
		return &Error{Path: path, Err: errResult}
	}
	return safefile.ExplainWrite(path, safefile.Write(path, append(bytes.Clone(d.mark), edited...), 0o600))
}

// same reports whether all settings are equal. An empty role list equals a nil list.
func same(a, b Settings) bool {
	sameRoles := slices.Equal(a.Roles, b.Roles)
	a.Roles, b.Roles = nil, nil
	return sameRoles && reflect.DeepEqual(a, b)
}

// set returns the document with the line added to or changed in its table.
func (d *document) set(table, pattern, profile string) ([]byte, error) {
	for _, m := range d.mappings {
		if m.table != table {
			continue
		}
		if m.pattern == pattern && m.profile == profile {
			return d.data, nil
		}
		if m.pattern == pattern {
			return d.splice(m.value, m.end, quote(profile)), nil
		}
	}
	if d.inline[table] {
		return nil, errInline
	}
	line := quote(pattern) + " = " + quote(profile)
	if last, ok := d.last(table); ok {
		if last.dotted {
			line = table + "." + line
		}
		return d.insert(last.end, d.indent(last.start)+line), nil
	}
	if header := d.header[table]; header > 0 {
		return d.insert(header, line), nil
	}
	nl := d.newline(len(d.data))
	text := "[" + table + "]" + nl + line
	if len(d.data) > 0 {
		text = nl + text
	}
	return d.insert(len(d.data), text), nil
}

// setLine returns the document with a new line for a top-level key. If line is "", the
// key is removed. A new key is written after the last top-level key, because it must be
// before the first table.
func (d *document) setLine(old span, line string) []byte {
	switch {
	case old.end == 0 && line == "":
		return d.data
	case line == "":
		start := old.start - len(d.indent(old.start))
		return d.splice(start, d.lineEnd(old.end), "")
	case old.end > 0:
		return d.splice(old.start, old.end, line)
	case d.top > 0:
		return d.insert(d.top, line)
	case len(d.data) > 0:
		nl := d.newline(len(d.data))
		return d.splice(0, 0, line+nl+nl)
	}
	return []byte(line + "\n")
}

// last returns the last line of a table.
func (d *document) last(table string) (mapping, bool) {
	var last mapping
	for _, m := range d.mappings {
		if m.table == table {
			last = m
		}
	}
	return last, last.end > 0
}

// drop returns the document without the pattern's line in a table.
func (d *document) drop(table, pattern string) ([]byte, error) {
	for _, m := range d.mappings {
		switch {
		case m.table != table || m.pattern != pattern:
		case m.braced:
			return nil, errInline
		default:
			start := bytes.LastIndexByte(d.data[:m.start], '\n') + 1
			return d.splice(start, d.lineEnd(m.end), ""), nil
		}
	}
	return d.data, nil
}

// insert inserts a line after the line at an offset.
func (d *document) insert(offset int, line string) []byte {
	end := d.lineEnd(offset)
	nl := d.newline(end)
	if end > 0 && d.data[end-1] != '\n' {
		line = nl + line
	}
	return d.splice(end, end, line+nl)
}

func (d *document) splice(start, end int, text string) []byte {
	return bytes.Join([][]byte{d.data[:start], []byte(text), d.data[end:]}, nil)
}

// lineEnd returns the offset after the line that contains offset.
func (d *document) lineEnd(offset int) int {
	i := bytes.IndexByte(d.data[offset:], '\n')
	if i < 0 {
		return len(d.data)
	}
	return offset + i + 1
}

// newline returns the line ending used before an offset.
func (d *document) newline(offset int) string {
	i := bytes.LastIndexByte(d.data[:offset], '\n')
	if i > 0 && d.data[i-1] == '\r' {
		return "\r\n"
	}
	return "\n"
}

// indent returns the indentation before an offset, or "" if other text precedes it.
func (d *document) indent(offset int) string {
	before := d.data[bytes.LastIndexByte(d.data[:offset], '\n')+1 : offset]
	if len(bytes.Trim(before, " \t")) > 0 {
		return ""
	}
	return string(before)
}

// quote writes a TOML basic string. Control characters have already been rejected.
// https://toml.io/en/v1.0.0#string
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
