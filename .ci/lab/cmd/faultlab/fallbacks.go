//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/ecr-sso/docker-credential-ecr-sso/lab"
)

// fallbacks: F-fall-1: this helper is Docker's credsStore, and the store for the other
// registries does not work. ECR logins do not depend on it, and a store that cannot be
// started has its own error. The output of a store is not judged here: it is passed on
// byte for byte (TestTheFallbackAnswersByteForByte).
func fallbacks() []fault {
	row := func(id, what string, w want, stdin, script string) fault {
		return fault{id: "fallback-" + id, family: "F-fall-1", what: what, ours: true, quick: true, limit: network, want: w, set: func(s *stage) {
			s.settings("fallback = \"fake\"\n")
			if script != "" {
				s.script("docker-credential-fake", script+"\n")
			}
			s.call.Stdin = stdin
			s.env("PATH=" + s.dir + ":/usr/bin:/bin")
		}}
	}
	var all []fault
	for _, c := range [...]struct{ id, what, script string }{
		{"missing", "is missing", ""}, {"hangs", "hangs", "exec sleep 1000"}, {"garbage", "prints garbage", `printf '\000\377'`},
		{"empty", "prints nothing", "exit 0"}, {"killed", "is killed", "kill -9 $$"}, {"flood", "prints without end", "exec cat /dev/zero"},
		{"fails", "fails", "echo broken; exit 3"}, {"has-login", "has a login for the registry", `echo '{"ServerURL":"x","Username":"AWS","Secret":"other"}'`},
	} {
		all = append(all, row("ecr-"+c.id, "the fallback store "+c.what+", and the request is for ECR", is(answered), lab.Host, c.script))
	}
	self := row("self", "the fallback store is this program itself", refusal("is this program itself", ""), "quay.io", "")
	self.set = func(s *stage) {
		s.settings("fallback = \"fake\"\n")
		s.must(os.Symlink(s.helper.path, filepath.Join(s.dir, "docker-credential-fake")))
		s.call.Stdin = "quay.io"
		s.env("PATH=" + s.dir + ":/usr/bin:/bin")
	}
	loop := row("loop", "the fallback store calls this program", refusal("calls this helper for the same request", ""), "quay.io", "")
	loop.set = func(s *stage) {
		s.settings("fallback = \"fake\"\n")
		s.script("docker-credential-fake", "exec '"+s.helper.path+"' \"$@\"\n")
		s.call.Stdin = "quay.io"
		s.env("PATH=" + s.dir + ":/usr/bin:/bin")
	}
	open := row("open", "other users can write the settings with the fallback", refusal("the fallback of .* is ignored", "chmod go-w "), "quay.io", "echo '{}'")
	set := open.set
	open.set = func(s *stage) { set(s); s.must(os.Chmod(s.settingsPath(), 0o666)) }
	return append(all, self, loop, open,
		row("missing", "the fallback store is missing", refusal("is not on PATH", ""), "quay.io", ""),
		row("not-found", "the fallback store has no login", is(notFound), "quay.io", "echo 'credentials not found in native keychain'; exit 1"),
		row("odd-name", "an ECR host with a port is not passed to it", is(notFound), lab.Host+":8443", `echo '{"ServerURL":"x","Username":"y","Secret":"z"}'`),
	)
}

// aliases: F-alias-1: a registry with another host name.
func aliases() []fault {
	row := func(id, what string, w want, stdin string) fault {
		return fault{id: "alias-" + id, family: "F-alias-1", what: what, ours: true, quick: true, want: w, set: func(s *stage) {
			s.settings(fmt.Sprintf("[aliases]\n\"ecr.example.io\" = %q\n", lab.Host))
			s.call.Stdin = stdin
		}}
	}
	open := row("open", "other users can write the settings with the alias", refusal("the aliases of .* are ignored", "chmod go-w "), "ecr.example.io")
	set := open.set
	open.set = func(s *stage) { set(s); s.must(os.Chmod(s.settingsPath(), 0o666)) }
	star := row("star", "the alias has a star", refusal("one exact host name", ""), "a.example.io")
	star.set = func(s *stage) {
		s.settings(fmt.Sprintf("[aliases]\n\"*.example.io\" = %q\n", lab.Host))
		s.call.Stdin = "a.example.io"
	}
	noSession := row("signed-out", "an alias, without a session", refusal("not signed in", ""), "ecr.example.io")
	noSession.from = signedOut
	return []fault{
		row("named", "the request is for an alias", is(answered), "ecr.example.io"),
		row("url", "the request is for the URL of an alias", is(answered), "https://ecr.example.io/v2/"),
		row("below", "the request is for a subdomain of an alias", is(notFound), "a.ecr.example.io"),
		row("port", "the request is for another port of an alias", is(notFound), "ecr.example.io:8443"),
		row("http", "the request is for an alias over http", is(notFound), "http://ecr.example.io"),
		row("user", "an alias is the user name of a foreign host", is(notFound), "ecr.example.io@evil.example"),
		open, star, noSession,
	}
}
