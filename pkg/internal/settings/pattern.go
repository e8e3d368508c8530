package settings

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

// PatternError means that a text is not a host pattern.
type PatternError struct{ Pattern, Why string }

func (e *PatternError) Error() string { return fmt.Sprintf("pattern %q %s", e.Pattern, e.Why) }

// Match returns the profile that is mapped to a registry host, and the pattern. A * in a
// pattern matches a label or characters of a label, never a dot. The most specific
// pattern wins: the exact host, then the most literal characters, then the fewest stars,
// then the first in alphabetical order.
func (s Settings) Match(host string) (profile, pattern string, ok bool) {
	host = fold(host)
	var found []string
	for pattern := range s.Registries {
		if matches(fold(pattern), host) {
			found = append(found, pattern)
		}
	}
	if len(found) == 0 {
		return "", "", false
	}
	pattern = slices.MinFunc(found, bySpecificity)
	return s.Registries[pattern], pattern, true
}

// bySpecificity sorts the more specific pattern first.
func bySpecificity(a, b string) int {
	starsA, starsB := strings.Count(a, "*"), strings.Count(b, "*")
	return cmp.Or(
		cmp.Compare(min(starsA, 1), min(starsB, 1)),
		cmp.Compare(len(b)-starsB, len(a)-starsA),
		cmp.Compare(starsA, starsB),
		strings.Compare(a, b),
	)
}

// matches compares from left to right. After a mismatch the last star matches one more
// character, unless that is a dot.
func matches(pattern, host string) bool {
	p, h := 0, 0
	star, from := -1, 0
	for h < len(host) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, h
			p++
		case p < len(pattern) && pattern[p] == host[h]:
			p++
			h++
		case star >= 0 && host[from] != '.':
			from++
			p, h = star+1, from
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// checkPattern returns the pattern in lower case, or a *PatternError. It refuses a
// pattern that no ECR host can match, because the next rule would then be selected
// silently.
func checkPattern(pattern string) (string, error) {
	why := ""
	switch {
	case pattern == "":
		why = "is empty"
	case len(pattern) > 253:
		why = "is longer than a host name"
	case strings.Contains(pattern, "://"):
		why = "has a scheme; write the host alone"
	case strings.Contains(pattern, "/"):
		why = "has a path; write the host alone"
	case strings.Contains(pattern, ":"):
		why = "has a port; write the host alone"
	case strings.Contains(pattern, "**"):
		why = "has **; one * stands within one label"
	case strings.ContainsFunc(pattern, func(r rune) bool { return !isHostRune(r) }):
		why = "has a character that is in no host name"
	case !strings.Contains(pattern, "."):
		why = "has one label only; * does not match a dot"
	case strings.HasPrefix(pattern, "."), strings.HasSuffix(pattern, "."), strings.Contains(pattern, ".."):
		why = "has an empty label"
	}
	if why == "" && !registry.CanMatch(pattern) {
		why = "matches no ECR registry (ACCOUNT.dkr.ecr.REGION.amazonaws.com, 12 digits in front)"
	}
	if why != "" {
		return "", &PatternError{Pattern: pattern, Why: why}
	}
	return fold(pattern), nil
}

func isHostRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' ||
		r == '.' || r == '-' || r == '_' || r == '*'
}

// fold returns s with A-Z in lower case, because host names ignore case.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

func checkProfile(profile string) error {
	switch {
	case profile == "":
		return errors.New("the profile's name is empty")
	case !utf8.ValidString(profile) || strings.ContainsFunc(profile, hint.Unprintable):
		return fmt.Errorf("the profile's name %q has a control character or an invisible one", profile)
	}
	return nil
}
