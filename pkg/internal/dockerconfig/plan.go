package dockerconfig

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"strings"
	"sync"
)

// Request is what to change in credHelpers.
type Request struct {
	Helper    string   // the helper's name, without "docker-credential-"
	Add       []string // hosts that Helper is to serve
	Remove    []string // hosts that Helper is no longer to serve
	Overwrite bool     // take hosts over from another helper
}

// Plan is the change before it is made. Old equals New when there is nothing to
// do. Hosts are in the order of the request.
type Plan struct {
	Path      string
	Old, New  []byte
	Added     []string
	Replaced  []Conflict // taken over from another helper
	Removed   []string
	Unchanged []string // already as asked
}

// Changed reports whether there is something to write.
func (p Plan) Changed() bool { return !bytes.Equal(p.Old, p.New) }

// Conflict is a host that another helper serves.
type Conflict struct{ Host, Helper string }

// ConflictError lists the hosts that another helper serves and that therefore
// stay as they are, the whole request with them.
type ConflictError struct {
	Path      string
	Conflicts []Conflict
}

// Error names each host with its helper.
func (e *ConflictError) Error() string {
	list := make([]string, len(e.Conflicts))
	for i, c := range e.Conflicts {
		list[i] = fmt.Sprintf("%s (%s)", c.Host, c.Helper)
	}
	return fmt.Sprintf("%s: served by another helper: %s", e.Path, strings.Join(list, ", "))
}

// ErrBadName marks a host or helper name that cannot stand in the file: docker
// looks hosts up by their exact bare name and runs docker-credential-HELPER.
var ErrBadName = errors.New("not a name for credHelpers")

var (
	// Made when they are used: every get would pay for them.
	hostName   = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]+)?$`) })
	helperName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`) })
)

// Plan works the request out on what was loaded and writes nothing. Errors:
// *ConflictError, ErrBadName, and those of Load.
func (c *Config) Plan(r Request) (Plan, error) {
	p := Plan{Path: c.Path, Old: c.data, New: c.data}
	if err := r.check(); err != nil {
		return p, err
	}
	if conflicts := c.conflicts(r); len(conflicts) > 0 {
		return p, &ConflictError{Path: c.Path, Conflicts: conflicts}
	}
	helpers := maps.Clone(c.CredHelpers)
	for _, host := range r.Add {
		old, there := helpers[host]
		switch {
		case old == r.Helper && there:
			p.Unchanged = append(p.Unchanged, host)
			continue
		case there:
			p.Replaced = append(p.Replaced, Conflict{host, old})
		default:
			p.Added = append(p.Added, host)
		}
		helpers[host] = r.Helper
		if err := p.step(func(data []byte) ([]byte, error) { return set(data, host, r.Helper) }); err != nil {
			return p, err
		}
	}
	for _, host := range r.Remove {
		if _, there := helpers[host]; !there {
			p.Unchanged = append(p.Unchanged, host)
			continue
		}
		p.Removed = append(p.Removed, host)
		delete(helpers, host)
		if err := p.step(func(data []byte) ([]byte, error) { return remove(data, host) }); err != nil {
			return p, err
		}
	}
	return p, p.verify(helpers)
}

func (p *Plan) step(edit func([]byte) ([]byte, error)) error {
	data, err := edit(p.New)
	if err != nil {
		return fmt.Errorf("%s: %w", p.Path, err)
	}
	p.New = data
	return nil
}

// verify reads the result back before anybody may write it: this file carries
// people's logins, so a slip of the editor must end here.
func (p *Plan) verify(want map[string]string) error {
	back := Config{Path: p.Path, CredHelpers: map[string]string{}, data: p.New}
	if err := back.parse(); err != nil {
		return fmt.Errorf("%s: the edit would damage it: %w", p.Path, err)
	}
	if !maps.Equal(back.CredHelpers, want) {
		return fmt.Errorf("%s: %w: the edit would not say what was asked", p.Path, ErrUnexpected)
	}
	return nil
}

// check refuses names that cannot stand in the file. What is to be removed stands
// there already, however odd.
func (r Request) check() error {
	if !helperName().MatchString(r.Helper) {
		return fmt.Errorf("%w: helper %q", ErrBadName, r.Helper)
	}
	for _, host := range r.Add {
		if !hostName().MatchString(host) {
			return fmt.Errorf("%w: host %q", ErrBadName, host)
		}
	}
	return nil
}

// conflicts lists the hosts that another helper serves. Overwrite takes them
// over; it does not remove another helper's entry.
func (c *Config) conflicts(r Request) []Conflict {
	var out []Conflict
	look := func(hosts []string) {
		for _, host := range hosts {
			if old, there := c.CredHelpers[host]; there && old != r.Helper {
				out = append(out, Conflict{host, old})
			}
		}
	}
	if !r.Overwrite {
		look(r.Add)
	}
	look(r.Remove)
	return out
}
