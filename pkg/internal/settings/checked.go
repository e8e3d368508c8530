package settings

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// Checked returns what a file with these values would give: defaults filled in,
// patterns folded. It serves a program that has no file. The error is an *Error
// without a line, about a value that a file may not have either.
func (s Settings) Checked() (Settings, error) {
	out := s
	err := errors.Join(out.checkRegistries(), out.checkKeys())
	if err != nil {
		return Settings{}, &Error{Path: cmp.Or(s.Path, "settings"), Err: err}
	}
	return out, nil
}

func (s *Settings) checkRegistries() error {
	given := s.Registries
	s.Registries = make(map[string]string, len(given))
	for key, profile := range given {
		pattern, err := checkPattern(key)
		if err == nil {
			err = checkProfile(profile)
		}
		if _, twice := s.Registries[pattern]; twice && err == nil {
			err = fmt.Errorf("%q is mapped twice", pattern)
		}
		if err != nil {
			return err
		}
		s.Registries[pattern] = profile
	}
	return nil
}

func (s *Settings) checkKeys() error {
	for _, k := range keys {
		if k.field == nil {
			continue
		}
		value := k.field(s)
		if *value = cmp.Or(*value, k.Values[0]); !slices.Contains(k.Values, *value) {
			return fmt.Errorf("%s = %q, but it takes %q", k.Name, *value, k.Values)
		}
	}
	if s.Keychain == "" {
		return nil
	}
	return checkKeychain(s.Keychain)
}
