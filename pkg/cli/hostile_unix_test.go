//go:build unix

package cli

import (
	"bufio"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

// The program must reject the names that pkg/registry rejects before it does anything else:
// no login, no packet, no changed file. These tests use some of the samples in
// pkg/registry, whose own tests use all names. `make hostile` runs the program for all names
// in the file $HOSTILE.

// vectors reads the names of a file, by kind. With limit, it reads only that many kinds, and
// the first name of each.
func vectors(t *testing.T, file string, limit int) []string {
	t.Helper()
	path := filepath.Join(top, "pkg", "registry", "testdata", file)
	if whole := os.Getenv("HOSTILE"); whole != "" {
		limit = 0
		if file == "hostile.tsv" {
			path = whole
		}
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var names []string
	kinds := map[string]bool{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		kind, quoted, _ := strings.Cut(lines.Text(), "\t")
		name, err := strconv.Unquote(quoted)
		if err != nil {
			t.Fatalf("%s: %v", lines.Text(), err)
		}
		// A byte order mark before stdin is not part of the name.
		if rest, marked := strings.CutPrefix(name, "\ufeff"); marked {
			if _, err := registry.Parse(rest); err == nil {
				continue
			}
		}
		if limit == 0 || !kinds[kind] {
			names = append(names, name)
		}
		kinds[kind] = true
	}
	if limit == 0 {
		return names
	}
	var some []string
	for i := 0; i < len(names); i += max(1, len(names)/limit) {
		some = append(some, names[i])
	}
	return some
}

// allKinds is a limit of vectors.
const allKinds = 1000

// each calls work for every name, two at a time per processor.
func each(names []string, work func(string)) {
	var wg sync.WaitGroup
	queue := make(chan string)
	for range 2 * runtime.NumCPU() {
		wg.Go(func() {
			for name := range queue {
				work(name)
			}
		})
	}
	for _, name := range names {
		queue <- name
	}
	close(queue)
	wg.Wait()
}

// snapshot lists all files in the home directory with their type and change time.
func (s *stage) snapshot(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(s.home.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		fmt.Fprintln(&b, path, info.Mode(), info.Size(), changed(info))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestHostileNamesGetNothing(t *testing.T) {
	t.Parallel()
	s := newHome(t)
	if get := s.get(host); get.cmd.Run() != nil {
		t.Fatal("no login for a valid name") // this also caches a login
	}
	before, packets := s.snapshot(t), len(s.aws.Connections())
	names := vectors(t, "hostile.tsv", allKinds)
	whole := os.Getenv("HOSTILE") != ""
	var erased atomic.Int64
	each(names, func(server string) {
		verbs := []string{"get"}
		if whole || erased.Add(1)%3 == 0 { // get and erase parse the name in the same way
			verbs = []string{"get", "erase"}
		}
		for _, verb := range verbs {
			ask := s.get(server)
			ask.cmd.Args[1] = verb
			err := ask.cmd.Run()
			out, said := ask.stdout.String(), ask.stderr.String()
			switch {
			case s.leaks(out) || s.leaks(said):
				t.Errorf("%s of %q printed a secret: %s%s", verb, server, out, said)
			case verb == "get" && (err == nil || out != notFound && strings.Count(out, "\n") != 1):
				t.Errorf("%s of %q: %v, %q", verb, server, err, out)
			case len(out) > 200 || strings.ContainsAny(out+said, "\x00\x1b\r\x7f"):
				t.Errorf("%s of %q prints the name: %q", verb, server, out)
			}
		}
	})
	if n := len(s.aws.Connections()) - packets; n > 0 {
		t.Errorf("%d connections", n)
	}
	if after := s.snapshot(t); after != before {
		t.Errorf("files changed:\n%s\n%s", before, after)
	}
	t.Logf("%d names", len(names))
}

// ageInputs makes the AWS files older than 2 s. A newer file could still change within the
// same clock tick, so a get that reads it writes no warm entry.
func (s *stage) ageInputs(t *testing.T) {
	t.Helper()
	past := time.Now().Add(-time.Hour)
	files, err := filepath.Glob(filepath.Join(s.home.Dir, ".aws", "sso", "cache", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"config", "credentials"} {
		files = append(files, filepath.Join(s.home.Dir, ".aws", name))
	}
	for _, file := range files {
		if err := os.Chtimes(file, past, past); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
}

// With two aliases, only these hosts get a login. Hostile names and names derived from an
// alias do not.
func TestHostileNamesWithAliases(t *testing.T) {
	t.Parallel()
	s := newHome(t)
	aliases := []string{"ecr.example.io", "r.example:8443"}
	config := "[aliases]\n"
	for _, alias := range aliases {
		config += fmt.Sprintf("%q = %q\n", alias, host)
	}
	if err := s.writeSettings(config); err != nil {
		t.Fatal(err)
	}
	s.ageInputs(t)
	names := vectors(t, "hostile.tsv", 6)
	whole := os.Getenv("HOSTILE") != ""
	for i, alias := range aliases {
		for range 2 { // the second answer is early, and so would be one for a name like it
			if get := s.get(alias); get.cmd.Run() != nil || !s.leaks(get.stdout.String()) {
				t.Fatalf("no login for %s: %s", alias, get.stderr.String())
			}
		}
		bare, _, _ := strings.Cut(alias, ":")
		derived := []string{bare + ":1", bare + ".", "a." + alias, alias + ".evil.org", "evil.org/" + alias, "evil.org#" + alias, "evil.org?" + alias, "u@" + alias, alias + "@evil.org",
			"http://" + alias, "ftp://" + alias, " " + alias, alias + " ", alias + "\n" + alias, alias + "\x00", alias + "%00", "//" + alias, alias + `\x`, alias[:3] + "\n" + alias[3:], "https://u:p@" + alias}
		for k, name := range derived { // settings and warmfile have tests with all of them
			if whole || k%len(aliases) == i {
				names = append(names, name)
			}
		}
	}
	each(names, func(server string) {
		get := s.get(server)
		_ = get.cmd.Run()
		if s.leaks(get.stdout.String()) || s.leaks(get.stderr.String()) {
			t.Errorf("got a login for %q", server)
		}
	})
}

// A login for a hostile name is not stored either, and outputs never contain the unescaped
// name.
func TestHostileNamesAreNotStored(t *testing.T) {
	t.Parallel()
	s := newHome(t)
	before := s.snapshot(t)
	each(vectors(t, "hostile.tsv", allKinds), func(server string) {
		login := `{"ServerURL":` + jsonQuote(server) + `,"Username":"AWS","Secret":"a-canary-of-a-login"}`
		w := s.inProcess(t, []string{"store"}, login)
		if out := w.Stdout; w.Status != "exit status 1" || strings.Contains(out, "a-canary") || strings.ContainsAny(strings.TrimSuffix(out, "\n"), "\x00\x1b\r\n\x7f") {
			t.Errorf("store of %q: %+v", server, w)
		}
	})
	if after := s.snapshot(t); after != before {
		t.Errorf("files changed:\n%s\n%s", before, after)
	}
}

// jsonQuote returns a JSON string in which only the required bytes are escaped.
func jsonQuote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range []byte(s) {
		switch {
		case c == '"' || c == '\\':
			b.Write([]byte{'\\', c})
		case c < ' ':
			fmt.Fprintf(&b, `\u%04x`, c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String() + `"`
}

func TestRealNamesGetLogin(t *testing.T) {
	t.Parallel()
	s := newHome(t)
	keys := s.aws.AddKeys("123456789012")
	s.env = append(s.env, "AWS_ACCESS_KEY_ID="+keys.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+keys.SecretAccessKey)
	names := vectors(t, "real.tsv", 9)
	each(names, func(server string) {
		get := s.get(server)
		if err := get.cmd.Run(); err != nil || !strings.Contains(get.stdout.String(), `{"ServerURL":"`+server+`","Username":"AWS","Secret":"`) {
			t.Errorf("%s: error %v, stdout %q, stderr %q", server, err, get.stdout.String(), get.stderr.String())
		}
	})
	t.Logf("%d names", len(names))
}
