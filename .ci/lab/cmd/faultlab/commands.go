//go:build linux

package main

import (
	"os"
	"strings"
	"syscall"

	"github.com/ecr-sso/docker-credential-ecr-sso/lab"
)

// settingsFiles: F-edit-1: our own settings file is broken. A typing error must not select
// other credentials.
func settingsFiles() []fault {
	row := func(id, what, text string, w want) fault {
		return fault{id: "settings-" + id, family: "F-edit-1", what: "our settings file " + what, ours: true, quick: true, want: w, set: func(s *stage) {
			s.settings(text)
			s.mustNotChange(s.settingsPath())
		}}
	}
	bad := refusal(`config\.toml`, "docker-credential-ecr-sso doctor")
	fifo := row("fifo", "is a pipe", "x", is(answered)) // an unneeded file is skipped
	fifo.set = func(s *stage) {
		s.settings("")
		s.must(os.Remove(s.settingsPath()))
		s.must(syscall.Mkfifo(s.settingsPath(), 0o600))
	}
	directory := row("directory", "is a directory", "x", is(answered))
	directory.set = func(s *stage) { s.must(os.MkdirAll(s.settingsPath(), 0o700)) }
	all := []fault{
		row("garbage", "is garbage", "\x00\xff[[[", bad), row("unknown-key", "has an unknown key", "cahce = \"none\"\n", bad),
		row("bad-value", "has an invalid value", "cache = \"maybe\"\n", bad), row("types", "has a number for a string", "cache = 1\n", bad),
		row("twice", "has a key twice", "cache = \"none\"\ncache = \"file\"\n", bad), row("large", "is 1 MB long", strings.Repeat("# x\n", 1<<18), bad),
		row("nested", "is nested 10,000 levels deep", "registries = "+strings.Repeat("[", 10_000), bad),
		row("profile-missing", "maps the registry to a profile that does not exist", "[registries]\n\""+lab.Host+"\" = \"gone\"\n", refusal(`profile "gone"`, "docker-credential-ecr-sso ")),
		row("bad-pattern", "has a pattern that matches no registry", "[registries]\n\"*.example.com\" = \"prod\"\n", want{ending: either, cause: "pattern|config", next: "docker-credential-ecr-sso "}),
		row("empty", "is empty", "", is(answered)), row("crlf-bom", "has a byte-order mark and CRLF", "\ufeffcache = \"file\"\r\n", want{ending: either, cause: "config", next: "docker-credential-ecr-sso "}),
		fifo, directory,
	}
	gone := fault{id: "settings-named-missing", family: "F-edit-1", what: "ECR_SSO_CONFIG names a file that does not exist", ours: true, quick: true, want: is(either),
		set: func(s *stage) { s.env("ECR_SSO_CONFIG=" + s.Path("gone.toml")) }}
	return append(all, gone)
}

func (s *stage) settingsPath() string { return s.Path(".config", lab.Helper, "config.toml") }

func (s *stage) settings(text string) { s.write(s.settingsPath(), text) }

// dockerFiles: F-edit-1, the writing side: configure-docker with every form of
// config.json. The helper either edits the file and preserves all other content, or
// rejects the file and leaves it unchanged.
func dockerFiles() []fault {
	host := "210987654321.dkr.ecr.eu-west-1.amazonaws.com"
	row := func(id, what string, w want, text string) fault {
		return fault{id: "docker-" + id, family: "F-edit-1", what: "Docker's config.json " + what, ours: true, quick: true, limit: local, want: w, set: func(s *stage) {
			path := s.Path(".docker", "config.json")
			s.must(os.WriteFile(path, []byte(text), 0o600))
			s.call.Args = []string{"configure-docker", host}
			if w.ending == commandOK {
				s.ignore(path)
			}
		}, verify: func(s *stage, r *row) {
			if w.ending == commandOK {
				s.editedOnly(r, text, host)
			}
		}}
	}
	ok := is(commandOK)
	no := want{ending: commandNo, cause: `config\.json`, next: "docker-credential-ecr-sso "}
	fifo := row("fifo", "is a pipe", no, "")
	fifo.set = func(s *stage) {
		s.must(os.Remove(s.Path(".docker", "config.json")))
		s.must(syscall.Mkfifo(s.Path(".docker", "config.json"), 0o600))
		s.call.Args = []string{"configure-docker", host}
	}
	return []fault{
		row("crlf", "has CRLF and tabs", ok, "{\r\n\t\"auths\": {},\r\n\t\"other\": [1, 2.50, 1e3]\r\n}\r\n"),
		row("one-line", "is one line without a newline", ok, `{"z":1,"auths":{"https://index.docker.io/v1/":{}},"a":"\u00e9"}`),
		row("big", "is 500 KB long", ok, `{"auths": {`+strings.TrimSuffix(strings.Repeat(`"https://example.com/x": {}, `, 1), ", ")+`}, "plugins": {"x": {"y": "`+strings.Repeat("z", 500_000)+`"}}}`),
		row("empty-object", "is an empty object", ok, "{}"),
		row("null-helpers", "has null for credHelpers", no, `{"credHelpers": null, "x": 1}`),
		row("comments", "has comments", no, "{\n// mine\n}"), row("trailing-comma", "has a trailing comma", no, `{"auths": {},}`),
		row("list", "is a list", no, "[]"), row("cut", "ends in the middle", no, `{"auths": {`), row("utf8", "has invalid UTF-8", ok, "{\"a\": \"\xff\"}"),
		row("nul", "has a NUL", no, "{\x00}"), row("helpers-list", "has credHelpers that are a list", no, `{"credHelpers": []}`),
		row("duplicate-keys", "has credHelpers twice", no, `{"credHelpers": {}, "credHelpers": {"x": "y"}}`),
		row("deep", "is nested 100,000 levels deep", no, strings.Repeat(`{"a":`, 100_000)),
		fifo,
	}
}

// editedOnly checks that the file now contains the host and still contains each word of
// the old text.
func (s *stage) editedOnly(r *row, before, host string) {
	text, err := os.ReadFile(s.Path(".docker", "config.json"))
	if err != nil || !strings.Contains(string(text), `"`+host+`"`) {
		r.bad(noLoss, "the host was not added: %v", err)
		return
	}
	for _, piece := range strings.FieldsFunc(before, func(c rune) bool { return strings.ContainsRune(" \t\r\n{},", c) }) {
		if !strings.Contains(string(text), piece) && piece != "null" {
			r.bad(noLoss, "%q is gone", head(piece))
		}
	}
}
