package awsconfig

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
)

// The sections that can be edited, for Change.
const (
	SectionProfile = kindProfile // [profile NAME], [default]
	SectionSession = kindSession // [sso-session NAME]
)

// Change sets keys of one section of the configuration file.
type Change struct {
	Section string // SectionProfile or SectionSession
	Name    string // unquoted; "default" is the profile of [default]
	Keys    []Key  // in the order in which new ones are written
}

// Key is one key and its value. An empty value leaves the key as it is.
type Key struct{ Name, Value string } // Name in lower case

// ErrBusy marks a file that somebody else kept changing while we wanted to.
var ErrBusy = errors.New("another program is changing it")

// EditError tells why a file is left alone although the AWS CLI can read it.
type EditError struct {
	Path   string // "" when it was only a text
	Line   int    // from 1; 0 when it is about no single line
	Reason string
}

// Error returns "PATH line N: REASON, not edited".
func (e *EditError) Error() string { return place(e.Path, e.Line) + ": " + e.Reason + ", not edited" }

// ValueError tells which name or value cannot be written, because some tool
// would read it as something else.
type ValueError struct {
	What   string // a key's name, or the section's kind
	Reason string
}

func (e *ValueError) Error() string { return e.What + ": " + e.Reason }

// tries is how often a file is edited anew because somebody else just changed
// it.
const tries = 2

// Edit makes the changes in the file at path and reports whether there was
// anything to write. The file is replaced atomically, its mode and a link to it
// stay; a new one gets 0600, a new directory 0700.
//
// It takes no lock, since the AWS CLI and editors know none: what somebody else
// wrote meanwhile is read and edited once more. Errors: those of EditText with the
// path, ErrBusy, and those of package safefile and os. After an error
// the file is as it was.
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
			return false, err
		}
		// As late as possible: a person may have the file open, or the AWS CLI run.
		now, err := read(path)
		if err != nil {
			return false, err
		}
		if now == old {
			err = safefile.Write(path, []byte(text), 0o600)
			return err == nil, err
		}
	}
	return false, fmt.Errorf("%s: %w", path, ErrBusy)
}

// EditText makes the changes in a file's text and returns the new one. What it
// writes is what `aws configure sso` writes: new sections are straight after
// the last line, new keys after their section's last one, and the line of a key
// that is there becomes "key = value". Three things the AWS CLI gets wrong are
// done right: a header is recognized in all its spellings, so that there is no
// second section; an indented line keeps its indentation, or the lines
// below would become part of its value; and every other byte stays, line ends
// among them.
//
// A text that the AWS CLI cannot read is refused. The result is read back as the
// AWS CLI and as the SDKs read it. When one of them would see another value than
// asked for, or the AWS CLI another value anywhere else, it is refused too.
//
// Errors: *UnreadableError and *EditError for a text, *ValueError for a change.
func EditText(old string, changes ...Change) (string, error) {
	before, err := sane(old)
	if err != nil {
		return "", err
	}
	t := split(old)
	for _, c := range changes {
		if err := c.check(); err != nil {
			return "", err
		}
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

// sane refuses a text that the AWS CLI cannot read, and one whose lines the tools
// do not even count alike.
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
