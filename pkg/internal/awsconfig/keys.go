package awsconfig

import (
	"slices"
	"strings"
)

// Keys are the keys of a section in line order. If a key occurs twice, the last value
// applies.
type Keys []Key

// Get returns the value of a key. name must be in lower case. An empty value means not
// set.
func (k Keys) Get(name string) string {
	for i := len(k) - 1; i >= 0; i-- {
		if k[i].Name == name {
			return k[i].Value
		}
	}
	return ""
}

// Map returns the keys as a map, each with its last value.
func (k Keys) Map() map[string]string {
	m := make(map[string]string, len(k))
	for _, key := range k {
		m[key.Name] = key.Value
	}
	return m
}

// add appends the lines below a further header of the section.
func (p *Profile) add(lines string) {
	if p.lines == "" {
		p.lines = lines
		return
	}
	p.further().lines = append(p.further().lines, lines)
}

func (p *Profile) further() *rest {
	if p.rest == nil {
		p.rest = &rest{}
	}
	return p.rest
}

// Keys parses the profile's keys: those in the configuration file, overridden by those in
// the credentials file. A caller that needs several keys should save the result.
func (p *Profile) Keys() Keys {
	keys := p.read().keys
	if p.rest != nil && p.rest.credentials != nil {
		keys = append(keys, p.rest.credentials.read().keys...)
	}
	return keys
}

// credentialsKeys parses only the keys in the credentials file.
func (p *Profile) credentialsKeys() Keys {
	switch {
	case p.credentialsOnly:
		return p.read().keys
	case p.rest != nil && p.rest.credentials != nil:
		return p.rest.credentials.read().keys
	}
	return nil
}

// Nested parses the blocks, such as s3, by key. It returns nil if there are none. For a
// profile in the configuration file, it ignores blocks in the credentials file.
func (p *Profile) Nested() map[string]map[string]string {
	if nested := p.read().nested; len(nested) > 0 {
		return nested
	}
	return nil
}

// inAccount reports whether sso_account_id equals the account. It compares text.
func (p *Profile) inAccount(account string) bool {
	return p.mentions(account) && p.Keys().Get("sso_account_id") == account
}

// mentions reports whether the text occurs below the profile's headers. It does if it is a
// whole value. This check is much faster than parsing 2,000 profiles.
func (p *Profile) mentions(text string) bool {
	if strings.Contains(p.lines, text) {
		return true
	}
	if p.rest == nil {
		return false
	}
	return slices.ContainsFunc(p.rest.lines, func(lines string) bool { return strings.Contains(lines, text) }) ||
		p.rest.defaults != nil && p.rest.defaults.mentions(text) ||
		p.rest.credentials != nil && p.rest.credentials.mentions(text)
}

// content is the parsed content of a section.
type content struct {
	keys   Keys
	nested map[string]map[string]string
	last   string // the key to which deeper lines may belong
	block  bool   // deeper lines are sub-keys of last, which has no value
	indent int    // indentation of last
	whole  map[string]bool
}

func (p *Profile) read() *content {
	c := &content{keys: make(Keys, 0, 8)}
	if p.rest != nil {
		c.whole = p.rest.whole
	}
	if p.rest != nil && p.rest.defaults != nil {
		c.readAll(p.rest.defaults)
	}
	c.readAll(p)
	return c
}

// readAll parses the lines below all headers of a section.
func (c *content) readAll(p *Profile) {
	c.read(p.lines)
	if p.rest != nil {
		for _, lines := range p.rest.lines {
			c.read(lines)
		}
	}
}

// read parses the lines below one header. The time is linear in their length.
func (c *content) read(lines string) {
	c.last, c.block = "", false
	for lines != "" {
		var line string
		line, _, lines = cutLine(lines)
		if text := clean(line); text != "" {
			c.property(text, depth(line))
		}
	}
}

// property parses a line of a section. A deeper line after a key without a value is a
// sub-key. After a key with a value, the AWS CLI reads a deeper line as a continuation of
// the value, but the Go SDK reads it as another key. Here it is a key, unless the key above
// allows multi-line values. This keeps a file with irregular indentation readable.
func (c *content) property(text string, indent int) {
	key, value, ok := assignment(text)
	if c.last != "" && indent > c.indent {
		switch {
		case c.block && ok:
			c.nest(c.last, key, unquote(value))
			return
		case c.block:
			return
		case manyLines(c.last) && !plainAssignment(text):
			c.keys[len(c.keys)-1].Value += " " + text
			return
		}
	}
	if !ok {
		return
	}
	value = c.value(key, value)
	delete(c.nested, key) // from an earlier line
	c.last, c.block, c.indent = key, value == "", indent
	c.keys = append(c.keys, Key{key, value})
}

// value parses the text after the =. A command line has its own quotes and comment marks,
// so its text remains unchanged, as in the AWS CLI.
func (c *content) value(key, raw string) string {
	if text := trim(raw); key == credentialProcess || c.whole[text] {
		return text
	}
	return unquote(raw)
}

const credentialProcess = "credential_process" //nolint:gosec // a key name, not a secret

// manyLines reports whether the AWS CLI accepts a value that continues on deeper lines. The
// AWS CLI also splits command lines and lists at line breaks.
func manyLines(key string) bool {
	return key == credentialProcess || key == "sso_registration_scopes"
}

// plainAssignment reports whether a line looks like "region = x", unlike --region=x in a
// command or name:part in a scope.
func plainAssignment(text string) bool {
	key, _, ok := strings.Cut(text, "=")
	return ok && strings.Trim(lower(trimRight(key)), "abcdefghijklmnopqrstuvwxyz0123456789_") == ""
}

func (c *content) nest(block, key, value string) {
	if c.nested == nil {
		c.nested = map[string]map[string]string{}
	}
	if c.nested[block] == nil {
		c.nested[block] = map[string]string{}
	}
	c.nested[block][key] = value
}
