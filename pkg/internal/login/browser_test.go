package login

import (
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
)

func TestCanOpen(t *testing.T) {
	withWSLView := t.TempDir()
	script(t, withWSLView, "wslview", "")
	for name, c := range map[string]struct {
		env        map[string]string
		goos       string
		exists     string
		why        string // "": it can open
		noTerminal bool
	}{
		"desktop":                          {map[string]string{"DISPLAY": ":0"}, "linux", "", "", false},
		"a Wayland desktop":                {map[string]string{"WAYLAND_DISPLAY": "wayland-0"}, "linux", "", "", false},
		"a Mac":                            {nil, "darwin", "", "", false},
		"Windows":                          {nil, "windows", "", "", false},
		"Linux without a display":          {nil, "linux", "", "display", false},
		"remote shell with X forwarding":   {map[string]string{"SSH_CONNECTION": "1 2 3 4", "DISPLAY": "localhost:10"}, "linux", "", "SSH", false},
		"remote shell on a Mac":            {map[string]string{"SSH_TTY": "/dev/ttys1"}, "darwin", "", "SSH", false},
		"docker container":                 {map[string]string{"DISPLAY": ":0"}, "linux", "/.dockerenv", "container", false},
		"podman container":                 {map[string]string{"DISPLAY": ":0"}, "linux", "/run/.containerenv", "container", false},
		"WSL without wslview":              {map[string]string{"WSL_DISTRO_NAME": "Debian", "DISPLAY": ":0"}, "linux", "", "wslview", false},
		"Windows, started from WSL":        {map[string]string{"WSL_DISTRO_NAME": "Debian"}, "windows", "", "", false},
		"WSL with wslview":                 {map[string]string{"WSL_DISTRO_NAME": "Debian", "PATH": withWSLView}, "linux", "", "", false},
		"BROWSER in a remote shell":        {map[string]string{"SSH_CONNECTION": "1 2 3 4", "BROWSER": "w"}, "linux", "", "", false},
		"CI on a desktop":                  {map[string]string{"CI": "1", "DISPLAY": ":0"}, "linux", "", "CI", false},
		"CI on a Mac":                      {map[string]string{"CI": "false"}, "darwin", "", "CI", false},
		"BROWSER in CI":                    {map[string]string{"CI": "true", "BROWSER": "w"}, "linux", "", "CI", false},
		"CI without a value":               {map[string]string{"CI": "", "BROWSER": "w"}, "linux", "", "", false},
		"BROWSER of blanks":                {map[string]string{"BROWSER": "  "}, "linux", "", "display", false},
		"desktop without a terminal":       {map[string]string{"DISPLAY": ":0"}, "linux", "", "terminal", true},
		"a Mac without a terminal":         {nil, "darwin", "", "terminal", true},
		"SSH without a terminal":           {map[string]string{"SSH_CONNECTION": "1 2 3 4"}, "linux", "", "terminal", true},
		"BROWSER without a terminal":       {map[string]string{"BROWSER": "w"}, "linux", "", "", true},
		"BROWSER in CI without a terminal": {map[string]string{"BROWSER": "w", "CI": "1"}, "linux", "", "CI", true},
	} {
		t.Run(name, func(t *testing.T) {
			err := Browser{env.FromMap(c.env), !c.noTerminal}.canOpen(c.goos, func(path string) bool { return path == c.exists })
			if (err == nil) != (c.why == "") || err != nil && !strings.Contains(err.Error(), c.why) {
				t.Fatal(err)
			}
			none, ok := errors.AsType[*NoBrowserError](err)
			if unattended := c.why == "CI" || c.why == "terminal"; ok && none.Unattended != unattended {
				t.Errorf("unattended: %v", none.Unattended)
			}
		})
	}
}

// script creates a shell script in dir.
func script(t *testing.T, dir, name, body string) string {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the stand-ins are shell scripts")
	}
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// linkForm matches the link on the browser's command line.
var linkForm = regexp.MustCompile(`http://127\.0\.0\.1:[0-9]+/[A-Z2-7]{26}`)

// leadsTo opens a link like a browser and returns the status and the redirect target.
func leadsTo(t *testing.T, link string) (int, string) {
	t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Get(link)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode, resp.Header.Get("Location")
}

func TestCommandLineHasLinkToPage(t *testing.T) {
	const page = `https://oidc.us-east-1.amazonaws.com/authorize?a=1&b=%20%24(x);c='d'&scopes=sso%3Aaccount%3Aaccess#/start?x=$HOME`
	dir := t.TempDir()
	out := filepath.Join(dir, "args")
	script(t, dir, "show", `for a in "$@"; do printf '%s\n' "$a"; done >`+out+`.new; echo noise; mv `+out+`.new `+out)
	if err := os.Mkdir(filepath.Join(dir, "with blank"), 0o700); err != nil {
		t.Fatal(err)
	}
	inBlank := script(t, filepath.Join(dir, "with blank"), "show", `printf '%s\n' "$@" >`+out)
	const link = "LINK"
	for name, c := range map[string]struct {
		browser string
		want    string
	}{
		"command alone":                  {"show", link},
		"words before":                   {`show --new-tab "a b" c\ d`, "--new-tab\na b\nc d\n" + link},
		"%s in the middle":               {"show -u %s -x", "-u\n" + link + "\n-x"},
		"%s inside a word":               {"show --url=%s", "--url=" + link},
		"nothing is expanded":            {`show $HOME '*' ~`, "$HOME\n*\n~\n" + link},
		"in the background":              {"show &", link},
		"first of a list is missing":     {"no-such-browser:show", link},
		"absolute path with a blank":     {inBlank, link},
		"quoted absolute path":           {`"` + inBlank + `" -n`, "-n\n" + link},
		"empty argument":                 {`show ""`, "\n" + link},
		"one in the list that is broken": {`"unclosed:show`, link},
	} {
		t.Run(name, func(t *testing.T) {
			_ = os.Remove(out)
			b := Browser{Env: env.FromMap(map[string]string{"BROWSER": c.browser, "PATH": dir + ":/usr/bin:/bin"})}
			if err := b.Open(t.Context(), page); err != nil {
				t.Fatal(err)
			}
			got, _ := os.ReadFile(out)
			if diff := cmp.Diff(c.want+"\n", linkForm.ReplaceAllString(string(got), link)); diff != "" {
				t.Error(diff)
			}
			if status, to := leadsTo(t, string(linkForm.Find(got))); status != http.StatusSeeOther || to != page {
				t.Errorf("status %d, to %q", status, to)
			}
			if status, to := leadsTo(t, string(linkForm.Find(got))); status != http.StatusGone || to != "" {
				t.Errorf("the second time: status %d, to %q", status, to)
			}
		})
	}
}

// xdg-open is a shell script that searches PATH for the programs that it runs.
func TestBrowserPathHasNoRelativeEntries(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	out := filepath.Join(dir, "ran")
	script(t, dir, "firefox", "echo bait >"+out)
	there := t.TempDir()
	script(t, there, "opener", `firefox "$1" || echo none >`+out)
	if err := (Browser{Env: env.FromMap(map[string]string{"BROWSER": "opener", "PATH": ":.:" + there})}).Open(t.Context(), "https://d.awsapps.com/start"); err != nil {
		t.Fatal(err)
	}
	if ran, _ := os.ReadFile(out); string(ran) != "none\n" {
		t.Errorf("ran %q", ran)
	}
}

func TestBrowserRejects(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	script(t, dir, "bait", "touch "+filepath.Join(dir, "ran"))
	script(t, dir, "fails", "exit 3")
	const good = "https://d.awsapps.com/start"
	for name, c := range map[string]struct{ browser, path, url string }{
		"plain http":                            {"bait", dir, "http://d.awsapps.com/start"},
		"plain http to loopback":                {"bait", dir, "http://127.0.0.1:1/authorize"},
		"file":                                  {"bait", dir, "file:///etc/passwd"},
		"script":                                {"bait", dir, "javascript:alert(1)"},
		"option":                                {"bait", dir, "--profile=/tmp"},
		"blank":                                 {"bait", dir, "https://a.example/ b"},
		"line break":                            {"bait", dir, "https://a.example/\nb"},
		"quotation mark":                        {"bait", dir, `https://a.example/"b`},
		"no host":                               {"bait", dir, "https:///x"},
		"name and password":                     {"bait", dir, "https://a:b@c.example/"},
		"program of the working directory":      {"bait", "", good},
		"program through an empty PATH entry":   {"bait", ":" + "/nowhere", good},
		"program through '.'":                   {"bait", ".:/nowhere", good},
		"program through a relative PATH entry": {"bait", "../" + filepath.Base(dir), good},
		"relative path":                         {"./bait", dir, good},
		"program that does not exist":           {"no-such", dir, good},
		"program that fails":                    {"fails", dir, good},
		"quote is not closed":                   {`"bait`, dir, good},
	} {
		t.Run(name, func(t *testing.T) {
			b := Browser{Env: env.FromMap(map[string]string{"BROWSER": c.browser, "PATH": c.path})}
			err := b.Open(t.Context(), c.url)
			if err == nil {
				t.Error("no error")
			}
			if _, statErr := os.Stat(filepath.Join(dir, "ran")); statErr == nil {
				t.Fatal("the program ran")
			}
		})
	}
}

func TestBrowserOpensConfiguredLoopbackEndpoint(t *testing.T) {
	dir := t.TempDir()
	script(t, dir, "show", "")
	b := Browser{Env: env.FromMap(map[string]string{"BROWSER": "show", "PATH": dir, "AWS_ENDPOINT_URL_SSO_OIDC": "http://127.0.0.1:4566"})}
	if err := b.Open(t.Context(), "http://127.0.0.1:4566/authorize?x"); err != nil {
		t.Error(err)
	}
	for _, other := range []string{"http://127.0.0.1:4567/authorize", "http://example.com/"} {
		if b.Open(t.Context(), other) == nil {
			t.Errorf("%s was opened", other)
		}
	}
}

func TestBrowserKeepsRunning(t *testing.T) {
	dir := t.TempDir()
	pid := filepath.Join(dir, "pid")
	script(t, dir, "slow", "echo $$ >"+pid+"; exec sleep 600")
	t.Cleanup(func() {
		if text, err := os.ReadFile(pid); err == nil {
			_ = exec.Command("kill", strings.TrimSpace(string(text))).Run()
		}
	})
	b := Browser{Env: env.FromMap(map[string]string{"BROWSER": "slow", "PATH": dir + ":/bin:/usr/bin"})}
	start := time.Now()
	if err := b.Open(t.Context(), "https://d.awsapps.com/start"); err != nil || time.Since(start) > 5*time.Minute {
		t.Errorf("%v after %v", err, time.Since(start))
	}
}

func TestOpener(t *testing.T) {
	dir := t.TempDir()
	wslview, xdgOpen := script(t, dir, "wslview", ""), script(t, dir, "xdg-open", "")
	script(t, dir, "open", "")
	windows, desktop := t.TempDir(), t.TempDir()
	rundll := script(t, windows, "rundll32.exe", "")
	script(t, desktop, "xdg-open", "")
	for name, c := range map[string]struct {
		env          map[string]string
		goos, system string
		want         string
		exists       string
	}{
		"Linux":            {map[string]string{"PATH": dir}, "linux", "", xdgOpen, ""},
		"FreeBSD":          {map[string]string{"PATH": dir}, "freebsd", "", xdgOpen, ""},
		"WSL":              {map[string]string{"PATH": dir, "WSL_DISTRO_NAME": "Debian"}, "linux", "", wslview, ""},
		"WSL with nothing": {map[string]string{"WSL_DISTRO_NAME": "Debian"}, "linux", "", "", ""},
		"WSL, Windows on PATH": {map[string]string{"PATH": windows, "WSL_DISTRO_NAME": "Debian"}, "linux", "",
			rundll + " url.dll,FileProtocolHandler", "/proc/sys/fs/binfmt_misc/WSLInterop"},
		"WSL, Windows in its usual place": {map[string]string{"WSL_DISTRO_NAME": "Debian", "DISPLAY": ":0"}, "linux", "",
			"/mnt/c/Windows/System32/rundll32.exe url.dll,FileProtocolHandler", "/proc/sys/fs/binfmt_misc/WSLInterop-late /mnt/c/Windows/System32/rundll32.exe"},
		"WSL, Windows programs turned off": {map[string]string{"PATH": windows, "WSL_DISTRO_NAME": "Debian"}, "linux", "", "", ""},
		"WSLg": {map[string]string{"PATH": desktop, "WSL_DISTRO_NAME": "Debian", "WAYLAND_DISPLAY": "wayland-0"}, "linux", "",
			filepath.Join(desktop, "xdg-open"), ""},
		"WSL with xdg-open and no display": {map[string]string{"PATH": desktop, "WSL_DISTRO_NAME": "Debian"}, "linux", "", "", ""},
		"a Mac, with any PATH":             {map[string]string{"PATH": dir}, "darwin", "", "/usr/bin/open", ""},
		"Windows, with any variables": {map[string]string{"PATH": dir, "SystemRoot": dir}, "windows", `C:\WINDOWS\system32`,
			`C:\WINDOWS\system32\rundll32.exe url.dll,FileProtocolHandler`, ""},
		// WSLENV can pass the variable to a Windows program.
		"Windows, started from WSL": {map[string]string{"PATH": dir, "WSL_DISTRO_NAME": "Debian"}, "windows", `C:\WINDOWS\system32`,
			`C:\WINDOWS\system32\rundll32.exe url.dll,FileProtocolHandler`, ""},
		"Windows without a known system directory": {map[string]string{"PATH": dir}, "windows", "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			path, args, err := opener(env.FromMap(c.env), c.goos, c.system, func(path string) bool { return slices.Contains(strings.Fields(c.exists), path) })
			if got := strings.Join(append([]string{path}, args...), " "); got != c.want || (err == nil) != (c.want != "") {
				t.Errorf("got %q, error %v", got, err)
			}
		})
	}
}

// start is the only function that starts a browser, on all systems.
func TestBrowserGetsNoAWSSecrets(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "out")
	script(t, dir, "show", "env >"+out)
	t.Setenv("AWS_SECRET_ACCESS_KEY", "canary")
	t.Setenv("AWS_PROFILE", "of-the-process")
	b := Browser{Env: env.FromMap(map[string]string{"BROWSER": "show", "PATH": dir + ":/usr/bin:/bin", "AWS_PROFILE": "of-the-caller", "AWS_SECRET_ACCESS_KEY": "canary"})}
	if err := b.Open(t.Context(), "https://d.awsapps.com/start"); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(out); strings.Contains(string(got), "canary") || !strings.Contains(string(got), "AWS_PROFILE=of-the-caller\n") {
		t.Errorf("environment:\n%s", got)
	}
}
