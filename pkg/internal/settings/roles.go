package settings

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

const roles = "roles"

// maxRole is the maximum length of an IAM role name.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
const maxRole = 64

// RolePatternError means that a text is not a role name pattern.
type RolePatternError struct{ Pattern, Why string }

func (e *RolePatternError) Error() string { return fmt.Sprintf("role pattern %q %s", e.Pattern, e.Why) }

// Glob reports whether a pattern matches the whole text. A * matches any number of
// characters; a ? matches one character.
func Glob(pattern, text string) bool {
	p, t := []rune(pattern), []rune(text)
	i, j := 0, 0
	star, from := -1, 0
	for j < len(t) {
		switch {
		case i < len(p) && p[i] == '*':
			star, from = i, j
			i++
		case i < len(p) && (p[i] == '?' || p[i] == t[j]):
			i++
			j++
		case star >= 0: // the last star matches one more character
			from++
			i, j = star+1, from
		default:
			return false
		}
	}
	for i < len(p) && p[i] == '*' {
		i++
	}
	return i == len(p)
}

// CheckRoles checks role name patterns. A pattern that cannot match any role name is an
// error, because otherwise the next pattern would be used silently. Errors:
// *RolePatternError.
func CheckRoles(patterns []string) error {
	for i, pattern := range patterns {
		why := ""
		switch {
		case pattern == "":
			why = "is empty"
		case len(strings.ReplaceAll(pattern, "*", "")) > maxRole:
			why = "is longer than a role name"
		case strings.ContainsFunc(pattern, func(r rune) bool { return !isRoleRune(r) }):
			why = "has a character that role names cannot contain"
		case slices.Contains(patterns[:i], pattern):
			why = "is listed twice"
		}
		if why != "" {
			return &RolePatternError{pattern, why}
		}
	}
	return nil
}

// isRoleRune accepts the characters of an IAM role name and the wildcards.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html
func isRoleRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_+=,.@-*?", r)
}

// PreferRoles sets the patterns for preferred roles in the file at path. Without
// patterns, it removes the key. Every other byte of the file stays the same. The errors
// are those of Map, and *RolePatternError.
func PreferRoles(path string, patterns []string) error {
	if err := CheckRoles(patterns); err != nil {
		return err
	}
	return update(path, func(d *document) ([]byte, error) { return d.setRoles(patterns), nil },
		func(s *Settings) { s.Roles = patterns })
}

// setRoles returns the document with these patterns.
func (d *document) setRoles(patterns []string) []byte {
	if slices.Equal(d.settings.Roles, patterns) {
		return d.data
	}
	quoted := make([]string, len(patterns))
	for i, pattern := range patterns {
		quoted[i] = quote(pattern)
	}
	line := ""
	if len(patterns) > 0 {
		line = roles + " = [" + strings.Join(quoted, ", ") + "]"
	}
	return d.setLine(d.rolesAt, line)
}

// roles reads the list of patterns.
func (d *document) roles(e *unstable.Node) error {
	value := e.Value()
	if value.Kind != unstable.Array {
		return errRoles
	}
	for items := value.Children(); items.Next(); {
		item := items.Node()
		if item.Kind != unstable.String {
			return errRoles
		}
		d.settings.Roles = append(d.settings.Roles, string(item.Data))
	}
	d.rolesAt = span{int(e.Raw.Offset), int(e.Raw.Offset + e.Raw.Length)}
	return CheckRoles(d.settings.Roles)
}

var errRoles = errors.New(`roles is a list of role names in quotes, such as ["Push", "ReadOnly*"]`)
