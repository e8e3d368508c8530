package login

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/crash"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/programs"
)

// startTimeout is how long a browser command may take to fail; one that still runs
// after it counts as an open browser.
const startTimeout = 3 * time.Second

// ErrNoBrowser says that no browser can be opened here.
var ErrNoBrowser = errors.New("no browser can be opened here")

// NoBrowserError is ErrNoBrowser with its reason.
type NoBrowserError struct {
	Reason string // such as "there is no display"
	// Unattended is true with CI set and without a terminal: no user would see a device
	// code, so it needs an explicit request.
	Unattended bool
}

// Error names the reason.
func (e *NoBrowserError) Error() string { return ErrNoBrowser.Error() + ": " + e.Reason }

// isUnattended reports whether no browser was opened, and no user is present who could use
// another one.
func isUnattended(err error) bool {
	none, ok := errors.AsType[*NoBrowserError](err)
	return ok && none.Unattended
}

// Unwrap makes it ErrNoBrowser for errors.Is.
func (e *NoBrowserError) Unwrap() error { return ErrNoBrowser }

// Browser opens web pages in the user's browser: the command in BROWSER, inside WSL
// wslview or the opener of Windows, else the desktop's opener. It uses no shell and no
// relative PATH entry.
// The browser's process gets none of our streams and no AWS keys or tokens.
type Browser struct {
	Env      env.Set
	Terminal bool // the process has a terminal, so a user is likely to be present
}

// CanOpen returns nil if a browser on this machine can be expected to open and to
// reach a port of 127.0.0.1 here, else a *NoBrowserError. With CI set nothing opens.
// BROWSER is the user's explicit choice and overrides all other reasons, the missing
// terminal included; Python's webbrowser, which the AWS CLI uses, does the same.
func (b Browser) CanOpen() error {
	return b.canOpen(runtime.GOOS, fileExists)
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func (b Browser) canOpen(goos string, exists func(string) bool) error {
	e := b.Env
	switch {
	case e.Get(env.CI) != "":
		return &NoBrowserError{Reason: "CI is set", Unattended: true}
	case strings.TrimSpace(e.Get(env.Browser)) != "":
		return nil
	case !b.Terminal:
		return &NoBrowserError{Reason: "there is no terminal", Unattended: true}
	case e.Get(env.SSHConnection) != "" || e.Get(env.SSHTTY) != "":
		return &NoBrowserError{Reason: "this is a remote shell (SSH)"}
	case goos == "linux" && (exists("/.dockerenv") || exists("/run/.containerenv")):
		return &NoBrowserError{Reason: "this is a container"}
	case goos == "linux" && e.Get(env.WSLDistro) != "":
		if _, _, err := wslOpener(e, exists); err != nil {
			return &NoBrowserError{Reason: "this is WSL without wslview, without Windows programs and without a display"}
		}
	case goos == "linux" && e.Get(env.Display) == "" && e.Get(env.WaylandDisplay) == "":
		return &NoBrowserError{Reason: "there is no display"}
	}
	return nil
}

// Open opens page. It returns when the browser's command has ended or has run for three
// seconds. It opens only https, and http to the loopback address that is configured as
// the sign-in endpoint. The command line has a link to the page, see newLink; the link
// works until ctx ends.
func (b Browser) Open(ctx context.Context, page string) error {
	if err := b.checkURL(page); err != nil {
		return err
	}
	link, err := newLink(ctx, page)
	if err != nil {
		return err
	}
	if command := strings.TrimSpace(b.Env.Get(env.Browser)); command != "" {
		err := b.openWith(command, link)
		if err != nil && !b.Terminal {
			err = &NoBrowserError{Reason: err.Error(), Unattended: true}
		}
		return err
	}
	path, args, err := opener(b.Env, runtime.GOOS, systemDirectory(), fileExists)
	if err != nil {
		return err
	}
	return start(path, append(args, link)...)
}

// The interoperability of WSL registers Windows programs with the kernel under one of two
// names, and mounts the drive C below /mnt unless /etc/wsl.conf says otherwise. Then PATH
// has its directory. https://learn.microsoft.com/windows/wsl/filesystems
var wslInterop = [...]string{"/proc/sys/fs/binfmt_misc/WSLInterop", "/proc/sys/fs/binfmt_misc/WSLInterop-late"}

const wslSystem = "/mnt/c/Windows/System32/"

// wslOpener returns the program that opens a URL from WSL: wslview, else the one of Windows,
// else that of a Linux desktop (WSLg).
func wslOpener(e env.Set, exists func(string) bool) (path string, args []string, err error) {
	if path, err = programs.Find(e, "wslview"); err == nil {
		return path, nil, nil
	}
	if exists(wslInterop[0]) || exists(wslInterop[1]) {
		path, err = programs.Find(e, openerProgram)
		if err != nil && exists(wslSystem+openerProgram) {
			path, err = wslSystem+openerProgram, nil
		}
		if err == nil {
			return path, openerArgs, nil
		}
	}
	if e.Get(env.Display) != "" || e.Get(env.WaylandDisplay) != "" {
		return desktopOpener(e)
	}
	return "", nil, fmt.Errorf("%w: WSL without wslview, Windows programs and a display", ErrNoBrowser)
}

// openerProgram with openerArgs and a URL opens it in the default browser, without a shell.
const openerProgram = "rundll32.exe"

var openerArgs = []string{"url.dll,FileProtocolHandler"}

// opener returns the system's program that opens a URL, and its arguments before the
// URL. The programs of macOS and Windows have absolute paths.
func opener(e env.Set, goos, system string, exists func(string) bool) (path string, args []string, err error) {
	switch {
	case goos == "linux" && e.Get(env.WSLDistro) != "":
		return wslOpener(e, exists)
	case goos == "darwin":
		return "/usr/bin/open", nil, nil
	case goos == "windows" && system == "":
		return "", nil, fmt.Errorf("%w: the system directory of Windows is not known", ErrNoBrowser)
	case goos == "windows":
		return system + `\` + openerProgram, openerArgs, nil
	}
	return desktopOpener(e)
}

// desktopOpener returns the opener of a Linux or BSD desktop.
func desktopOpener(e env.Set) (path string, args []string, err error) {
	for _, name := range [...]string{"xdg-open", "x-www-browser", "www-browser"} {
		if path, err := programs.Find(e, name); err == nil {
			return path, nil, nil
		}
	}
	return "", nil, fmt.Errorf("%w: xdg-open is not on PATH", ErrNoBrowser)
}

// openWith tries the commands of BROWSER in order. The format is that of Python's
// webbrowser, which the AWS CLI uses: a list, each command with %s in the place of the
// URL, else the URL is the last argument.
func (b Browser) openWith(commands, rawURL string) error {
	err := fmt.Errorf("BROWSER: %w", ErrNoBrowser)
	for _, command := range browserCommands(commands) {
		if command.err != nil {
			err = fmt.Errorf("BROWSER: %w", command.err)
			continue
		}
		path, lookErr := programs.Find(b.Env, command.words[0])
		if lookErr != nil {
			err = fmt.Errorf("BROWSER: %w", lookErr)
			continue
		}
		if err = start(path, withURL(command.words[1:], rawURL)...); err == nil {
			return nil
		}
		err = fmt.Errorf("BROWSER: %w", err)
	}
	return err
}

// checkURL rejects URLs that a browser must not get: other schemes (a file, a script),
// and everything that a program could read as an option or split in two.
func (b Browser) checkURL(rawURL string) error {
	for i := 0; i < len(rawURL); i++ {
		if c := rawURL[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("\"`<>\\^{|}", c) >= 0 {
			return errors.New("sign-in URL has a character that is not valid in a URL")
		}
	}
	u, err := url.Parse(rawURL)
	switch {
	case err != nil || u.Host == "" || u.User != nil:
		return errors.New("sign-in URL is not a valid URL")
	case u.Scheme == "https":
		return nil
	case u.Scheme == "http" && awsclient.IsLoopback(u.Hostname()) && b.isConfiguredEndpoint(u):
		return nil
	}
	return errors.New("sign-in URL is not https")
}

// isConfiguredEndpoint reports whether the user's settings send the sign-in service to
// u's host: then plain http to loopback is intended (a local substitute for AWS).
func (b Browser) isConfiguredEndpoint(u *url.URL) bool {
	for _, v := range []env.Var{env.AWSEndpointURLSSOOIDC, env.AWSEndpointURL} {
		if set, err := url.Parse(b.Env.Get(v)); err == nil && set.Scheme == u.Scheme && set.Host == u.Host {
			return true
		}
	}
	return false
}

// start runs a program without our streams and without our terminal's signals: a
// browser that it starts would otherwise end with Docker's Ctrl-C. It waits for the
// program's end, for startTimeout at most.
func start(path string, args ...string) error {
	cmd := exec.Command(path, args...)
	cmd.Env = programs.WithoutSecrets(programs.CleanPath(cmd.Environ())) // xdg-open is a shell script
	detach(cmd)
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	crash.Go(func() { ended <- cmd.Wait() })
	select {
	case err := <-ended:
		if err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(path), err)
		}
	case <-time.After(startTimeout):
	}
	return nil
}

// browserCommand is one command of BROWSER, or the error of splitting it.
type browserCommand struct {
	words []string
	err   error
}

// browserCommands splits BROWSER into its commands and each command into words. The
// path of an existing program is one word, even with a separator or a blank in it.
func browserCommands(value string) (commands []browserCommand) {
	if filepath.IsAbs(value) {
		if info, err := os.Stat(value); err == nil && !info.IsDir() {
			return []browserCommand{{words: []string{value}}}
		}
	}
	for _, c := range strings.Split(value, string(os.PathListSeparator)) {
		c = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(c), "&"))
		if c != "" {
			words, err := programs.SplitWords(c)
			commands = append(commands, browserCommand{words, err})
		}
	}
	return commands
}

// withURL replaces %s with the URL, or else appends it.
func withURL(args []string, rawURL string) []string {
	out := make([]string, 0, len(args)+1)
	found := false
	for _, a := range args {
		if strings.Contains(a, "%s") {
			found = true
			a = strings.ReplaceAll(a, "%s", rawURL)
		}
		out = append(out, a)
	}
	if !found {
		out = append(out, rawURL)
	}
	return out
}
