package populate

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
)

const (
	saveEvery     = 5 * time.Second
	maxAge        = time.Hour // maximum age of a checkpoint to continue
	maxCheckpoint = 16 << 20
)

// checkpoint is the file of an unfinished listing. It contains the roles of each listed
// account. The file contains no secrets. It belongs to one sign-in, because the session's
// next user may have different roles.
type checkpoint struct {
	Session, StartURL, SignIn string
	At                        time.Time
	Roles                     map[string][]string
}

// save writes the checkpoint.
func (l *lister) save() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.checkpoint()
}

// checkpoint writes the checkpoint if there is anything to continue. It ignores errors,
// because the next run can start over without a checkpoint. Call with mu held.
func (l *lister) checkpoint() {
	l.saved = time.Now()
	if l.Checkpoint == "" || l.SignIn == "" || l.listing.done == 0 {
		return
	}
	c := checkpoint{Session: l.Session.Name, StartURL: l.Session.StartURL, SignIn: l.SignIn, At: l.since, Roles: map[string][]string{}}
	for _, a := range l.listing.Accounts {
		if a.Listed {
			c.Roles[a.ID] = a.Roles
		}
	}
	data, err := json.Marshal(c)
	if err == nil && safefile.EnsureDir(filepath.Dir(l.Checkpoint)) == nil {
		_ = safefile.WriteOwn(l.Checkpoint, data)
	}
}

// restore continues an earlier run's listing.
func (l *lister) restore() {
	if l.Checkpoint == "" || l.SignIn == "" {
		return
	}
	data, err := safefile.ReadOwn(l.Checkpoint, maxCheckpoint)
	var c checkpoint
	if err != nil || json.Unmarshal(data, &c) != nil {
		return
	}
	age := time.Since(c.At)
	if c.Session != l.Session.Name || c.StartURL != l.Session.StartURL || c.SignIn != l.SignIn || age < 0 || age > maxAge {
		return
	}
	for i := range l.listing.Accounts {
		a := &l.listing.Accounts[i]
		if roles, ok := c.Roles[a.ID]; ok {
			a.Roles = slices.DeleteFunc(roles, func(role string) bool { return !isRole(role) })
			a.Listed = true
			l.listing.done++
		}
	}
	l.resumed, l.since = l.listing.done, c.At
}

// forget removes a finished listing's checkpoint.
func (l *lister) forget() {
	if l.Checkpoint != "" {
		_ = safefile.Remove(l.Checkpoint)
	}
}
