package settings

import (
	"errors"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
)

const (
	fallback    = "fallback"
	replacedKey = "replaced"
)

var (
	errReplaced = errors.New(`replaced takes the NAME of another program docker-credential-NAME, or ""`)
	errFallback = errors.New(`fallback takes the NAME of another program docker-credential-NAME, such as "desktop"`)
)

// CheckFallback accepts the name of a credential store but not a path, so the program is
// found only in PATH. In WSL, the name of a Windows program ends in .exe. The name of
// this program is an error.
func CheckFallback(name string) error {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."
	plain := name != "" && len(name) <= 64 && strings.Trim(name, letters) == "" && !strings.ContainsAny(name[:1], "-.")
	if !plain || strings.EqualFold(strings.TrimSuffix(fold(name), ".exe"), hint.Helper) {
		return errFallback
	}
	return nil
}

// SetFallback sets the name of the fallback store in the file at path; "" removes it.
// before is the credsStore that this helper replaces, or "" if there is none. It is
// written to a separate key only if it differs from name. Every other byte of the file
// stays the same. The errors are those of Map and CheckFallback.
func SetFallback(path, name, before string) error {
	if name != "" {
		if err := CheckFallback(name); err != nil {
			return err
		}
	}
	var replaced *string
	if name != before {
		replaced = &before
	}
	return update(path, func(d *document) ([]byte, error) {
		data := d.data
		if d.settings.Fallback != name {
			data = d.setLine(d.fallbackAt, keyLine(fallback, name, name != ""))
		}
		again, err := parse(d.path, data) // the offsets have changed
		if err != nil {
			return nil, err
		}
		if replaced == nil || again.settings.Replaced == nil || *again.settings.Replaced != before {
			data = again.setLine(again.replacedAt, keyLine(replacedKey, before, replaced != nil))
		}
		return data, nil
	}, func(s *Settings) { s.Fallback, s.Replaced = name, replaced })
}

func keyLine(key, value string, set bool) string {
	if !set {
		return ""
	}
	return key + " = " + quote(value)
}

// Before returns the credsStore that this helper replaced, or "" if there was none.
func (s Settings) Before() string {
	if s.Replaced != nil {
		return *s.Replaced
	}
	return s.Fallback
}

// replaced reads the name of the store that this helper replaced.
func (d *document) replaced(e *unstable.Node) error {
	value := e.Value()
	name := string(value.Data)
	if value.Kind != unstable.String || name != "" && CheckFallback(name) != nil {
		return errReplaced
	}
	d.settings.Replaced = &name
	d.replacedAt = span{int(e.Raw.Offset), int(e.Raw.Offset + e.Raw.Length)}
	return nil
}

// fallback reads the name of the fallback store.
func (d *document) fallback(e *unstable.Node) error {
	value := e.Value()
	if value.Kind != unstable.String {
		return errFallback
	}
	d.settings.Fallback = string(value.Data)
	d.fallbackAt = span{int(e.Raw.Offset), int(e.Raw.Offset + e.Raw.Length)}
	return CheckFallback(d.settings.Fallback)
}
