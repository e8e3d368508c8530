//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/lab"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// built returns a bench and the path of our program.
func built(t *testing.T, dir string) (*lab.Bench, string) {
	t.Helper()
	bench, err := lab.NewBench(dir)
	if err != nil {
		t.Fatal(err)
	}
	real, err := lab.Build(dir)
	if err != nil {
		t.Fatal(err)
	}
	return bench, real
}

var refusing = refusal("cause", "")

// badHelpers are the test cases of TestBadHelpersAreCaught.
var badHelpers = []struct {
	name, does string // the script replaces the helper when $HOME/.bad exists
	breaks     int
	want       want
	limit      time.Duration
	calls      map[awstest.Op]int
}{
	{name: "a secret on stderr", does: `cat "$HOME"/.aws/sso/cache/*.json >&2; ask "$@"`, breaks: noLeak},
	{name: "a secret on a refusal's stdout", does: `ask "$@" | tr -d '\n'; echo; exit 1`, breaks: noLeak, want: is(either)},
	{name: "a secret in a file", does: `cp "$HOME"/.aws/sso/cache/*.json "$HOME/notes"; ask "$@"`, breaks: noLeak},
	{name: "a secret that others can read", does: `chmod 644 "$HOME"/.aws/sso/cache/*.json; ask "$@"`, breaks: noLeak},
	{name: "a secret in base64", does: `ask "$@" | sed 's/.*Secret":"//; s/".*//' | tr -d '\n' | base64 -w0 >"$HOME/notes"; ask "$@"`, breaks: noLeak},
	{name: "a refresh token lost", does: `ask "$@"; rm "$HOME"/.aws/sso/cache/*.json`, breaks: noLoss},
	{name: "a refresh token used without effect", does: `f=$(echo "$HOME"/.aws/sso/cache/*.json); sed -i 's/"expiresAt": "20../"expiresAt": "2001/' "$f"; cp "$f" "$HOME/../old"; ask "$@"; mv "$HOME/../old" "$f"`, breaks: noLoss},
	{name: "another registry's login lost", does: `rm "$HOME"/.cache/docker-credential-ecr-sso/*.json; ask "$@"`, breaks: noLoss},
	{name: "the AWS configuration touched", does: `echo >>"$HOME/.aws/config"; ask "$@"`, breaks: noLoss},
	{name: "Docker's configuration made readable", does: `chmod 644 "$HOME/.docker/config.json"; ask "$@"`, breaks: noLoss},
	{name: "a temporary file left", does: `: >"$HOME/.aws/.tmp-0123456789abcdef"; ask "$@"`, breaks: noLoss},
	{name: "a file in the shared temporary directory", does: `: >"$TMPDIR/log"; ask "$@"`, breaks: noLoss},
	{name: "too slow", does: `sleep 2; ask "$@"`, breaks: bounded, limit: time.Second},
	{name: "never ends", does: `exec sleep 60`, breaks: bounded, limit: time.Second},
	{name: "too large", does: `x=$(head -c 90000000 /dev/zero | tr '\0' x); ask "$@"`, breaks: bounded},
	{name: "too many calls", does: `ask "$@" >/dev/null; rm "$HOME"/.cache/docker-credential-ecr-sso/*.json; ask "$@"`, breaks: bounded, calls: map[awstest.Op]int{awstest.ECR: 1}},
	{name: "two answers", does: `ask "$@"; ask "$@"`, breaks: protocol},
	{name: "no answer", does: `exit 0`, breaks: protocol},
	{name: "half an answer", does: `ask "$@" | head -c 100; exit 0`, breaks: protocol},
	{name: "a login that AWS did not issue", does: `echo '{"ServerURL":"` + lab.Host + `","Username":"AWS","Secret":"guess"}'`, breaks: protocol},
	{name: "an answer for another host", does: `ask "$@" | sed 's/us-east-1/us-east-2/'`, breaks: protocol},
	{name: "output on stderr with an answer", does: `echo hello >&2; ask "$@"`, breaks: protocol},
	{name: "an answer instead of a refusal", does: `ask "$@"`, breaks: protocol, want: refusing},
	{name: "a panic", does: `echo 'panic: nil' >&2; exit 2`, breaks: protocol, want: refusing},
	{name: "two lines", does: `printf 'cause; run: docker-credential-ecr-sso x\nmore\n'; exit 1`, breaks: protocol, want: refusing},
	{name: "an escape sequence", does: `printf 'cause\033[2J; run: docker-credential-ecr-sso x\n'; exit 1`, breaks: protocol, want: refusing},
	{name: "a refusal instead of a login", does: `echo 'cause; run: docker-credential-ecr-sso x' | tee /dev/stderr; exit 1`, breaks: protocol},
	{name: "not found", does: `echo 'credentials not found in native keychain'; exit 1`, breaks: explained, want: refusing},
	{name: "no command", does: `echo 'cause' | tee /dev/stderr; exit 1`, breaks: explained, want: refusing},
	{name: "no cause", does: `echo 'oops; run: docker-credential-ecr-sso x' | tee /dev/stderr; exit 1`, breaks: explained, want: refusing},
	{name: "none of these", does: `ask "$@"`, breaks: -1},
	{name: "nor these", does: `echo 'cause; run: docker-credential-ecr-sso x' | tee /dev/stderr; exit 1`, breaks: -1, want: refusing},
}

// A lab that cannot fail proves nothing. Each helper in this test has one fault, and one
// invariant must catch it.
func TestBadHelpersAreCaught(t *testing.T) {
	dir := t.TempDir()
	bench, real := built(t, dir)
	for _, bad := range badHelpers {
		t.Run(bad.name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			script := filepath.Join(root, "helper")
			text := "#!/bin/bash\nreal='" + real + "'\n[ -e \"$HOME/.bad\" ] || exec \"$real\" \"$@\"\nin=$(cat)\n" +
				"ask() { printf %s \"$in\" | \"$real\" \"$@\"; }\n" + bad.does + "\n"
			if err := awstest.WriteProgram(script, []byte(text)); err != nil {
				t.Fatal(err)
			}
			f := fault{id: "bad", family: "bad", want: bad.want, limit: bad.limit, calls: bad.calls, set: func(s *stage) { s.write(s.Path(".bad"), "") }}
			r, err := runOne(&f, ours(script), bench, root)
			if err != nil {
				t.Fatal(err)
			}
			if bad.breaks < 0 {
				if !r.passed() {
					t.Errorf("a correct helper is reported: %q", r.faults)
				}
				return
			}
			if len(r.faults[bad.breaks]) == 0 {
				t.Errorf("I%d is not reported as broken: %q; output %q", bad.breaks+1, r.faults, r.said)
			}
		})
	}
}

// A name's two addresses behave as specified.
func TestNameWithTwoAddresses(t *testing.T) {
	s := &stage{}
	defer s.close()
	target := s.listen(func(c net.Conn) { _, _ = io.WriteString(c, "here") })
	for _, sides := range [][2]side{{alive, dead}, {dead, alive}, {closed, alive}, {alive, closed}} {
		u, err := url.Parse(s.movedTo("name.test", "http://"+target, sides[0], sides[1]))
		if err != nil {
			t.Fatal(err)
		}
		if s.cannot != "" {
			t.Skip(s.cannot)
		}
		for i, address := range []string{"127.0.0.1", "::1"} {
			c, err := net.DialTimeout("tcp", net.JoinHostPort(address, u.Port()), 500*time.Millisecond)
			slow, _ := errors.AsType[net.Error](err)
			switch sides[i] {
			case alive:
				if err != nil {
					t.Errorf("%s: %v", address, err)
				} else if text, err := io.ReadAll(c); string(text) != "here" {
					t.Errorf("%s: %q, %v", address, text, err)
				}
			case dead:
				if slow == nil || !slow.Timeout() {
					t.Errorf("%s: %v, want a timeout", address, err)
				}
			case closed:
				if !errors.Is(err, syscall.ECONNREFUSED) {
					t.Errorf("%s: %v, want a refusal", address, err)
				}
			}
		}
	}
}

func TestTableIsComplete(t *testing.T) {
	seen := map[string]bool{}
	id := regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	family := regexp.MustCompile(`^F-[a-z]+-\d+$`)
	for _, f := range table() {
		if !id.MatchString(f.id) || !family.MatchString(f.family) || f.what == "" || seen[f.id] {
			t.Errorf("%q (%s): the id or family is malformed, the text is missing, or the id is a duplicate", f.id, f.family)
		}
		seen[f.id] = true
		for _, pattern := range []string{f.want.cause, f.want.next, f.want.warns} {
			if _, err := regexp.Compile(pattern); err != nil {
				t.Errorf("%s: %v", f.id, err)
			}
		}
	}
	if len(seen) < 150 {
		t.Errorf("%d faults", len(seen))
	}
}

// The page describes each family.
func TestEachFamilyIsDocumented(t *testing.T) {
	page, err := os.ReadFile(filepath.FromSlash("../../../../docs/reliability.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, legend, _ := strings.Cut(string(page), "\n| family | what goes wrong |\n")
	legend, _, _ = strings.Cut(legend, "\n\n")
	used := map[string]bool{}
	for _, f := range table() {
		used[f.family] = true
	}
	for family := range used {
		if !strings.Contains(legend, "\n| "+family+" | ") {
			t.Errorf("%s has no row in the legend", family)
		}
	}
	if rows := strings.Count(legend, "\n| F-"); rows != len(used) {
		t.Errorf("%d rows for %d families", rows, len(used))
	}
}

func TestPageIsWritten(t *testing.T) {
	page := filepath.Join(t.TempDir(), "page.md")
	all := []report{
		{Helper: "a", Run: 2, Passed: 1, Faults: []faultReport{{ID: "x", Family: "F-a-1"}, {ID: "y", Family: "F-a-1", Broken: [][]string{{"z"}}}}},
		{Helper: "b", NotRun: 2, Faults: []faultReport{{ID: "x", Family: "F-a-1", Skipped: "n/a"}, {ID: "y", Family: "F-a-1", Skipped: "n/a"}}},
	}
	if err := os.WriteFile(page, []byte("# Page\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if writePage(page, all) == nil {
		t.Error("a page without the markers is accepted")
	}
	if err := os.WriteFile(page, []byte("# Page\n"+"<!-- faultlab -->\n"+"old\n"+"<!-- /faultlab -->\n"+"tail\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := writePage(page, all); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"# Page\n" + "<!-- faultlab -->\n", "| faults run | 2 | 0 |", "| F-a-1 | 1 of 2 | n/a |", "<!-- /faultlab -->\n" + "tail\n"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(string(text), "old") || strings.Count(string(text), "<!-- faultlab -->\n") != 1 {
		t.Errorf("%s", text)
	}
}

func TestFlags(t *testing.T) {
	var out bytes.Buffer
	if code, err := run([]string{"-list", "-run", "^F-cache-3$"}, &out, io.Discard); code != 0 || err != nil || !strings.HasPrefix(out.String(), "F-cache-3") {
		t.Errorf("%d, %v: %s", code, err, out.String())
	}
	if _, err := run([]string{"-run", "unknown fault"}, &out, io.Discard); err == nil {
		t.Error("a pattern without a match is accepted")
	}
	if _, err := run([]string{"-run", "("}, &out, io.Discard); err == nil {
		t.Error("an invalid pattern is accepted")
	}
}

func TestUntilEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if until(ctx, func() bool { return false }) {
		t.Error("done?")
	}
}
