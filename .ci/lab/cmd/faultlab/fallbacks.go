//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/lab"
)

// viaFallback returns a fault that sends a request with this shell script as the fallback
// store. Without a script, the store does not exist.
func viaFallback(id, what string, w want, stdin, script string) fault {
	return fault{id: "fallback-" + id, family: "F-fall-1", what: what, ours: true, quick: true, limit: network, want: w, set: func(s *stage) {
		s.settings("fallback = \"fake\"\n")
		if script != "" {
			s.script("docker-credential-fake", script+"\n")
		}
		s.call.Stdin = stdin
		s.env("PATH=" + s.dir + ":/usr/bin:/bin")
	}}
}

// fallbacks: F-fall-1: this helper is Docker's credsStore, and the fallback store for
// non-ECR registries does not work. ECR logins do not depend on the store. A store that
// cannot be started has its own error. The helper passes on a store's output byte for
// byte.
func fallbacks() []fault {
	row := viaFallback
	all := append(handedOver(), fallbackLists()...)
	for _, c := range [...]struct{ id, what, script string }{
		{"missing", "is missing", ""}, {"hangs", "hangs", "exec sleep 1000"}, {"garbage", "prints garbage", `printf '\000\377'`},
		{"empty", "prints nothing", "exit 0"}, {"killed", "is killed", "kill -9 $$"}, {"flood", "prints without end", "exec cat /dev/zero"},
		{"fails", "fails", "echo broken; exit 3"}, {"has-login", "has a login for the registry", `echo '{"ServerURL":"x","Username":"AWS","Secret":"other"}'`},
	} {
		all = append(all, row("ecr-"+c.id, "the fallback store "+c.what+", and the request is for ECR", is(answered), lab.Host, c.script))
	}
	self := row("self", "the fallback store is this program itself", refusal("is this program itself", ""), "quay.io", "")
	set := self.set
	self.set = func(s *stage) {
		set(s)
		s.must(os.Symlink(s.helper.path, filepath.Join(s.dir, "docker-credential-fake")))
	}
	loop := row("loop", "the fallback store calls this program", refusal("calls this helper for the same request", ""), "quay.io", "")
	loop.set = func(s *stage) {
		set(s)
		s.script("docker-credential-fake", "exec '"+s.helper.path+"' \"$@\"\n")
	}
	open := row("open", "other users can write the settings with the fallback", refusal("the fallback of .* is ignored", "chmod go-w "), "quay.io", "")
	open.set = func(s *stage) { set(s); s.must(os.Chmod(s.settingsPath(), 0o666)) }
	return append(all, self, loop, open,
		row("missing", "the fallback store is missing", refusal("is not on PATH", ""), "quay.io", ""),
		row("not-found", "the fallback store has no login", is(notFound), "quay.io", "echo 'credentials not found in native keychain'; exit 1"),
		row("odd-name", "an ECR host with a port is not passed to it", is(notFound), lab.Host+":8443", `echo '{"ServerURL":"x","Username":"y","Secret":"z"}'`),
	)
}

// handedOver returns faults with a request for a non-ECR registry. The client gets the
// store's exact output and its exit status.
func handedOver() []fault {
	row := func(id, what, script, out string, code int, signal syscall.Signal) fault {
		f := viaFallback("theirs-"+id, "the fallback store "+what+", and the request is for another registry", is(handed), "quay.io", script)
		f.verify = func(_ *stage, r *row) {
			if got := r.result; got.Stdout != out || got.Stderr != "" || got.Code != code || got.Signal != signal {
				r.bad(protocol, "not the store's answer: %q, %q, status %d, signal %d", head(got.Stdout), head(got.Stderr), got.Code, got.Signal)
			}
		}
		return f
	}
	huge := 8 << 20
	hangs := viaFallback("theirs-hangs", "the fallback store hangs, the request is for another registry, and the client ends it", want{ending: stopped, signal: syscall.SIGTERM},
		"quay.io", `: >"$0.started"; exec sleep 1000`)
	set := hangs.set
	hangs.set = func(s *stage) {
		set(s)
		s.call.During = func(ctx context.Context, pid int) {
			until(ctx, func() bool {
				_, err := os.Stat(filepath.Join(s.dir, "docker-credential-fake.started"))
				return err == nil
			})
			s.sent = time.Now()
			_ = syscall.Kill(pid, syscall.SIGTERM)
		}
	}
	hangs.verify = promptly
	return []fault{
		hangs,
		row("garbage", "prints garbage", `printf '\000\377'; exit 3`, "\x00\xff", 3, 0),
		row("empty", "prints nothing and succeeds", "exit 0", "", 0, 0),
		row("no-json", "prints no JSON and succeeds", "echo done", "done\n", 0, 0),
		row("killed", "is killed", "echo half; kill -9 $$", "half\n", -1, syscall.SIGKILL),
		row("huge", "prints 8 MiB", fmt.Sprintf("head -c %d /dev/zero", huge), strings.Repeat("\x00", huge), 0, 0),
	}
}

// fallbackLists returns faults with a list request that the store cannot answer.
func fallbackLists() []fault {
	row := func(id, what string, w want, script string) fault {
		f := viaFallback("list-"+id, "the fallback store "+what+", and the request is a list", w, "", script)
		set := f.set
		f.set = func(s *stage) { set(s); s.call.Args = []string{"list"} }
		return f
	}
	no := refusal("docker-credential-fake, the fallback store, printed no list", "docker-credential-fake list")
	return []fault{
		row("missing", "is missing", refusal("is not on PATH", ""), ""),
		row("garbage", "prints garbage", no, `printf '\000\377'`), row("empty", "prints nothing", no, "exit 0"),
		row("no-json", "prints an array", no, "echo '[]'"), row("flood", "prints without end", no, "exec cat /dev/zero"),
	}
}

// aliases: F-alias-1: a registry with an alias as its host name.
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
