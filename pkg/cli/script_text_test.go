package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/prompt"
)

// Directories differ between platforms in length, spaces and separators. Scripts must not
// contain any of them, and patterns must not depend on where a line wraps.

// condition adds conditions to testscript: early, if this platform answers cached gets
// before the program is initialized; console, if this is Windows with a console; busy, if
// the machine is too busy for limits of a few seconds.
func condition(name string) (bool, error) {
	switch name {
	case "busy":
		return machineIsBusy(), nil
	case "early":
		return runtime.GOOS == "linux" && env.GOOS == "linux", nil
	case "console":
		f, err := prompt.OpenOutput()
		if err == nil {
			err = f.Close()
		}
		return runtime.GOOS == "windows" && err == nil, nil
	}
	return false, fmt.Errorf("no condition %q", name)
}

// machineIsBusy reports whether the load is more than three processes per processor, if the
// system provides it. The program's limits for a keychain (3 s) and for the logins of a
// list or after a sign-in (2 s) may then be too short.
func machineIsBusy() bool {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return false
	}
	load, err := strconv.ParseFloat(strings.Fields(string(text))[0], 64)
	return err == nil && load > float64(3*runtime.NumCPU())
}

// settings FILE makes FILE the user's settings.
func cmdSettings(ts *testscript.TestScript, _ bool, args []string) {
	want(ts, args, 1, 1, "settings FILE")
	path := ts.Getenv("SETTINGS")
	ts.Check(os.MkdirAll(filepath.Dir(path), 0o700))
	ts.Check(os.WriteFile(path, []byte(ts.ReadFile(args[0])), 0o600))
}

// unwrapped [stderr] PATTERN is like stdout PATTERN for wrapped text: lines are joined
// again, and path separators are slashes.
func cmdUnwrapped(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, args, 1, 2, "unwrapped [stderr] PATTERN")
	stream := "stdout"
	if len(args) == 2 {
		stream = args[0]
	}
	pattern, err := regexp.Compile("(?m)" + args[len(args)-1])
	ts.Check(err)
	text := unwrap(ts.ReadFile(stream))
	if os.PathSeparator == '\\' {
		text = strings.ReplaceAll(strings.ReplaceAll(text, `\\`, "/"), `\`, "/")
	}
	if pattern.MatchString(text) == neg {
		ts.Fatalf("%s, unwrapped, matches %s: %v\n%s", stream, pattern, !neg == neg, text)
	}
}

// unwrap joins wrapped lines, which are indented like a column. A command below a text
// stays on a separate line.
func unwrap(text string) string {
	const column = 9 // the narrowest first column in our tables
	var lines []string
	for line := range strings.SplitSeq(text, "\n") {
		rest := strings.TrimLeft(line, " ")
		wrapped := len(line)-len(rest) >= column && rest != "" && !strings.HasPrefix(rest, "run: ") && !strings.HasPrefix(rest, "or: ")
		if wrapped && len(lines) > 0 {
			lines[len(lines)-1] += " " + rest
		} else {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

// A script with a platform's directory, or with a pattern that depends on line wrapping,
// fails on another platform.
func TestScriptsArePlatformIndependent(t *testing.T) {
	for _, rule := range []struct {
		pattern, instead string
	}{
		{`\.config/docker-credential`, "$SETTINGS, or the command settings"},
		{`/\.cache\b|Library/|AppData`, "$CACHE"},
		{`(?m)^.*\bstd(out|err) '?\^?(ok|problem|warning|skipped)  `, "unwrapped PATTERN"},
		{`(?m)^!? ?(stdout|stderr|unwrapped) .*(\\s\+\S|\\n\? )`, "unwrapped PATTERN with blanks"},
		{`(?m)^!? ?(stdout|stderr) .*~/`, "unwrapped PATTERN"},
	} {
		bad := regexp.MustCompile(rule.pattern)
		for _, file := range sourceFiles(t, scriptDir, ".txtar") {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, line := range bad.FindAllString(string(text), -1) {
				t.Errorf("%s: %q: use %s", filepath.Base(file), line, rule.instead)
			}
		}
	}
}

func TestUnwrap(t *testing.T) {
	for text, want := range map[string]string{
		"a  b\n             c d\n             run: x y\n": "a  b c d\n             run: x y\n",
		"no\n  run: x\n\nnext\n":                          "no\n  run: x\n\nnext\n",
		"a\n         b\n         c\n         or:  d\n":    "a b c\n         or:  d\n",
	} {
		if got := unwrap(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
