//go:build e2e && linux

package e2e

import (
	"bufio"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// client is a program that pushes and pulls with the helper. All clients run the same
// scenario, and the user-visible output is recorded in docs/clients.md.
type client struct {
	name    string // the name in the table row
	from    string // the source of the program, such as "Debian 12"
	version string
	push    func(w *world, ref string) result // of an image that is not in the registry yet
	pull    func(w *world, ref string) result
}

// walk runs the scenario: a cold push, a warm pull and push, and an expired session.
func (c client) walk(t *testing.T, start func(t *testing.T) *world) {
	t.Helper()
	ref := registry + "/clients/" + strings.ReplaceAll(c.name, " ", "-") + ":v1"
	w := start(t)
	w.signIn()
	w.mustSucceed("push", c.push(w, ref))
	seen := record{client: c, push: w.asked()}
	w.calls(map[awstest.Op]int{awstest.OIDC: 0, awstest.GetRoleCredentials: 1, awstest.GetAuthorizationToken: 1})

	w.mustSucceed("pull", c.pull(w, ref))
	seen.pull = w.asked()
	w.mustSucceed("second push", c.push(w, ref))
	w.calls(quiet)

	w = start(t)
	w.keepExpired(2*time.Hour, false)
	r := c.push(w, ref)
	if r.code == 0 {
		t.Error("the push succeeded with an expired session")
	}
	if line := wantLine(t, r.stderr, `SSO session "corp" expired 2h ago; run: docker-credential-ecr-sso login --sso-session corp`); line == "" {
		return
	}
	w.noSecrets(r.both)
	w.calls(quiet)
	seen.expired = w.steady(r)
	seen.keep(t)
}

func (w *world) mustSucceed(what string, r result) {
	w.t.Helper()
	if r.code != 0 {
		w.t.Fatalf("%s: exit status %d", what, r.code)
	}
}

// counting returns a world whose helper logs each verb. A shell script writes the log and
// then runs the built helper.
func counting(t *testing.T) *world {
	w := newWorld(t)
	bin := filepath.Join(w.home.Dir, "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\necho \"$1\" >>'" + w.verbs() + "'\nexec '" + filepath.Join(shared.dir, "bin", helper) + "' \"$@\"\n"
	if err := os.WriteFile(filepath.Join(bin, helper), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	w.env = append(w.env, "PATH="+bin+":"+strings.Join(debian, ":")+":/bin:/sbin")
	return w
}

func (w *world) verbs() string { return filepath.Join(w.home.Dir, "verbs") }

// asked returns, in order, the verbs logged since the previous call of asked.
func (w *world) asked() []string {
	w.t.Helper()
	data, err := os.ReadFile(w.verbs())
	if err != nil {
		return nil
	}
	if err := os.Remove(w.verbs()); err != nil {
		w.t.Fatal(err)
	}
	return strings.Fields(string(data))
}

var (
	clock    = regexp.MustCompile(`time="[^"]*"|\b20\d\d[-/]\d\d[-/]\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?Z?`)
	took     = regexp.MustCompile(`\b\d+\.\d+s\b`)
	terminal = regexp.MustCompile("\x1b\\[[0-9;?]*[A-Za-z]")
	loopback = regexp.MustCompile(`127\.0\.0\.1:\d+`)
	digest   = regexp.MustCompile(`\b[0-9a-f]{12,64}\b`)
	layers   = regexp.MustCompile(`(?m)^[0-9a-f]{12}: (Preparing|Waiting)\n`)
	step     = regexp.MustCompile(`^#\d+ `)
	frames   = regexp.MustCompile(`(?m)^(Traceback .*\n)(?:  .*\n)+`)
)

// steady normalizes a client's output. It puts stderr before stdout and removes dates,
// durations, digests, ports, the directories of this run and Python stack frames.
func (w *world) steady(r result) string {
	text := r.stderr + r.stdout
	text = layers.ReplaceAllString(text, "")
	text = frames.ReplaceAllString(text, "$1  ...\n")
	text = terminal.ReplaceAllString(text, "")
	text = strings.ReplaceAll(text, w.home.Dir, "~")
	text = strings.ReplaceAll(text, shared.dir, "/tmp")
	text = clock.ReplaceAllString(text, "TIME")
	text = took.ReplaceAllString(text, "0.0s")
	text = loopback.ReplaceAllString(text, "127.0.0.1:PORT")
	text = digest.ReplaceAllStringFunc(text, func(d string) string {
		if d == account || d == other {
			return d
		}
		return "DIGEST"
	})
	var b strings.Builder
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \t\r\n")
		if step.MatchString(line) && !strings.Contains(line, "ERROR") || line == "" {
			continue // BuildKit prints progress in varying order
		}
		b.WriteString(step.ReplaceAllString(line, "#N ") + "\n")
	}
	return b.String()
}

// module returns the path and version of a client built by .ci/clients/build, or skips the
// test. A heavy client may be missing unless E2E_ALL is set. A client marked "none" may
// always be missing.
func module(t *testing.T, name string) (path, version string) {
	t.Helper()
	f, err := os.Open(filepath.FromSlash("../../.ci/clients/versions"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for scan := bufio.NewScanner(f); scan.Scan(); {
		row := strings.Fields(scan.Text())
		if len(row) < 4 || row[0] != name {
			continue
		}
		if row[1] == "none" {
			t.Skip(name + " is not available: " + strings.Join(row[4:], " "))
		}
		path, version = filepath.Join(clientsDir(t), name+"@"+row[3], name), row[3]
		if _, err := os.Stat(path); err == nil {
			version = strings.TrimPrefix(strings.TrimSuffix(version, "+incompatible"), "v")
			return path, version
		}
		if row[1] == "heavy" && os.Getenv("E2E_ALL") == "" {
			t.Skip(name + " takes minutes to build: make e2e-all")
		}
		skip(t, "no "+name+" here: .ci/clients/build "+name)
	}
	t.Fatalf("%s has no row in .ci/clients/versions", name)
	return "", ""
}

// clientsDir returns the directory with the programs built by .ci/clients/build.
func clientsDir(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("E2E_CLIENTS"); dir != "" {
		return dir
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(cache, helper+"-clients")
}

var number = regexp.MustCompile(`\d+\.\d+(\.\d+)?`)

// upstream returns the version printed by a distribution's program, without the
// distribution's suffix.
func (w *world) upstream(path string, args ...string) string {
	w.t.Helper()
	v := number.FindString(w.ok(path, args...).both)
	if v == "" {
		w.t.Fatal("no version")
	}
	return v
}
