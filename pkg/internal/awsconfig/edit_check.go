package awsconfig

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// check refuses names and values that some tool would read as something else.
func (c Change) check() error {
	if c.Section != SectionProfile && c.Section != SectionSession {
		return &ValueError{What: c.Section, Reason: "no section that is edited"}
	}
	if err := checkText(c.Section, c.Name); err != nil {
		return err
	}
	kind, name := configHeader(header(c.Section, c.Name))
	if c.Name == "" || strings.Contains(c.Name, "]") || kind != c.Section || name != c.Name {
		return &ValueError{What: c.Section, Reason: "the name cannot stand in a section header"}
	}
	for _, k := range c.Keys {
		if k.Name == "" || strings.Trim(k.Name, "abcdefghijklmnopqrstuvwxyz0123456789_-") != "" {
			return &ValueError{What: c.Section, Reason: "a key has lower-case letters, digits, _ and - only"}
		}
		if err := checkText(k.Name, k.Value); err != nil {
			return err
		}
		if k.Value != unquote(" "+k.Value) {
			return &ValueError{What: k.Name, Reason: "quotes around the value, or a comment in it, are read in two ways"}
		}
	}
	return nil
}

func checkText(what, text string) error {
	switch {
	case !utf8.ValidString(text):
		return &ValueError{What: what, Reason: "not UTF-8"}
	case strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) && r != '\t' }):
		return &ValueError{What: what, Reason: "a line break or control character"}
	case strings.TrimSpace(text) != text:
		return &ValueError{What: what, Reason: "blanks at the start or end"}
	}
	return nil
}

// confirm reads the edited text back: as we and the SDKs do, and as the AWS CLI
// does if it knows the section at all.
func confirm(text string, c Change) error {
	ours := parse(text, configHeader).index[c.Section][c.Name]
	var keys Keys
	if ours != nil {
		keys = ours.Keys()
	}
	cli, known := cliSection(text, c.Section, c.Name)
	for _, k := range c.Keys {
		if k.Value == "" {
			continue
		}
		if keys.Get(k.Name) != k.Value {
			return &EditError{Reason: k.Name + " of " + header(c.Section, c.Name) + " would not be read as written"}
		}
		if known && cli[k.Name] != k.Value {
			return &EditError{Reason: k.Name + " of " + header(c.Section, c.Name) +
				" would be read as something else by the AWS CLI (deeper lines below it, or the section again)"}
		}
	}
	return nil
}

// cliHeader returns what the AWS CLI takes for the section's name: all between
// the first bracket and the last one.
func cliHeader(text string) string {
	return text[1:max(1, strings.LastIndexByte(text, ']'))]
}

// cliSection returns the keys that the AWS CLI reads in a section, and whether
// it finds it: Python's RawConfigParser, whose section names botocore then takes
// for two shell words. A deeper line continues the value above it.
func cliSection(text, kind, name string) (keys map[string]string, known bool) {
	var current map[string]string
	option, indent := "", 0
	for line := range strings.Lines(strings.TrimPrefix(text, bom)) {
		text, depth := clean(line), len(lead(line))
		if text == "" {
			continue
		}
		if option != "" && depth > indent {
			if current != nil {
				current[option] += "\n" + text
			}
			continue
		}
		indent = depth
		if strings.HasPrefix(text, "[") && strings.Contains(text, "]") {
			option, current = "", nil
			if cliNames(cliHeader(text), kind, name) {
				current = map[string]string{}
				keys, known = current, true // an earlier one is forgotten
			}
			continue
		}
		key, value, ok := assignment(text)
		if !ok {
			continue
		}
		if option = key; current != nil {
			current[key] = trimLeft(value)
		}
	}
	return keys, known
}

// cliNames reports whether a header names the section for the AWS CLI.
func cliNames(raw, kind, name string) bool {
	if raw == "default" {
		return kind == kindProfile && name == raw
	}
	rest, ok := strings.CutPrefix(raw, kind)
	if !ok || rest == "" || !isBlank(rest[0]) || strings.Contains(rest, "]") {
		return false
	}
	word, tail, ok := shellWord(trimLeft(rest) + "]")
	return ok && word == name && trimLeft(tail) == "]"
}
