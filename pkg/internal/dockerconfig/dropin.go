package dockerconfig

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
)

// DropIn is our file in registries.conf.d. It makes podman, buildah and skopeo call this
// helper for every registry.
type DropIn struct {
	Path    string
	Changed bool
	Helpers []string // credential-helpers in the file, in order
	Exists  bool     // the file existed before the change
	env     env.Set
	home    string
	system  string // the directory with the system's registries.conf
	text    string
}

// dropInName sorts after the usual names. If several files set a key, the last file in
// alphabetical order takes precedence (containers-registries.conf.d(5)).
const dropInName = "99-" + hint.Program + ".conf"

// authFile is the value in credential-helpers for the files of `podman login`
// (containers-registries.conf(5)).
const authFile = "containers-auth.json"

const dropInMark = "# Written by " + hint.Program + " configure-docker --podman --all-registries.\n"

// ErrForeignDropIn means that another program or the user wrote the file with our name.
var ErrForeignDropIn = errors.New("not written by this program")

// PlanDropIn returns the new content of the drop-in. It preserves the order of the helpers
// that podman uses, and adds this helper at the end. Podman still uses a login from `podman
// login`, and calls this helper for registries without one. Without a setting podman uses
// its own files, so the drop-in must name them.
func PlanDropIn(e env.Set, home string) (DropIn, error) { return planDropIn(e, systemContainers, home) }

func planDropIn(e env.Set, system, home string) (DropIn, error) {
	path := under(home, ".config", "containers", "registries.conf.d", dropInName)
	if path == "" {
		_, err := e.FindHome()
		return DropIn{}, fmt.Errorf("podman's configuration: %w", err)
	}
	d := DropIn{Path: path, env: e, home: home, system: system}
	old, err := d.read()
	if err != nil {
		return d, err
	}
	helpers, from := effectiveHelpers(e, system, home)
	if slices.ContainsFunc(helpers, IsHelper) {
		d.Path, d.Helpers = from, helpers // this file, or a file that the user wrote
		return d, nil
	}
	if len(helpers) == 0 {
		helpers = []string{authFile}
	}
	d.Helpers = append(slices.Clone(helpers), Helper)
	quoted := make([]string, len(d.Helpers))
	for i, h := range d.Helpers {
		quoted[i] = quote(h)
	}
	d.text = dropInMark + "credential-helpers = [" + strings.Join(quoted, ", ") + "]\n"
	d.Changed = d.text != old
	return d, nil
}

// PlanNoDropIn returns the change that removes the drop-in.
func PlanNoDropIn(e env.Set, home string) (DropIn, error) {
	d := DropIn{Path: under(home, ".config", "containers", "registries.conf.d", dropInName), env: e, home: home}
	if d.Path == "" {
		return d, nil
	}
	_, err := d.read()
	d.Changed = d.Exists
	return d, err
}

func (d *DropIn) read() (string, error) {
	data, err := safefile.Read(d.Path, maxSize)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", nil
	case err != nil:
		return "", fmt.Errorf("%s: %w", d.Path, hint.WithoutPath(err))
	case !strings.HasPrefix(string(data), dropInMark):
		return "", hint.With(fmt.Errorf("%s: %w", d.Path, ErrForeignDropIn), hint.RemoveCommand(d.Path))
	}
	d.Exists = true
	return string(data), nil
}

// Write writes or removes the file. overruled is the file that overrides the drop-in, even
// if nothing changes. It is "" if there is none.
func (d DropIn) Write() (overruled string, err error) {
	switch {
	case d.text == "" && d.Changed:
		if err := safefile.Remove(d.Path); err != nil {
			return "", fmt.Errorf("%s: %w", d.Path, hint.WithoutPath(err))
		}
		return "", nil
	case d.text == "": // another program or the user wrote it, or it is already removed
		return "", nil
	case d.Changed:
		if err := write(d.Path, []byte(d.text)); err != nil {
			return "", err
		}
	}
	if helpers, from := effectiveHelpers(d.env, d.system, d.home); !slices.ContainsFunc(helpers, IsHelper) {
		return filepath.Clean(from), nil
	}
	return "", nil
}
