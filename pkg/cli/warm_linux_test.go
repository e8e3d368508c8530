package cli

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Package warm answers some gets before the program is initialized. Its result must be
// identical to that of the normal path, so every case runs twice: as a process, with the
// existing warm entries, and then on the normal path, in the test's process where possible.

// way is one run: its outcome, and whether package warm answered.
type way struct {
	outcome
	warm bool
}

// question is a get as run by a client.
type question struct {
	args   []string                                       // nil: get
	text   string                                         // stdin
	env    []string                                       // added to the home's environment
	cache  string                                         // the cache directory, if outside the home
	stream func(t *testing.T, cmd *exec.Cmd) (end func()) // changes the streams; end runs after the start

	process bool // depends on the working directory, so the normal path needs a process too
}

func (q question) arguments() []string {
	if q.args == nil {
		return []string{"get"}
	}
	return q.args
}

// run starts the program. The list of initialized packages shows whether warm answered: if so,
// the process ended before package os was initialized.
func (q question) run(t *testing.T, s *stage) way {
	t.Helper()
	var out, errOut bytes.Buffer
	cmd := exec.Command(filepath.Join(binDir, name), q.arguments()...)
	cmd.Env, cmd.Dir = append(append(s.env, q.env...), "GODEBUG=inittrace=1"), s.home.Dir
	// The request is in the pipe before the start. On a busy machine, it could otherwise be too
	// late for an early answer.
	stdin, request, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	if _, err := request.WriteString(q.text); err != nil {
		t.Fatal(err)
	}
	_ = request.Close()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &out, &errOut
	end := func() {}
	if q.stream != nil {
		end = q.stream(t, cmd)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	end()
	_ = cmd.Wait()
	packages, said := initialized(errOut.String())
	w := way{outcome{out.String(), said, cmd.ProcessState.String()}, true}
	for _, p := range packages {
		if p == "os" {
			w.warm = false
		}
	}
	if len(packages) == 0 {
		t.Fatal("no list of packages")
	}
	return w
}

// initialized removes the GODEBUG=inittrace=1 lines from stderr and returns their packages.
func initialized(stderr string) (packages []string, rest string) {
	for line := range strings.Lines(stderr) {
		if word := strings.Fields(line); len(word) > 2 && word[0] == "init" && strings.HasPrefix(word[2], "@") {
			packages = append(packages, word[1])
		} else {
			rest += line
		}
	}
	return packages, rest
}

// normal runs the question without using warm entries.
func (q question) normal(t *testing.T, s *stage) outcome {
	t.Helper()
	if q.stream == nil && !q.process {
		return s.inProcess(t, q.arguments(), q.text, q.env...)
	}
	w := q.run(t, s)
	if w.warm {
		t.Fatal("warm answer without a warm entry")
	}
	return w.outcome
}

// bothWays runs the question twice from the same cache, with and without warm entries, and
// compares the outcomes. A warm result must be identical to the normal one. If the first
// run was not warm, the passwords may differ, because both runs may call AWS.
func (s *stage) bothWays(t *testing.T, q question) way {
	t.Helper()
	aside := filepath.Join(s.home.Dir, "aside")
	err := copyTree(s.cache(), aside)
	cached := !os.IsNotExist(err)
	if cached && err != nil {
		t.Fatal(err)
	}
	first := q.run(t, s)
	err = os.RemoveAll(s.cache())
	if cached {
		err = errors.Join(err, os.Rename(aside, s.cache()))
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range append(s.warmEntries(), entriesIn(q.cache)...) {
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
	}
	got, want := first.outcome, q.normal(t, s)
	if !first.warm {
		got.Stdout, want.Stdout = unsecret(got.Stdout), unsecret(want.Stdout)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the paths differ (-normal +with the warm entries, warm: %v):\n%.600s", first.warm, diff)
	}
	return first
}

// unsecret removes the password, which differs after each AWS call.
func unsecret(answer string) string {
	before, _, _ := strings.Cut(answer, `"Secret":"`)
	return before
}

func (s *stage) cache() string { return filepath.Join(s.home.Dir, ".cache", name) }

func (s *stage) warmEntries() []string { return entriesIn(s.cache()) }

func entriesIn(cache string) []string {
	found, _ := filepath.Glob(filepath.Join(cache, "*.warm*"))
	return found
}

// login returns the path of the only cached login.
func (s *stage) login(t *testing.T) string {
	t.Helper()
	found, _ := filepath.Glob(filepath.Join(s.cache(), "*.v1.json"))
	if len(found) != 1 {
		t.Fatalf("%d cached logins", len(found))
	}
	return found[0]
}

// entry returns the path of the only warm entry.
func (s *stage) entry(t *testing.T) string {
	t.Helper()
	found := s.warmEntries()
	if len(found) != 1 {
		t.Fatalf("%d warm entries", len(found))
	}
	return found[0]
}

// checkWays runs named cases one after the other in one home directory. Before each of them,
// its files are those of a signed-in user whose next get is warm.
func checkWays(t *testing.T, warm bool, cases map[string]func(*testing.T, *stage) question) {
	t.Helper()
	s := newWarm(t)
	files := s.save(t)
	for what, prepare := range cases {
		t.Run(what, func(t *testing.T) {
			s.restore(t, files)
			if w := s.bothWays(t, prepare(t, s)); w.warm != warm {
				t.Errorf("answered warm: %v", w.warm)
			}
		})
	}
}

// checkWaysApart is checkWays for cases that change more than the files in the home
// directory, or that wait. Each of them has its own home and AWS.
func checkWaysApart(t *testing.T, warm bool, cases map[string]func(*testing.T, *stage) question) {
	for what, prepare := range cases {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			checkWays(t, warm, map[string]func(*testing.T, *stage) question{"": prepare})
		})
	}
}

// ask is a case without preparation.
func ask(q question) func(*testing.T, *stage) question {
	return func(*testing.T, *stage) question { return q }
}

// then is a case that changes something first.
func then(spoil func(t *testing.T, s *stage) error) func(*testing.T, *stage) question {
	return func(t *testing.T, s *stage) question {
		t.Helper()
		if err := spoil(t, s); err != nil {
			t.Fatal(err)
		}
		return question{text: host}
	}
}

// aliased is a case with an alias of the registry, after an earlier get.
func aliased(alias, asked string) func(*testing.T, *stage) question {
	return func(t *testing.T, s *stage) question {
		t.Helper()
		if err := s.writeSettings(fmt.Sprintf("[aliases]\n%q = %q\n", alias, host)); err != nil {
			t.Fatal(err)
		}
		if w := s.inProcess(t, []string{"get"}, alias); w.Status != "exit status 0" {
			t.Fatal(w.Stderr)
		}
		return question{text: asked}
	}
}

// Typical client requests are answered warm.
func TestWarmHits(t *testing.T) {
	t.Parallel()
	checkWays(t, true, map[string]func(*testing.T, *stage) question{
		"host":                      ask(question{text: host}),
		"line ending":               ask(question{text: host + "\n"}),
		"Windows line ending":       ask(question{text: host + "\r\n"}),
		"URL":                       ask(question{text: "https://" + host}),
		"URL with a path":           ask(question{text: "https://" + host + "/v2/"}),
		"port":                      ask(question{text: host + ":443"}),
		"upper case":                ask(question{text: "HTTPS://" + strings.ToUpper(host)}),
		"empty variable":            ask(question{text: host, env: []string{"AWS_PROFILE="}}),
		"variables for a cold get":  ask(question{text: host, env: []string{"HTTPS_PROXY=http://user:pass@127.0.0.1:1", "AWS_CA_BUNDLE=/none", "CI=1", "AWS_REGION=eu-west-1"}}),
		"alias":                     aliased("ecr.example.io", "ecr.example.io"),
		"alias with a port, as URL": aliased("r.example:8443", "https://R.example:8443/v2/"),
		"stdin is a file":           func(t *testing.T, _ *stage) question { return question{stream: stdinFile(host)} },
		"stdout is a file":          ask(question{text: host, stream: stdoutFile}),
		"stdout is /dev/null":       ask(question{text: host, stream: stdoutTo("/dev/null", os.O_WRONLY)}),
		"cache directory is a link": then(moveCacheBehindLink),
		"role credentials removed":  then(func(_ *testing.T, s *stage) error { return os.RemoveAll(filepath.Join(s.home.Dir, ".aws", "cli")) }),
		"200 other logins":          then(manyOthers),
	})
}

func TestWarmHitsWithoutAWS(t *testing.T) {
	t.Parallel()
	checkWaysApart(t, true, map[string]func(*testing.T, *stage) question{
		"network down":      then(func(_ *testing.T, s *stage) error { s.aws.Close(); return nil }),
		"SSO token expired": then(func(_ *testing.T, s *stage) error { s.aws.ExpireSession(); return nil }),
	})
}

// Package warm leaves unusual requests to the normal path.
func TestWarmIgnoresUnusualRequests(t *testing.T) {
	t.Parallel()
	checkWays(t, false, map[string]func(*testing.T, *stage) question{
		"nothing":               ask(question{text: ""}),
		"subdomain of an alias": aliased("ecr.example.io", "a.ecr.example.io"),
		"alias with a port":     aliased("ecr.example.io", "ecr.example.io:8443"),
		"alias with http":       aliased("ecr.example.io", "http://ecr.example.io"),
		"removed alias": func(t *testing.T, s *stage) question {
			q := aliased("ecr.example.io", "ecr.example.io")(t, s)
			if err := s.writeSettings("# no alias\n"); err != nil {
				t.Fatal(err)
			}
			return q
		},
		"two lines":                    ask(question{text: host + "\n" + host + "\n"}),
		"trailing empty line":          ask(question{text: host + "\n\n"}),
		"leading blank":                ask(question{text: " " + host}),
		"trailing blank":               ask(question{text: host + " \n"}),
		"NUL":                          ask(question{text: host + "\x00"}),
		"non-ASCII byte":               ask(question{text: "https://" + host + "/\xff"}),
		"characters escaped in JSON":   ask(question{text: "https://" + host + "/a&b<c>"}),
		"not ECR":                      ask(question{text: "docker.io"}),
		"look-alike":                   ask(question{text: host + ".evil.example"}),
		"user in the URL":              ask(question{text: "https://user@" + host}),
		"plain http":                   ask(question{text: "http://" + host}),
		"another port":                 ask(question{text: host + ":5000"}),
		"another account":              ask(question{text: "2" + host[1:]}),
		"unknown region":               ask(question{text: "123456789012.dkr.ecr.zz-west-1.amazonaws.com"}),
		"long path":                    ask(question{text: "https://" + host + "/" + strings.Repeat("a", 600)}),
		"path of the buffer's size":    ask(question{text: "https://" + host + "/" + strings.Repeat("a", 512-9-len(host))}),
		"more than the protocol limit": ask(question{text: "https://" + host + "/" + strings.Repeat("a", 5000)}),
		"extra argument":               ask(question{text: host, args: []string{"get", host}}),
		"flag":                         ask(question{text: host, args: []string{"get", "--help"}}),
		"empty argument":               ask(question{text: host, args: []string{"get", ""}}),
		"upper case":                   ask(question{text: host, args: []string{"GET"}}),
		"unknown verb":                 ask(question{text: host, args: []string{"forget"}}),
		"list":                         ask(question{text: host, args: []string{"list"}}),
	})
}

// A pipe that is temporarily full delays both paths but does not make them fail.
func TestWarmWithFullPipe(t *testing.T) {
	t.Parallel()
	s := newWarm(t)
	long := strings.Repeat("A", 20_000)
	if w := (question{args: []string{"store"}, text: `{"ServerURL":"` + host + `","Username":"AWS","Secret":"` + long + `"}`}).run(t, s); w.Stdout != "" {
		t.Fatalf("got %+v", w)
	}
	(question{text: host}).run(t, s)
	var got []byte
	narrow := question{text: host, stream: func(t *testing.T, cmd *exec.Cmd) func() {
		r, w := narrowPipe(t)
		cmd.Stdout = w
		return func() {
			_ = w.Close()
			time.Sleep(50 * time.Millisecond)
			got, _ = io.ReadAll(r)
			_ = r.Close()
		}
	}}
	if w := narrow.run(t, s); !w.warm || w.Status != "exit status 0" || !bytes.Contains(got, []byte(long+"\"}\n")) {
		t.Errorf("%+v, %d bytes", w, len(got))
	}
	first := got
	_ = os.Remove(s.entry(t))
	if w := narrow.run(t, s); w.warm || !bytes.Equal(first, got) {
		t.Errorf("%+v, %d bytes and %d", w, len(first), len(got))
	}
}

// A signal ends a get that waits for stdin, in package warm and in the normal path.
func TestSignalEndsWarmStdinWait(t *testing.T) {
	t.Parallel()
	s := newWarm(t)
	for _, after := range []time.Duration{0, 10 * time.Millisecond, 300 * time.Millisecond} {
		get := s.get(host)
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		get.cmd.Stdin = r
		if err := get.cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(after)
		_ = get.cmd.Process.Signal(syscall.SIGTERM)
		_ = get.cmd.Wait()
		status := get.cmd.ProcessState.Sys().(syscall.WaitStatus)
		if status.Signal() != syscall.SIGTERM && status.ExitStatus() != 143 {
			t.Errorf("after %v: %v", after, get.cmd.ProcessState)
		}
		_, _ = r.Close(), w.Close()
	}
}

var rounds = flag.Int("rounds", 4, "rounds of TestEraseDuringGetsIsFinal")

// Gets that run concurrently with an erase must not restore the erased login.
func TestEraseDuringGetsIsFinal(t *testing.T) {
	t.Parallel()
	s := newHome(t)
	s.home.WriteConfig("") // only a stored login is left
	s.ageInputs(t)
	for i := range *rounds {
		login := fmt.Sprintf(`{"ServerURL":"%s","Username":"AWS","Secret":"stored-%d"}`, host, i)
		if w := s.inProcess(t, []string{"store"}, login); w.Status != "exit status 0" {
			t.Fatalf("got %+v", w)
		}
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() { _ = s.get(host).cmd.Run() })
		}
		wg.Go(func() { _ = protocol("erase", host)(t, s) })
		wg.Wait()
		if w := s.bothWays(t, question{text: host}); w.warm || w.Status != "exit status 1" {
			t.Fatalf("round %d: %+v", i, w)
		}
	}
}
