package programs

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
)

func TestFindIgnoresWorkingDirectory(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("programs have other names on Windows")
	}
	here, there := t.TempDir(), t.TempDir()
	t.Chdir(here)
	for _, dir := range []string{here, there} {
		if err := os.WriteFile(filepath.Join(dir, "bait"), []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]string{
		"":                          "",
		".":                         "",
		":.:bin":                    "",
		":.:" + there:               filepath.Join(there, "bait"),
		there + "/none::" + there:   filepath.Join(there, "bait"),
		filepath.Join(there, "..x"): "",
	} {
		got, err := Find(env.FromMap(map[string]string{"PATH": path}), "bait")
		if got != want || (err == nil) != (want != "") {
			t.Errorf("PATH=%q: %q, %v", path, got, err)
		}
	}
	for _, name := range []string{"./bait", "sub/bait", `.\bait`} {
		if got, err := Find(env.FromMap(map[string]string{"PATH": there}), name); err == nil {
			t.Errorf("%s: got %q", name, got)
		}
	}
}

func TestChildrenGetNoRelativePathAndNoSecret(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("PATH has another form on Windows")
	}
	environ := []string{"AWS_PROFILE=p", "AWS_SECRET_ACCESS_KEY=x", "HOME=/h", "PATH=:.:/bin:sub:/usr/bin", "https_proxy=http://u:p@h"}
	if got := Environ(env.FromList(environ)); got[3] != "PATH=/bin:/usr/bin" || len(got) != len(environ) {
		t.Errorf("got %q", got)
	}
	if got := Environ(env.Set{}); got == nil || len(got) != 0 {
		t.Errorf("an empty environment: %q", got) // package exec passes the process environment for nil
	}
	if got := WithoutSecrets(environ); !slices.Equal(got, []string{environ[0], environ[2], environ[3], environ[4]}) {
		t.Errorf("got %q", got)
	}
	if environ[1] != "AWS_SECRET_ACCESS_KEY=x" || len(environ) != 5 {
		t.Error("the argument was changed")
	}
}

// The go command runs a package's test binary.
func TestParentName(t *testing.T) {
	name := ParentName()
	switch runtime.GOOS {
	case "linux", "darwin", "windows":
		if name == "" || name != strings.ToLower(filepath.Base(name)) || strings.HasSuffix(name, ".exe") {
			t.Errorf("the parent is %q", name)
		}
	default:
		if name != "" {
			t.Errorf("the parent is %q", name)
		}
	}
}

func TestParentFileOfThisProcess(t *testing.T) {
	if runtime.GOOS != "linux" && runtime.GOOS != "darwin" && runtime.GOOS != "windows" {
		t.Skip("this system does not provide it")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	got, want := filepath.Base(parentFile(os.Getpid())), filepath.Base(self)
	if runtime.GOOS == "darwin" {
		want = want[:min(len(want), 16)]
	}
	if got != want {
		t.Errorf("this process is %q, not %q", got, want)
	}
	if got := parentFile(1 << 30); got != "" {
		t.Errorf("a process that does not exist is %q", got)
	}
}

func TestParentIDIsUnique(t *testing.T) {
	if id := ParentID(); id == "" || id != ParentID() {
		t.Errorf("ParentID = %q, then %q", id, ParentID())
	}
	if runtime.GOOS != "linux" && runtime.GOOS != "darwin" && runtime.GOOS != "windows" {
		t.Skip("this system does not provide it")
	}
	if self := startOf(os.Getpid()); self == "" || self == startOf(1) {
		t.Errorf("this process started at %q, the first one at %q", self, startOf(1))
	}
	if runtime.GOOS != "windows" && startOf(os.Getppid()) == "" { // under Wine, the parent is not a Windows process
		t.Error("the start of the parent is not known")
	}
	if got := startOf(1 << 30); got != "" {
		t.Errorf("a process that does not exist started at %q", got)
	}
}

// The expected results are from Python's shlex.split and from _windows_shell_split in the
// AWS CLI's botocore (compat.py).
func TestCommandLinesAreSplitAsAWSCLIDoes(t *testing.T) {
	for _, tt := range []struct {
		split func(string) ([]string, error)
		line  string
		want  []string // nil: a quote is not closed
	}{
		{splitPOSIX, `tool --url https://x/?a=1&b=2`, []string{"tool", "--url", "https://x/?a=1&b=2"}},
		{splitPOSIX, `~/bin/tool $HOME "$(id)" | cat; true`, []string{"~/bin/tool", "$HOME", "$(id)", "|", "cat;", "true"}},
		{splitPOSIX, `"/my tools/x" 'a "b"' c\ d "\e\"" '' # e`, []string{"/my tools/x", `a "b"`, "c d", `\e"`, "", "#", "e"}},
		{splitPOSIX, "a\tb\nc\rd", []string{"a", "b", "c", "d"}},
		{splitPOSIX, `a "b`, nil},
		{splitPOSIX, `a b\`, nil},
		{splitWindows, `C:\tools\x.exe --url https://x/?a=1&b=2`, []string{`C:\tools\x.exe`, "--url", "https://x/?a=1&b=2"}},
		{splitWindows, `"C:\my tools\x.exe" 'a b' "c\\" d\"e \\"f g"`, []string{`C:\my tools\x.exe`, "'a", "b'", `c\`, `d"e`, `\f g`}},
		{splitWindows, `x "" a\\b\`, []string{"x", "", `a\\b\`}},
		{splitWindows, `x "a`, nil},
	} {
		words, err := tt.split(tt.line)
		if diff := cmp.Diff(tt.want, words); diff != "" || (err != nil) != (tt.want == nil) {
			t.Errorf("%s: %v\n%s", tt.line, err, diff)
		}
	}
	for _, line := range []string{"", " ", `""`, `'' x`} {
		if words, err := SplitWords(line); err == nil && line != `'' x` {
			t.Errorf("%q: got %q", line, words)
		}
	}
}

func FuzzSplitWords(f *testing.F) {
	for _, s := range []string{`a "b c" d\ e`, `'a`, `"\"\\"`, ``, "\t", `\\"a\"`} {
		f.Add(s)
	}
	posix := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	f.Fuzz(func(t *testing.T, line string) {
		words, err := splitPOSIX(line)
		if err == nil {
			roundTrip(t, splitPOSIX, words, posix.Replace)
		}
		if words, err = splitWindows(line); err == nil {
			roundTrip(t, splitWindows, words, quoteWindows)
		}
	})
}

func roundTrip(t *testing.T, split func(string) ([]string, error), words []string, escape func(string) string) {
	t.Helper()
	var quoted []string
	for _, w := range words {
		quoted = append(quoted, `"`+escape(w)+`"`)
	}
	again, err := split(strings.Join(quoted, " "))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(words, again); diff != "" {
		t.Fatal(diff)
	}
}

// quoteWindows doubles the backslashes before a quote and before the end.
func quoteWindows(word string) string {
	var out strings.Builder
	backslashes := 0
	for _, r := range word {
		switch r {
		case '\\':
			backslashes++
		case '"':
			out.WriteString(strings.Repeat(`\`, backslashes+1))
			backslashes = 0
		default:
			backslashes = 0
		}
		out.WriteRune(r)
	}
	return out.String() + strings.Repeat(`\`, backslashes)
}

func TestOutputKeepsBeginning(t *testing.T) {
	for text, want := range map[string]string{"": "", "abcd": "abcd", "abcdefgh": "abcdefgh", "abcdefghi": "abcdefgh", strings.Repeat("x", 99): "xxxxxxxx"} {
		for _, strict := range []bool{false, true} {
			o := &Output{Max: 8, Strict: strict}
			var err error
			for _, part := range []string{text[:len(text)/2], text[len(text)/2:]} {
				n, e := o.Write([]byte(part))
				if e == nil && n != len(part) {
					t.Errorf("%q: %d of %d bytes and no error", text, n, len(part))
				}
				err = errors.Join(err, e)
			}
			if over := len(text) > 8; string(o.Bytes()) != want || o.Over() != over || errors.Is(err, io.ErrShortWrite) != (over && strict) {
				t.Errorf("%q, strict %v: %q, over %v, %v", text, strict, o.Bytes(), o.Over(), err)
			}
		}
	}
}

// os/exec copies program output with io.Copy. With the ReadFrom method of a bytes.Buffer,
// the output would have no limit.
func TestOutputIsBounded(t *testing.T) {
	o := &Output{Max: 10}
	if n, err := io.Copy(o, strings.NewReader(strings.Repeat("x", 1<<20))); n != 1<<20 || err != nil {
		t.Errorf("got %d, error %v", n, err)
	}
	if len(o.Bytes()) != 10 || !o.Over() {
		t.Errorf("%d bytes saved, over: %v", len(o.Bytes()), o.Over())
	}
}
