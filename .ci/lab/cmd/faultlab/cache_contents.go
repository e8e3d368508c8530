//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/ecr-sso/docker-credential-ecr-sso/lab"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// cacheContents: F-cache-1: the file of a cached login is damaged. The helper fetches and
// caches the login again.
func cacheContents() []fault {
	becomes := func(id, what string, change func(text string) string) fault {
		return fault{id: "cache-" + id, family: "F-cache-1", what: "the cached login's file " + what, from: warmed, want: is(answered),
			quick: true, after: cachedAgain, set: func(s *stage) {
				s.change(change)
				s.ignore(s.entries...)
				if s.helper.shares {
					s.other = "" // the fault has also damaged the other login
				}
			}}
	}
	as := func(id, what, text string) fault { return becomes(id, what, func(string) string { return text }) }
	all := []fault{
		as("empty", "is empty", ""),
		becomes("cut", "ends in the middle", func(t string) string { return t[:len(t)/2] }),
		becomes("cut-early", "ends after one byte", func(t string) string { return t[:1] }),
		as("garbage", "contains random bytes", "\x00\x01\xfe\xff garbage \x1b[31m"),
		as("text", "contains a sentence", "see you later\n"),
		as("null", "is null", "null"),
		as("true", "is true", "true"),
		as("number", "is a number", "1e999"),
		as("string", "is a string", `"{}"`),
		as("list", "is a list", "[]"),
		as("object", "is an empty object", "{}"),
		becomes("null-members", "has null for each value", nulls),
		becomes("numbers", "has numbers for each string", func(t string) string { return quoted.ReplaceAllString(t, ":1") }),
		becomes("lists", "has lists for each string", func(t string) string { return quoted.ReplaceAllString(t, `:["x"]`) }),
		becomes("twice", "contains its object twice", func(t string) string { return t + t }),
		becomes("duplicate-keys", "has every key twice, the second empty", func(t string) string {
			return strings.Replace(t, "{", `{"password":"","host":"","Registries":null,`, 1) + " "
		}),
		as("deep", "is nested 100,000 levels deep", strings.Repeat("[", 100_000)),
		as("deep-closed", "is nested 100,000 levels deep, and closed", strings.Repeat(`{"a":`, 100_000)+"1"+strings.Repeat("}", 100_000)),
		becomes("utf8", "has invalid UTF-8 in its strings", func(t string) string { return quoted.ReplaceAllString(t, ":\"\xff\xfe\"") }),
		becomes("bom", "begins with a byte-order mark", func(t string) string { return "\ufeff" + t }),
		becomes("utf16", "is UTF-16", func(t string) string { return "\xff\xfe" + strings.Join(strings.Split(t, ""), "\x00") + "\x00" }),
		becomes("nul-tail", "has its second half zeroed, as after a power cut", func(t string) string {
			return t[:len(t)/2] + strings.Repeat("\x00", len(t)-len(t)/2)
		}),
		as("html", "is a web page", "<!DOCTYPE html><html></html>"),
	}
	return append(all, cacheSizes()...)
}

// cacheSizes: F-cache-2 and 3.
func cacheSizes() []fault {
	return []fault{
		{id: "cache-300-mb", family: "F-cache-2", what: "the cached login's file is valid and 300 MB long", from: warmed, want: is(answered),
			set: func(s *stage) { s.pad(300 << 20) }},
		{id: "cache-2-mb", family: "F-cache-2", what: "the cached login's file is valid and 2 MB long", from: warmed, want: is(answered), quick: true,
			set: func(s *stage) { s.pad(2 << 20) }, after: cachedAgain},
		{id: "cache-sparse", family: "F-cache-2", what: "the cached login's file is 1 TiB long and sparse", from: warmed, want: is(answered), quick: true,
			set: func(s *stage) {
				for _, path := range s.entries {
					s.must(os.Truncate(path, 1<<40))
				}
			}},
		{id: "cache-newer", family: "F-cache-3", what: "a newer version wrote the cache", from: warmed, want: is(answered), quick: true,
			set: newerVersion},
	}
}

// newerVersion changes the cache as if a newer version had written it.
// amazon-ecr-credential-helper has a version number in its only file. Our helper has one
// in each file name.
func newerVersion(s *stage) {
	if s.helper.shares {
		s.change(func(t string) string { return strings.Replace(t, `"Version":"1.0"`, `"Version":"2.0"`, 1) })
		return
	}
	version := regexp.MustCompile(`\.(v|warm)([0-9]+)(\.|$)`)
	for _, path := range s.entries {
		text, err := os.ReadFile(path)
		s.must(err)
		newer := version.ReplaceAllString(path, ".${1}9$2$3")
		if newer == path {
			s.must(errors.New("no version in the name of " + path))
		}
		s.must(os.Rename(path, newer))
		s.write(newer, string(text))
		s.mustNotChange(newer)
	}
}

// change rewrites the files of the cached login.
func (s *stage) change(how func(string) string) {
	if len(s.entries) == 0 {
		s.must(errors.New("nothing is cached"))
	}
	for _, path := range s.entries {
		text, err := os.ReadFile(path)
		s.must(err)
		s.must(os.WriteFile(path, []byte(how(string(text))), 0o600))
	}
}

// pad lengthens the cached login's files with spaces before the last brace.
func (s *stage) pad(size int) {
	for _, path := range s.entries {
		text, err := os.ReadFile(path)
		s.must(err)
		at := strings.LastIndexByte(string(text), '}')
		if at < 0 {
			at = len(text)
		}
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
		s.must(err)
		_, err = f.Write(text[:at])
		s.must(err)
		blanks := []byte(strings.Repeat(" ", 1<<20))
		for left := size; left > 0; left -= len(blanks) {
			_, err = f.Write(blanks)
			s.must(err)
		}
		_, err = f.Write(text[at:])
		s.must(err)
		s.must(f.Close())
	}
}

// cachedAgain checks that the fault caused only one ECR login. The next get must be
// answered from the cache.
func cachedAgain(s *stage) error {
	s.AWS.ResetLog()
	r, err := s.again(lab.Host)
	switch {
	case err != nil:
		return err
	case r.Code != 0:
		return fmt.Errorf("the next get fails: %s", head(r.Stdout+r.Stderr))
	case s.AWS.Calls(awstest.Any) > 0 && s.helper.cli == "":
		return errors.New("the next get is not answered from the cache")
	}
	return nil
}

// works checks that the next get is answered.
func works(s *stage) error {
	r, err := s.again(lab.Host)
	if err == nil && r.Code != 0 {
		err = fmt.Errorf("the next get fails: %s", head(r.Stdout+r.Stderr))
	}
	return err
}
