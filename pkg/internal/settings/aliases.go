package settings

import (
	"fmt"
	"maps"
	"strings"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

// AliasError means that a text cannot be an alias, or that an alias cannot refer to a
// registry.
type AliasError struct{ Alias, Why string }

func (e *AliasError) Error() string { return fmt.Sprintf("alias %q %s", e.Alias, e.Why) }

// Registry parses a server URL that names a registry or an alias of a registry. alias is
// the alias in its settings form, or "" if there is none. The error is that of
// registry.Parse, or Ignored for an alias that is not used. A login goes to an alias only
// if the user named exactly this host and port: there are no patterns, and nothing is
// corrected.
func (s Settings) Registry(serverURL string) (reg registry.Registry, alias string, err error) {
	reg, err = registry.Parse(serverURL)
	if err == nil || len(s.Aliases)+len(s.IgnoredAliases) == 0 || insecure(serverURL) {
		return reg, "", err
	}
	host, ok := registry.Host(serverURL)
	if _, ignored := s.IgnoredAliases[host]; ok && ignored {
		return reg, "", s.Ignored
	}
	target, named := s.Aliases[host]
	if !ok || !named {
		return reg, "", err
	}
	reg, err = registry.Parse(target)
	return reg, host, err
}

// insecure reports whether a server URL has a scheme other than https.
func insecure(serverURL string) bool {
	scheme, _, found := strings.Cut(serverURL, "://")
	return found && !strings.EqualFold(scheme, "https")
}

// checkAlias returns the alias in the form that Registry looks up, and the registry's
// host.
func checkAlias(alias, host string) (string, string, error) {
	name, ok := registry.Host(alias)
	why := ""
	_, notECR := registry.Parse(alias)
	switch {
	case !ok || len(name) > 253:
		why = "is not a host name"
	case strings.Contains(alias, "*"):
		why = "has a *: an alias is one exact host name"
	case strings.Contains(alias, "://"):
		why = "has a scheme; write the host alone"
	case strings.Contains(alias, "/"):
		why = "has a path; write the host alone"
	case !isHostPort(name):
		why = "is not a host name"
	case notECR == nil:
		why = "is an ECR registry, which needs no alias"
	case registry.Resembles(alias) && strings.Contains(name, ":"):
		why = "is the name of an ECR endpoint with a port"
	}
	reg, err := registry.Parse(host)
	if why == "" && (err != nil || reg.Host != fold(host)) {
		why = fmt.Sprintf("is set to %q, which is not the host name of an ECR registry", host)
	}
	if why != "" {
		return "", "", &AliasError{alias, why}
	}
	return name, reg.Host, nil
}

// isHostPort accepts host names of letters, digits and hyphens, with or without a port.
func isHostPort(s string) bool {
	host, port, found := strings.Cut(s, ":")
	if found && (port == "" || len(port) > 5 || strings.Trim(port, "0123456789") != "") {
		return false
	}
	for _, label := range strings.Split(host, ".") {
		if label == "" || len(label) > 63 || strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-") ||
			strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return false
		}
	}
	return true
}

// IsAliasOf reports whether two arguments of `map` are an alias and a registry instead of
// a host pattern and a profile.
func IsAliasOf(alias, host string) bool {
	_, notECR := registry.Parse(host)
	return notECR == nil && !registry.CanMatch(alias)
}

// MapAlias adds an alias to the file at path, in the same way as Map adds a mapping. The
// errors are those of Map, and *AliasError.
func MapAlias(path, alias, host string) error {
	alias, host, err := checkAlias(alias, host)
	if err != nil {
		return err
	}
	return update(path, func(d *document) ([]byte, error) { return d.set(aliases, alias, host) },
		func(s *Settings) { s.Aliases = maps.Clone(s.Aliases); s.Aliases[alias] = host })
}

// UnmapAlias removes an alias and reports whether it existed. The errors are those of
// Map.
func UnmapAlias(path, alias string) (bool, error) {
	alias, _ = registry.Host(alias)
	found := false
	err := update(path, func(d *document) ([]byte, error) {
		_, found = d.settings.Aliases[alias]
		return d.drop(aliases, alias)
	}, func(s *Settings) { s.Aliases = maps.Clone(s.Aliases); delete(s.Aliases, alias) })
	return found && err == nil, err
}
