package settings

import (
	"errors"
	"strings"
	"testing"
)

const (
	host  = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
	other = "210987654321.dkr.ecr.eu-west-1.amazonaws.com"
)

func TestMatchOfOnePattern(t *testing.T) {
	for pattern, want := range map[string]bool{
		host:                                   true,
		strings.ToUpper(host):                  true,
		"*.dkr.ecr.*.amazonaws.com":            true,
		"*.*.*.*.*.*":                          true,
		"123456789012.dkr.ecr.*.amazonaws.com": true,
		"123456789012.dkr.ecr.eu-*.amazonaws.com":        true,
		"123456789012.dkr.ecr.*-west-*.amazonaws.com":    true,
		"123456789012.dkr.ecr.eu-west-1*.*amazonaws.com": true,
		"1234*.dkr.ecr.eu-west-1.amazonaws.com":          true,
		"1*2*2.dkr.ecr.eu-west-1.amazonaws.com":          true,
		"*12.dkr.ecr.eu-west-1.amazonaws.com":            true,
		other:                                            false,
		"*.amazonaws.com":                                false,
		"*.com":                                          false,
		"*":                                              false,
		"123456789012.*":                                 false,
		"123456789012.dkr.ecr.*":                         false,
		"123456789012.dkr.ecr.eu-west-1.amazonaws.co":    false,
		"123456789012.dkr.ecr.us-*.amazonaws.com":        false,
		"*3.dkr.ecr.eu-west-1.amazonaws.com":             false,
		"*.dkr.ecr.eu-west-1.amazonaws.com.*":            false,
		"x*.dkr.ecr.eu-west-1.amazonaws.com":             false,
		"*.dkr-ecr.*.on.aws":                             false,
		"":                                               false,
	} {
		t.Run(pattern, func(t *testing.T) {
			s := Settings{Registries: map[string]string{pattern: "p"}}
			profile, got, ok := s.Match(strings.ToUpper(host[:20]) + host[20:])
			if ok != want || ok && (profile != "p" || got != pattern) {
				t.Errorf("got %q, %q, %v", profile, got, ok)
			}
		})
	}
}

func TestMostSpecificPatternWins(t *testing.T) {
	// In order: each pattern has precedence over all later patterns.
	ranked := []string{
		host,
		"123456789012.dkr.ecr.eu-west-*.amazonaws.com",
		"123456789012.dkr.ecr.eu-*.amazonaws.com",
		"123456789012.dkr.ecr.*.amazonaws.com",
		"*.dkr.ecr.eu-west-1.amazonaws.com", // 32 literal characters, as in the next pattern, but fewer stars
		"*.dk*.ecr.eu-west-1.amazonaws.com",
		"1*.dkr.ecr.*.amazonaws.com",
		"*.dkr.ecr.*.amazonaws.com",
		"*.dkr.ecr.*.*.com",
		"*.*.*.*.*.*",
	}
	for i := range ranked {
		s := Settings{Registries: map[string]string{}}
		for _, p := range ranked[i:] {
			s.Registries[p] = "profile of " + p
		}
		for range 5 { // map order must not matter
			profile, pattern, ok := s.Match(host)
			if !ok || pattern != ranked[i] || profile != "profile of "+pattern {
				t.Errorf("%q won over %q", pattern, ranked[i])
			}
		}
	}
	s := Settings{Registries: map[string]string{
		"*23456789012.dkr.ecr.eu-west-1.amazonaws.com": "b", "1*3456789012.dkr.ecr.eu-west-1.amazonaws.com": "c",
	}}
	if profile, _, _ := s.Match(host); profile != "b" {
		t.Errorf("got %q: between equal patterns, the first in the alphabet wins", profile)
	}
	if _, _, ok := (Settings{}).Match(host); ok {
		t.Error("empty settings match a host")
	}
}

func TestCheckPattern(t *testing.T) {
	for pattern, good := range map[string]bool{
		host: true, strings.ToUpper(host): true, "public.ecr.aws": true, "*.dkr.ecr.*.amazonaws.com": true,
		"*.dkr-ecr.*.on.aws": true, "1*2.dkr.ecr*.eu-*.amazonaws.com": true,
		"my-mirror.example.com": false, "*.amazonaws.com": false, "12345678901.dkr.ecr.us-east-1.amazonaws.com": false,
		"*.dkr.ecr.us-east1.amazonaws.com": false, "*.dkr.ecr.*.amazonaws.co": false,
		"": false, " ": false, "a b.c": false, " a.b": false, "a.b\n": false, "a.b\x00": false,
		"https://a.b": false, "a.b/c": false, "a.b/": false, "a.b:443": false, "**.a": false, "a.**": false,
		"a***b.c": false, "*": false, "localhost": false, ".a.b": false, "a.b.": false, "a..b": false,
		"ä.b": false, "a.b?": false, "[ab].c": false, `a"b.c`: false, `a\b.c`: false, "user@a.b": false,
		strings.Repeat("a.", 126) + "aa": false, strings.Repeat("a.", 126) + "a": false, "a.\xff": false,
	} {
		t.Run(pattern, func(t *testing.T) {
			got, err := checkPattern(pattern)
			if (err == nil) != good {
				t.Fatalf("error = %v", err)
			}
			if good && got != strings.ToLower(pattern) {
				t.Errorf("folded to %q", got)
			}
			if bad, ok := errors.AsType[*PatternError](err); !good && (!ok || bad.Pattern != pattern || bad.Why == "") {
				t.Errorf("error = %#v", err)
			}
		})
	}
}

// FuzzMatch compares the matcher with a simple one that works label by label and tries
// every split.
func FuzzMatch(f *testing.F) {
	f.Add("*.dkr.ecr.*.amazonaws.com", host)
	f.Add("1*2*2.dkr.ecr.eu-west-1.amazonaws.com", host)
	f.Add("a*.b", "aaa.b")
	f.Fuzz(func(t *testing.T, pattern, host string) {
		labels, wanted := strings.Split(host, "."), strings.Split(pattern, ".")
		want := len(labels) == len(wanted) && !strings.Contains(host, "*")
		for i := 0; want && i < len(labels); i++ {
			want = slowly(wanted[i], labels[i])
		}
		if got := matches(pattern, host); got != want && !strings.Contains(host, "*") {
			t.Errorf("matches(%q, %q) = %v", pattern, host, got)
		}
	})
}

// slowly matches a pattern byte by byte: fits[i] reports whether the pattern so far
// matches label[:i].
func slowly(pattern, label string) bool {
	fits := make([]bool, len(label)+1)
	fits[0] = true
	for _, c := range []byte(pattern) {
		next := make([]bool, len(fits))
		for i := range fits {
			if c == '*' {
				next[i] = fits[i] || i > 0 && next[i-1]
			} else {
				next[i] = i > 0 && fits[i-1] && label[i-1] == c
			}
		}
		fits = next
	}
	return fits[len(label)]
}
