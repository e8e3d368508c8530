package awsconfig

import (
	"fmt"
	"slices"
	"strings"
)

const bom = "\ufeff"

// lines is a file's text, line by line.
type lines struct {
	mark    string // the byte-order mark, or nothing
	all     []string
	newline string // for new lines: the end of the first one
}

func split(text string) *lines {
	t := &lines{newline: "\n"}
	if rest, ok := strings.CutPrefix(text, bom); ok {
		t.mark, text = bom, rest
	}
	t.all = slices.Collect(strings.Lines(text))
	if len(t.all) > 0 && strings.HasSuffix(t.all[0], "\r\n") {
		t.newline = "\r\n"
	}
	return t
}

func (t *lines) String() string { return t.mark + strings.Join(t.all, "") }

// clean returns a line without the blanks around it, "" for a comment.
func clean(line string) string {
	text := trimRight(trimLeft(strings.TrimSuffix(line, "\n")))
	if text == "" || isMark(text[0]) {
		return ""
	}
	return text
}

// lead returns the indentation of a line that is not blank.
func lead(line string) string { return line[:len(line)-len(trimLeft(line))] }

func (t *lines) apply(c Change) error {
	keys := slices.DeleteFunc(slices.Clone(c.Keys), func(k Key) bool { return k.Value == "" })
	if len(keys) == 0 {
		return nil
	}
	at, err := t.find(c)
	switch {
	case err != nil:
		return err
	case at < 0:
		t.insert(len(t.all), header(c.Section, c.Name))
		t.insert(len(t.all), assignments("", keys)...)
		return nil
	}
	return t.update(at, keys)
}

// find returns the line of the section's header, -1 without one. When there are
// several spellings of it the last one counts: the AWS CLI reads that section
// alone, and elsewhere its keys come last.
func (t *lines) find(c Change) (int, error) {
	at, named := -1, -1
	seen := map[string]int{}
	for i, line := range t.all {
		text := clean(line)
		if text == "" || text[0] != '[' {
			continue
		}
		if kind, name := configHeader(text); kind != c.Section || name != c.Name {
			continue
		}
		at = i
		raw := cliHeader(text)
		if first, twice := seen[raw]; twice {
			return -1, &EditError{Line: i + 1, Reason: fmt.Sprintf(
				"[%s] stands in line %d too, and the AWS CLI cannot read such a file", raw, first+1)}
		}
		seen[raw] = i
		if strings.HasPrefix(trimLeft(text[1:]), kindProfile) {
			named = i
		}
	}
	if c.Section == kindProfile && c.Name == "default" && named >= 0 && named != at {
		return -1, &EditError{Line: named + 1, Reason: fmt.Sprintf(
			"SDKs take this section for the default profile, the AWS CLI that of line %d", at+1)}
	}
	return at, nil
}

// update sets keys in the section whose header is in line at.
func (t *lines) update(at int, keys []Key) error {
	last, indent := at, ""
	set := map[string]bool{}
	for i := at + 1; i < len(t.all); i++ {
		text := clean(t.all[i])
		if text == "" {
			continue
		}
		if text[0] == '[' {
			break
		}
		if last > at && len(lead(t.all[i])) > len(indent) {
			last = i // a sub-key of the option above, or more of its value
			continue
		}
		key, _, ok := assignment(text)
		if !ok {
			continue
		}
		last, indent = i, lead(t.all[i])
		n := slices.IndexFunc(keys, func(k Key) bool { return k.Name == key })
		if n < 0 {
			continue
		}
		if set[key] {
			return &EditError{Line: i + 1, Reason: key + " stands in the section twice, and the AWS CLI cannot read such a file"}
		}
		set[key] = true
		t.rewrite(i, assignments(indent, keys[n:n+1])[0])
	}
	missing := slices.DeleteFunc(keys, func(k Key) bool { return set[k.Name] })
	t.insert(last+1, assignments(indent, missing)...)
	return nil
}

func assignments(indent string, keys []Key) []string {
	out := make([]string, len(keys))
	for i, k := range keys {
		out[i] = indent + k.Name + " = " + k.Value
	}
	return out
}

// rewrite changes line i and keeps its end.
func (t *lines) rewrite(i int, text string) {
	old := t.all[i]
	switch {
	case trimRight(strings.TrimSuffix(old, "\n")) == text:
		// Nothing but blanks at its end could change.
	case strings.HasSuffix(old, "\r\n"):
		t.all[i] = text + "\r\n"
	case strings.HasSuffix(old, "\n"):
		t.all[i] = text + "\n"
	default:
		t.all[i] = text + t.newline
	}
}

// insert puts lines before line i.
func (t *lines) insert(i int, texts ...string) {
	if len(texts) == 0 {
		return
	}
	if i > 0 && !strings.HasSuffix(t.all[i-1], "\n") {
		t.all[i-1] += t.newline
	}
	for n, text := range texts {
		t.all = slices.Insert(t.all, i+n, text+t.newline)
	}
}

// header returns the header line of a new section. The AWS CLI quotes names with
// a blank; those with a quote or a backslash need it as much, or it would not
// find them again.
func header(section, name string) string {
	switch {
	case section == kindProfile && name == "default":
		return "[default]"
	case strings.ContainsAny(name, " \t'\"\\"):
		name = "'" + strings.ReplaceAll(name, "'", `'"'"'`) + "'"
	}
	return "[" + section + " " + name + "]"
}
