package awsconfig

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
)

// The section kinds that Change can edit.
const (
	SectionProfile = kindProfile // [profile NAME], [default]
	SectionSession = kindSession // [sso-session NAME]
)

// Change sets keys in one section of the configuration file, or removes the section.
type Change struct {
	Section string // SectionProfile or SectionSession
	Name    string // unquoted; "default" is the profile in [default]
	Keys    []Key  // in the order in which new keys are written
	Remove  bool   // remove the section with all its keys; Keys is empty then
}

// Key is one key and its value. An empty value leaves the key unchanged.
type Key struct{ Name, Value string } // Name in lower case

// ErrBusy reports that another process repeatedly changed the file during the edit.
var ErrBusy = errors.New("another program is changing it")

// EditError reports why the program does not edit a file that the AWS CLI can read.
type EditError struct {
	Path   string // "" if the error is about text without a file
	Line   int    // from 1; 0 if the error is not about a single line
	Reason string
}

// Error returns "PATH line N: REASON, not edited".
func (e *EditError) Error() string { return place(e.Path, e.Line) + ": " + e.Reason + ", not edited" }

// ValueError reports a name or value that the program does not write, because some tool
// would read it differently.
type ValueError struct {
	What   string // key name or section kind
	Reason string
}

func (e *ValueError) Error() string { return e.What + ": " + e.Reason }

// tries is the number of attempts to edit a file while another process changes it.
const tries = 2

// Edit makes the changes in the file at path and reports whether it wrote anything. It
// replaces the file atomically and preserves its mode and a symbolic link to it. A new
// file has mode 0600, a new directory 0700.
//
// It takes no lock, because the AWS CLI and editors use none. If another process changes
// the file during the edit, Edit reads it and makes the changes again. The errors are
// those of EditText with the path, ErrBusy, and those of packages safefile and os. After an
// error, the file is unchanged.
func Edit(path string, changes ...Change) (changed bool, err error) {
	return edit(path, func(path string) (string, error) {
		text, _, err := read(path)
		return text, err
	}, changes)
}

func edit(path string, read func(path string) (string, error), changes []Change) (bool, error) {
	if path == "" {
		return false, errors.New("no AWS configuration file: there is no home directory")
	}
	for range tries {
		old, err := read(path)
		if err != nil {
			return false, err
		}
		text, err := EditText(old, changes...)
		if err != nil || text == old {
			return false, atPath(err, path)
		}
		if err := safefile.MakeDir(filepath.Dir(path)); err != nil {
			return false, safefile.ExplainWrite(path, err)
		}
		// As late as possible: an editor may have the file open, or the AWS CLI may run.
		now, err := read(path)
		if err != nil {
			return false, err
		}
		if now == old {
			err = safefile.Write(path, []byte(text), 0o600)
			return err == nil, safefile.ExplainWrite(path, err)
		}
	}
	return false, fmt.Errorf("%s: %w", path, ErrBusy)
}

// EditText makes the changes in the text of a file and returns the new text. It writes the
// same text as `aws configure sso`: a new section follows the last line, new keys follow
// the last key of their section, and the line of an existing key becomes "key = value".
// It avoids three faults of the AWS CLI. It recognizes all spellings of a header, to avoid
// adding a second section. It preserves the indentation of a line. Otherwise, the lines below
// would become part of its value. It preserves every other byte, including line ends.
//
// It rejects text that the AWS CLI cannot read. It reads the result back like the AWS CLI
// and like the SDKs. It also rejects the text if either reading differs from the requested
// value, or if any other value changes for the AWS CLI.
//
// Errors: *UnreadableError and *EditError for a text, *ValueError for a change.
func EditText(old string, changes ...Change) (string, error) {
	before, err := sane(old)
	if err != nil {
		return "", err
	}
	t := split(old)
	t.index()
	for _, c := range changes {
		if err := c.check(); err != nil {
			return "", err
		}
	}
	t.remove(changes)
	for _, c := range changes {
		if err := t.apply(c); err != nil {
			return "", err
		}
	}
	edited := t.String()
	if err := confirm(before, edited, changes); err != nil {
		return "", err
	}
	return edited, nil
}

// sane rejects text that the AWS CLI cannot read and text in which tools split lines
// differently.
func sane(text string) (cliFile, error) {
	if len(text) > maxSize {
		return cliFile{}, &EditError{Reason: fmt.Sprintf("larger than %d MiB", maxSize>>20)}
	}
	cli, err := readAsCLI(text)
	if err != nil {
		return cliFile{}, err
	}
	number := 0
	for rest := text; rest != ""; {
		var line string
		line, _, rest = cutLine(rest)
		number++
		switch text := clean(line); {
		case strings.IndexByte(line, 0) >= 0:
			return cliFile{}, &EditError{Line: number, Reason: "a NUL byte"}
		case strings.HasPrefix(text, "[") && !strings.Contains(text, "]"):
			return cliFile{}, &EditError{Line: number, Reason: "the section header is not closed"}
		}
	}
	return cli, nil
}

// check rejects names and values that some tool would read differently.
func (c Change) check() error {
	if c.Section != SectionProfile && c.Section != SectionSession {
		return &ValueError{What: c.Section, Reason: "not a section that can be edited"}
	}
	if err := checkText(c.Section, c.Name); err != nil {
		return err
	}
	kind, name := configHeader(header(c.Section, c.Name))
	if c.Name == "" || strings.Contains(c.Name, "]") || kind != c.Section || name != c.Name {
		return &ValueError{What: c.Section, Reason: "a section header cannot contain this name"}
	}
	for _, k := range c.Keys {
		if k.Name == "" || strings.Trim(k.Name, "abcdefghijklmnopqrstuvwxyz0123456789_-") != "" {
			return &ValueError{What: c.Section, Reason: "a key may contain only lower-case letters, digits, _ and -"}
		}
		if err := checkText(k.Name, k.Value); err != nil {
			return err
		}
		if k.Value != unquote(" "+k.Value) {
			return &ValueError{What: k.Name, Reason: "the AWS CLI and the SDKs read quotes and comments in a value differently"}
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

// confirm reads the edited text back like this program and the SDKs, and like the AWS CLI.
// before is the AWS CLI's reading before the edit.
func confirm(before cliFile, edited string, changes []Change) error {
	after, err := readAsCLI(edited)
	if err != nil {
		return &EditError{Reason: "the AWS CLI could not read the edited file: " + err.Error()}
	}
	ours, theirs := parse(edited, configHeader), after.byName()
	for _, c := range changes {
		var keys Keys
		if s := ours.index[c.Section][c.Name]; s != nil {
			keys = s.Keys()
		}
		if c.Remove && keys != nil {
			return &EditError{Reason: header(c.Section, c.Name) + " would not be removed"}
		}
		cli, known := theirs[sectionKey{c.Section, c.Name}]
		for _, k := range c.Keys {
			switch {
			case k.Value == "":
			case keys.Get(k.Name) != k.Value:
				return &EditError{Reason: k.Name + " of " + header(c.Section, c.Name) + " would not be read as written"}
			case known && cli[k.Name] != k.Value:
				return &EditError{Reason: k.Name + " of " + header(c.Section, c.Name) +
					" would be read as something else by the AWS CLI (because of indented lines below it, or a second section of this name)"}
			}
		}
	}
	return unchanged(before, after, changes)
}

// unchanged returns an error if a value changed for the AWS CLI and is not one of the
// changes.
func unchanged(before, after cliFile, changes []Change) error {
	of := map[sectionKey][]Change{}
	for _, c := range changes {
		of[sectionKey{c.Section, c.Name}] = append(of[sectionKey{c.Section, c.Name}], c)
	}
	for _, raw := range after.names {
		was, is := before.sections[raw], maps.Clone(after.sections[raw])
		kind, name := configHeader("[" + raw + "]")
		for _, c := range of[sectionKey{kind, name}] {
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
	lost := func(raw string) bool {
		kind, name := configHeader("[" + raw + "]")
		removed := slices.ContainsFunc(of[sectionKey{kind, name}], func(c Change) bool { return c.Remove })
		return after.sections[raw] == nil && !removed
	}
	if !maps.Equal(before.defaults, after.defaults) || slices.ContainsFunc(before.names, lost) {
		return &EditError{Reason: "the AWS CLI would read other sections than before"}
	}
	return nil
}
