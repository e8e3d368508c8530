package awsconfig

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
)

// check rejects names and values that some tool would read differently.
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
	case strings.ContainsFunc(text, func(r rune) bool { return hint.Unprintable(r) && r != '\t' }):
		return &ValueError{What: what, Reason: "a line break, control character or invisible character"}
	case strings.TrimSpace(text) != text:
		return &ValueError{What: what, Reason: "blanks at the start or end"}
	}
	return nil
}

// confirm reads the edited text back, as this program and the SDKs do and as the AWS CLI
// does. before is what the AWS CLI read before the edit.
func confirm(before cliFile, edited string, changes []Change) error {
	after, err := readAsCLI(edited)
	if err != nil {
		return &EditError{Reason: "the AWS CLI could not read the edited file: " + err.Error()}
	}
	ours := parse(edited, configHeader)
	for _, c := range changes {
		var keys Keys
		if s := ours.index[c.Section][c.Name]; s != nil {
			keys = s.Keys()
		}
		cli, known := after.section(c.Section, c.Name)
		for _, k := range c.Keys {
			switch {
			case k.Value == "":
			case keys.Get(k.Name) != k.Value:
				return &EditError{Reason: k.Name + " of " + header(c.Section, c.Name) + " would not be read as written"}
			case known && cli[k.Name] != k.Value:
				return &EditError{Reason: k.Name + " of " + header(c.Section, c.Name) +
					" would be read as something else by the AWS CLI (deeper lines below it, or the section again)"}
			}
		}
	}
	return unchanged(before, after, changes)
}

// unchanged returns an error if the AWS CLI would read another value than before that is
// not one of the changes.
func unchanged(before, after cliFile, changes []Change) error {
	for _, raw := range after.names {
		was, is := before.sections[raw], maps.Clone(after.sections[raw])
		kind, name := configHeader("[" + raw + "]")
		for _, c := range changes {
			if kind != c.Section || name != c.Name {
				continue
			}
			for _, k := range c.Keys {
				if value, had := was[k.Name]; had && k.Value != "" {
					is[k.Name] = value
				} else if k.Value != "" {
					delete(is, k.Name)
				}
			}
		}
		if !maps.Equal(was, is) {
			return &EditError{Reason: "the AWS CLI would read other values in [" + raw + "] than before"}
		}
	}
	if !maps.Equal(before.defaults, after.defaults) || slices.ContainsFunc(before.names, func(raw string) bool { return after.sections[raw] == nil }) {
		return &EditError{Reason: "the AWS CLI would read other sections than before"}
	}
	return nil
}
