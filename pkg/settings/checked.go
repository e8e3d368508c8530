package settings

import (
	"cmp"
	"fmt"
	"slices"
)

// Checked returns what a file with these values would give: defaults filled in,
// patterns folded. It serves a program that has no file. The error is an *Error
// without a line, about a value that a file may not have either.
func (s Settings) Checked() (Settings, error) {
	out := Settings{
		Registries: make(map[string]string, len(s.Registries)),
		Login:      cmp.Or(s.Login, LoginAuto), Cache: cmp.Or(s.Cache, CacheFile), Path: s.Path,
	}
	fail := func(err error) (Settings, error) {
		return Settings{}, &Error{Path: cmp.Or(s.Path, "settings"), Err: err}
	}
	for key, profile := range s.Registries {
		pattern, err := checkPattern(key)
		if err == nil {
			err = checkProfile(profile)
		}
		if _, twice := out.Registries[pattern]; twice && err == nil {
			err = fmt.Errorf("%q is mapped twice", pattern)
		}
		if err != nil {
			return fail(err)
		}
		out.Registries[pattern] = profile
	}
	for _, field := range []struct {
		key, value string
		allowed    []string
	}{
		{"login", out.Login, []string{LoginAuto, LoginNever}},
		{"cache", out.Cache, []string{CacheFile, CacheNone}},
	} {
		if !slices.Contains(field.allowed, field.value) {
			return fail(fmt.Errorf("%s = %q, but it takes %q", field.key, field.value, field.allowed))
		}
	}
	return out, nil
}
