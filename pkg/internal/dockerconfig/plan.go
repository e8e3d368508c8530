package dockerconfig

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"strings"
	"sync"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
)

// Request is a change to credHelpers.
type Request struct {
	Helper    string   // helper name without "docker-credential-"
	Add       []string // hosts to set to Helper
	Remove    []string // hosts whose entry for this program to remove; see IsHelper
	Overwrite bool     // replace the entry of another helper
}

// Plan is a change that is not written yet. If nothing changes, Old equals New. Hosts are
// in request order.
type Plan struct {
	Path      string
	Helper    string
	Old, New  []byte
	Added     []string
	Replaced  []Conflict // with the previous helper of the host
	Removed   []string
	Unchanged []string // already as requested
	Store     *Change  // change to credsStore; nil if it does not change

	removed map[string]string // the helper of each removed host
}

// Change is the old and the new value; "" means no value.
type Change struct{ Old, New string }

// Changed reports whether the file changes.
func (p Plan) Changed() bool { return !bytes.Equal(p.Old, p.New) }

// maxLine limits a line of Diff, in characters. A host name has no more than 253 characters.
const maxLine = 600

// Diff returns the change to credHelpers or credsStore as text, or "" if nothing changes: a
// line with "-" for each removed entry and a line with "+" for each added entry. It omits
// the rest of the file, which may contain tokens for other registries.
func (p Plan) Diff() string {
	if !p.Changed() {
		return ""
	}
	var b strings.Builder
	key := "credHelpers"
	if p.Store != nil {
		key = credsStore
	}
	b.WriteString(key + " in " + hint.Clean(p.Path, maxLine) + ":\n")
	line := func(sign, host, helper string) {
		b.WriteString(sign + " " + hint.Clean(quote(host)+": "+quote(helper), maxLine) + "\n")
	}
	if p.Store != nil && p.Store.Old != "" {
		line("-", credsStore, p.Store.Old)
	}
	if p.Store != nil && p.Store.New != "" {
		line("+", credsStore, p.Store.New)
	}
	for _, host := range p.Removed {
		line("-", host, p.removed[host])
	}
	for _, c := range p.Replaced {
		line("-", c.Host, c.Helper)
		line("+", c.Host, p.Helper)
	}
	for _, host := range p.Added {
		line("+", host, p.Helper)
	}
	return b.String()
}

// Conflict is a host whose entry names another helper.
type Conflict struct{ Host, Helper string }

// ConflictError lists the hosts whose entries name another helper. In this case the whole
// request is rejected.
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

// ErrBadName means that a name cannot work in credHelpers: Docker looks up a host by its
// exact bare name, and runs docker-credential-HELPER.
var ErrBadName = errors.New("not a name for credHelpers")

var (
	// Compiled on first use, because most runs of the program do not need them.
	hostName   = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]+)?$`) })
	helperName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`) })
)

// Plan applies the request to the loaded file in memory. Errors: *ConflictError,
// ErrBadName, and those of Load.
func (c *Config) Plan(r Request) (Plan, error) {
	p := Plan{Path: c.Path, Helper: r.Helper, Old: c.data, New: c.data, removed: map[string]string{}}
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
		p.removed[host] = helpers[host]
		delete(helpers, host)
		if err := p.step(func(data []byte) ([]byte, error) { return remove(data, host) }); err != nil {
			return p, err
		}
	}
	return p, p.verify(helpers, c.CredsStore)
}

// PlanStore sets credsStore to a helper name, or removes it if the name is "", in memory.
// The errors are those of Plan.
func (c *Config) PlanStore(name string) (Plan, error) {
	p := Plan{Path: c.Path, Helper: name, Old: c.data, New: c.data}
	if name != "" && !helperName().MatchString(name) {
		return p, fmt.Errorf("%w: helper %q", ErrBadName, name)
	}
	if c.CredsStore == name {
		return p, nil
	}
	p.Store = &Change{c.CredsStore, name}
	if err := p.step(func(data []byte) ([]byte, error) { return setStore(data, name) }); err != nil {
		return p, err
	}
	return p, p.verify(c.CredHelpers, name)
}

func (p *Plan) step(edit func([]byte) ([]byte, error)) error {
	data, err := edit(p.New)
	if err != nil {
		return fmt.Errorf("%s: %w", p.Path, err)
	}
	p.New = data
	return nil
}

// verify parses the result before it is written. The file contains logins, and a defect in
// the editor must not damage them.
func (p *Plan) verify(want map[string]string, store string) error {
	back := Config{Path: p.Path, CredHelpers: map[string]string{}, data: p.New}
	if err := back.parse(); err != nil {
		return fmt.Errorf("%s: the edit would damage it: %w", p.Path, err)
	}
	if !maps.Equal(back.CredHelpers, want) || back.CredsStore != store {
		return fmt.Errorf("%s: %w: the edit would not have the requested effect", p.Path, ErrUnexpected)
	}
	return nil
}

// check rejects names that cannot work. It does not check the hosts to remove, which are
// already in the file.
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

// conflicts lists the hosts whose entries name another helper. Overwrite permits replacing
// such an entry, but not removing it.
func (c *Config) conflicts(r Request) []Conflict {
	var out []Conflict
	look := func(hosts []string, ours func(string) bool) {
		for _, host := range hosts {
			if old, there := c.CredHelpers[host]; there && !ours(old) {
				out = append(out, Conflict{host, old})
			}
		}
	}
	if !r.Overwrite {
		look(r.Add, func(name string) bool { return name == r.Helper })
	}
	look(r.Remove, IsHelper)
	return out
}

// ErrBusy means that another program changed the file repeatedly, or that it holds the lock.
var ErrBusy = errors.New("another program is changing it")

// maxTries limits the attempts of Apply when another program changes the file.
const maxTries = 3

// Apply writes the change. It takes the lock at lockPath in our own directory ("": no lock),
// replaces the file atomically, preserves its mode and follows links. Like Docker, it
// creates a new file with mode 0600 in a directory with mode 0700. If nothing changes, it
// writes nothing. Errors: those of Plan, ErrBusy, and those of packages safefile and os.
// After an error, the file is unchanged.
func Apply(ctx context.Context, path, lockPath string, r Request) (Plan, error) {
	return apply(ctx, path, lockPath, func(c *Config) (Plan, error) { return c.Plan(r) })
}

// ApplyStore writes the change of PlanStore like Apply.
func ApplyStore(ctx context.Context, path, lockPath, name string) (Plan, error) {
	return apply(ctx, path, lockPath, func(c *Config) (Plan, error) { return c.PlanStore(name) })
}

func apply(ctx context.Context, path, lockPath string, plan func(*Config) (Plan, error)) (Plan, error) {
	if lockPath != "" {
		held, err := safefile.Lock(ctx, lockPath)
		switch {
		case err == nil:
			defer held.Unlock()
		case errors.Is(err, safefile.ErrLockUnavailable):
			// Docker does not lock the file either. The comparison below protects Docker's changes.
		default:
			return Plan{Path: path}, fmt.Errorf("%s: %w: %w", path, ErrBusy, err)
		}
	}
	for range maxTries {
		c, err := Load(path)
		if err != nil {
			return Plan{Path: path}, err
		}
		p, err := plan(c)
		if err != nil || !p.Changed() {
			return p, err
		}
		// docker login writes the file without a lock. Its change must not be lost.
		now, err := Load(path)
		if err != nil {
			return p, err
		}
		if !bytes.Equal(now.data, p.Old) {
			continue
		}
		return p, write(path, p.New)
	}
	return Plan{Path: path}, fmt.Errorf("%s: %w", path, ErrBusy)
}

func write(path string, data []byte) error {
	if err := safefile.MakeDir(filepath.Dir(path)); err != nil {
		return safefile.ExplainWrite(path, fmt.Errorf("%s: %w", filepath.Dir(path), hint.WithoutPath(err)))
	}
	if err := safefile.Write(path, data, 0o600); err != nil {
		return safefile.ExplainWrite(path, err)
	}
	return nil
}
