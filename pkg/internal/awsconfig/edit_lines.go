package awsconfig

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// lines is the text of a file, line by line.
type lines struct {
	all     []line
	newline string // the line end of new lines, copied from the first line

	sections map[sectionKey]bool // sections with a header in any spelling; nil before index
}

type sectionKey struct{ kind, name string }

// line is a line and its line end, which may be missing on the last line.
type line struct{ text, end string }

func split(text string) *lines {
	t := &lines{newline: "\n"}
	for text != "" {
		var l line
		l.text, l.end, text = cutLine(text)
		t.all = append(t.all, l)
	}
	if len(t.all) > 0 && t.all[0].end != "" {
		t.newline = t.all[0].end
	}
	return t
}

func (t *lines) String() string {
	var b strings.Builder
	for _, l := range t.all {
		b.WriteString(l.text + l.end)
	}
	return b.String()
}

// index finds the sections that have a header. Without it, each of thousands of new
// sections would need a search.
func (t *lines) index() {
	t.sections = map[sectionKey]bool{}
	for _, line := range t.all {
		if text := clean(line.text); text != "" && text[0] == '[' {
			kind, name := configHeader(text)
			t.sections[sectionKey{kind, name}] = true
		}
	}
}

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
		t.sections[sectionKey{c.Section, c.Name}] = true
		return nil
	}
	t.update(at, keys)
	return nil
}

// find returns the line number of the section header, or -1 if there is none. If the header
// has several spellings, find returns the last one: the AWS CLI reads only that section,
// and in other tools its keys override the earlier ones.
func (t *lines) find(c Change) (int, error) {
	at, named := -1, -1
	if !t.sections[sectionKey{c.Section, c.Name}] {
		return at, nil
	}
	for i, line := range t.all {
		text := clean(line.text)
		if text == "" || text[0] != '[' {
			continue
		}
		if kind, name := configHeader(text); kind != c.Section || name != c.Name {
			continue
		}
		at = i
		if strings.HasPrefix(trimLeft(text[1:]), kindProfile) {
			named = i
		}
	}
	if c.Section == kindProfile && c.Name == "default" && named >= 0 && named != at {
		return -1, &EditError{Line: named + 1, Reason: fmt.Sprintf(
			"SDKs read this section as the default profile, the AWS CLI the one in line %d", at+1)}
	}
	return at, nil
}

// remove removes the sections with Change.Remove: from each header to the last line before
// the next header that is neither empty nor a comment.
func (t *lines) remove(changes []Change) {
	gone := map[sectionKey]bool{}
	for _, c := range changes {
		if c.Remove {
			gone[sectionKey{c.Section, c.Name}] = true
		}
	}
	if len(gone) == 0 {
		return
	}
	kept := make([]line, 0, len(t.all))
	inside, pending := false, 0 // pending: trailing lines of kept that may belong to the next header
	for _, l := range t.all {
		text := clean(l.text)
		if text != "" && text[0] == '[' {
			kind, name := configHeader(text)
			inside, pending = gone[sectionKey{kind, name}], 0
		}
		switch {
		case !inside:
			kept = append(kept, l)
		case text == "":
			kept, pending = append(kept, l), pending+1
		default:
			kept, pending = kept[:len(kept)-pending], 0
		}
	}
	t.all = kept
	maps.DeleteFunc(t.sections, func(k sectionKey, _ bool) bool { return gone[k] })
}

// update sets keys in the section whose header is line at.
func (t *lines) update(at int, keys []Key) {
	last, indent := at, ""
	set := map[string]bool{}
	for i := at + 1; i < len(t.all); i++ {
		own := t.all[i].text
		text := clean(own)
		if text == "" {
			continue
		}
		if text[0] == '[' {
			break
		}
		if last > at && depth(own) > utf8.RuneCountInString(indent) {
			last = i // a sub-key of the key above, or a continuation of its value
			continue
		}
		key, _, ok := assignment(text)
		if !ok {
			continue
		}
		last, indent = i, lead(own)
		n := slices.IndexFunc(keys, func(k Key) bool { return k.Name == key })
		if n < 0 {
			continue
		}
		set[key] = true
		t.rewrite(i, assignments(indent, keys[n:n+1])[0])
	}
	missing := slices.DeleteFunc(keys, func(k Key) bool { return set[k.Name] })
	t.insert(last+1, assignments(indent, missing)...)
}

func assignments(indent string, keys []Key) []string {
	out := make([]string, len(keys))
	for i, k := range keys {
		out[i] = indent + k.Name + " = " + k.Value
	}
	return out
}

// rewrite changes line i and preserves its line end.
func (t *lines) rewrite(i int, text string) {
	if trimRight(t.all[i].text) == text {
		return // only trailing blanks would change
	}
	t.all[i].text = text
	t.end(i)
}

// end adds a line end to line i if it has none.
func (t *lines) end(i int) {
	if t.all[i].end == "" {
		t.all[i].end = t.newline
	}
}

// insert inserts lines before line i.
func (t *lines) insert(i int, texts ...string) {
	if len(texts) == 0 {
		return
	}
	if i > 0 {
		t.end(i - 1)
	}
	for n, text := range texts {
		t.all = slices.Insert(t.all, i+n, line{text, t.newline})
	}
}

// header returns the header line of a new section. The AWS CLI quotes names that contain a
// blank. Names with a quote or a backslash also need quotes, because otherwise the AWS CLI
// would not find them.
func header(section, name string) string {
	switch {
	case section == kindProfile && name == "default":
		return "[default]"
	case strings.ContainsAny(name, " \t'\"\\"):
		name = "'" + strings.ReplaceAll(name, "'", `'"'"'`) + "'"
	}
	return "[" + section + " " + name + "]"
}
