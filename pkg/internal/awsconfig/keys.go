package awsconfig

import (
	"slices"
	"strings"
)

// Keys are the keys of a section in the order of their lines. A key that comes
// twice has its last value.
type Keys []Key

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

// Nested reads the blocks, such as s3, by key; nil when there is none. Those of
// the credentials file do not count in a profile of the configuration file.
func (p *Profile) Nested() map[string]map[string]string { return p.read().nested }

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
		p.rest.credentials != nil && p.rest.credentials.mentions(text)
}

// content is what the lines of a section say.
type content struct {
	keys   Keys
	nested map[string]map[string]string
	block  string // key with an empty value: deeper lines are its sub-keys
	indent int    // of that key
}

func (p *Profile) read() *content {
	c := &content{keys: make(Keys, 0, 8)}
	c.read(p.lines)
	if p.rest != nil {
		for _, lines := range p.rest.lines {
			c.read(lines)
		}
	}
	return c
}

// read takes the lines below one header; each costs its own length and no more.
func (c *content) read(lines string) {
	c.block = ""
	for lines != "" {
		var line string
		line, lines, _ = strings.Cut(lines, "\n")
		text := trimLeft(line)
		indent := len(line) - len(text)
		if text = trimRight(text); text != "" && !isMark(text[0]) {
			c.property(text, indent)
		}
	}
}

// property takes a line of a section. A deeper line after a key without a value
// is a sub-key of it; after one with a value the SDK takes it as a key of its
// own, so that a file whose keys are indented anyhow can be read.
func (c *content) property(text string, indent int) {
	key, value, ok := assignment(text)
	if c.block != "" && indent > c.indent {
		if ok {
			c.nest(c.block, key, unquote(value))
		}
		return
	}
	c.block = ""
	if !ok {
		return
	}
	if value = unquote(value); value == "" {
		c.block, c.indent = key, indent
	} else {
		c.flatten(key)
	}
	c.keys = append(c.keys, Key{key, value})
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

// flatten drops the block of a key that has a value after all.
func (c *content) flatten(key string) {
	if delete(c.nested, key); len(c.nested) == 0 {
		c.nested = nil
	}
}
