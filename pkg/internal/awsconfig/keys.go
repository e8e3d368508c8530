package awsconfig

import (
	"slices"
	"strings"
)

// Keys are the keys of a section in the order of their lines. A key that comes
// twice has its last value.
type Keys []property

// property is a key with its value in both dialects.
type property struct {
	Key
	raw string // the value as the AWS CLI reads it: the rest of the line, quotes and # included
}

// Get returns the value of a key, which is named in lower case; "" counts as not
// set.
func (k Keys) Get(name string) string {
	for i := len(k) - 1; i >= 0; i-- {
		if k[i].Name == name {
			return k[i].Value
		}
	}
	return ""
}

// raw returns the value as the AWS CLI reads it, with its quotes and whatever
// follows a #: the name of a profile may have both. "" counts as not set.
func (k Keys) raw(name string) string {
	for i := len(k) - 1; i >= 0; i-- {
		if k[i].Name == name {
			return k[i].raw
		}
	}
	return ""
}

// Map returns each key once.
func (k Keys) Map() map[string]string {
	m := make(map[string]string, len(k))
	for _, key := range k {
		m[key.Name] = key.Value
	}
	return m
}

// add takes the lines below one more header of the section.
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

// Keys reads the profile's keys: those of the configuration file, overridden by
// those of the credentials file. Whoever wants several keeps the result.
func (p *Profile) Keys() Keys {
	keys := p.read().keys
	if p.rest != nil && p.rest.credentials != nil {
		keys = append(keys, p.rest.credentials.read().keys...)
	}
	return keys
}

// credentialsKeys reads the keys of the credentials file alone.
func (p *Profile) credentialsKeys() Keys {
	switch {
	case p.credentialsOnly:
		return p.read().keys
	case p.rest != nil && p.rest.credentials != nil:
		return p.rest.credentials.read().keys
	}
	return nil
}

// Nested reads the blocks, such as s3, by key; nil when there is none. Those of
// the credentials file do not count in a profile of the configuration file.
func (p *Profile) Nested() map[string]map[string]string {
	if nested := p.read().nested; len(nested) > 0 {
		return nested
	}
	return nil
}

// InAccount reports whether sso_account_id is the account, compared as text.
func (p *Profile) InAccount(account string) bool {
	return p.mentions(account) && p.Keys().Get("sso_account_id") == account
}

// mentions reports whether the text stands anywhere below the profile's headers:
// a value does, whole. It is far cheaper than to read 2,000 profiles.
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

// content is what the lines of a section say.
type content struct {
	keys   Keys
	nested map[string]map[string]string
	last   string // key whose deeper lines may belong to it
	block  bool   // they are its sub-keys: it has an empty value
	indent int    // of that key
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

// readAll takes the lines below all headers of a section.
func (c *content) readAll(p *Profile) {
	c.read(p.lines)
	if p.rest != nil {
		for _, lines := range p.rest.lines {
			c.read(lines)
		}
	}
}

// read takes the lines below one header; each costs its own length and no more.
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

// property takes a line of a section. A deeper line after a key without a value
// is a sub-key of it. After one with a value the AWS CLI takes it for more of the
// value, the Go SDK for a key of its own, so that a file whose keys are indented
// anyhow can be read: a key it is, except in a value that makes sense in several
// lines.
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
	raw := trim(value)
	value = c.value(key, value)
	delete(c.nested, key) // of an earlier line
	c.last, c.block, c.indent = key, value == "", indent
	c.keys = append(c.keys, property{Key{key, value}, raw})
}

// value reads what follows the = of a key. A command line has quotes and comment
// marks of its own, so it is taken as the AWS CLI takes it: whole.
func (c *content) value(key, raw string) string {
	if text := trim(raw); key == credentialProcess || c.whole[text] {
		return text
	}
	return unquote(raw)
}

const credentialProcess = "credential_process" //nolint:gosec // the name of a key, not a secret

// manyLines reports whether the AWS CLI makes sense of a value that goes on in
// deeper lines: it splits a command line and a list at line breaks too.
func manyLines(key string) bool {
	return key == credentialProcess || key == "sso_registration_scopes"
}

// plainAssignment reports whether a line looks like "region = x", and not like a
// command's --region=x or a scope's name:part.
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
