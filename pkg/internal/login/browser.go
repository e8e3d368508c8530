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

// startTimeout is how long to wait for a browser command to fail. If it is still running
// after this time, the browser is considered open.
const startTimeout = 3 * time.Second

// ErrNoBrowser means that no browser can be opened on this machine.
var ErrNoBrowser = errors.New("no browser can be opened here")

// NoBrowserError is ErrNoBrowser with a reason.
type NoBrowserError struct {
	Reason string // for example "there is no display"
	// Unattended is true if CI is set or there is no terminal. No user would see a device
	// code then, so it must be requested explicitly.
	Unattended bool
}

// Error returns the reason.
func (e *NoBrowserError) Error() string { return ErrNoBrowser.Error() + ": " + e.Reason }

// isUnattended reports whether no browser was opened and no user is present who could use
// another one.
func isUnattended(err error) bool {
	none, ok := errors.AsType[*NoBrowserError](err)
	return ok && none.Unattended
}

// Unwrap returns ErrNoBrowser.
func (e *NoBrowserError) Unwrap() error { return ErrNoBrowser }

// Browser opens web pages in the user's browser with the command in BROWSER, with wslview
// or Windows's opener inside WSL, or with the desktop's opener. It uses no shell and no
// relative PATH entries. The browser process gets the environment in Env without AWS keys
// and tokens, and none of our streams.
type Browser struct {
	Env      env.Set
	Terminal bool // the process has a terminal, so a user is likely to be present
}

// CanOpen returns nil if a browser on this machine can probably open and connect to a port
// on 127.0.0.1, or a *NoBrowserError. With CI set, it never opens one. BROWSER is the
// user's explicit choice and overrides all other reasons, including the missing terminal,
// as in Python's webbrowser, which the AWS CLI uses.
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

// Open opens page. It returns when the browser command has exited or has run for three
// seconds. It only opens https, and http to the loopback address that is configured as the
// sign-in endpoint. The command line contains a link to the page (see newLink), which works
// until ctx ends.
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
	path, args, err := opener(b.Env, runtime.GOOS, programs.SystemDirectory(), fileExists)
	if err != nil {
		return err
	}
	return b.start(path, append(args, link)...)
}

// WSL registers Windows programs with the kernel under one of these two names. It mounts
// drive C below /mnt, unless /etc/wsl.conf sets another directory; in that case, PATH
// contains it. https://learn.microsoft.com/windows/wsl/filesystems
var wslInterop = [...]string{"/proc/sys/fs/binfmt_misc/WSLInterop", "/proc/sys/fs/binfmt_misc/WSLInterop-late"}

const wslSystem = "/mnt/c/Windows/System32/"

// wslOpener returns the program that opens a URL from WSL: wslview, Windows's opener, or
// that of a Linux desktop (WSLg).
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

// openerProgram opens a URL in the default browser without a shell. Its arguments are
// openerArgs and the URL.
const openerProgram = "rundll32.exe"

var openerArgs = []string{"url.dll,FileProtocolHandler"}

// opener returns the system's program for opening a URL and the arguments before the URL.
// The programs on macOS and Windows have absolute paths.
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

// openWith tries the commands in BROWSER in order. The format is that of Python's
// webbrowser, which the AWS CLI uses: a list of commands in which %s is replaced with the
// URL. Without %s, the URL is the last argument.
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
		if err = b.start(path, withURL(command.words[1:], rawURL)...); err == nil {
			return nil
		}
		err = fmt.Errorf("BROWSER: %w", err)
	}
	return err
}

// checkURL rejects URLs that must not be passed to a browser: other schemes (files,
// scripts), and anything that a program could interpret as an option or as two arguments.
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

// isConfiguredEndpoint reports whether the user's settings send sign-in requests to u's
// host. In that case, plain http to loopback is intended (a local substitute for AWS).
func (b Browser) isConfiguredEndpoint(u *url.URL) bool {
	for _, v := range []env.Var{env.AWSEndpointURLSSOOIDC, env.AWSEndpointURL} {
		if set, err := url.Parse(b.Env.Get(v)); err == nil && set.Scheme == u.Scheme && set.Host == u.Host {
			return true
		}
	}
	return false
}

// start runs a program without our streams and outside our process group, because Docker's
// Ctrl-C would otherwise close a browser that it starts. It waits up to startTimeout for
// the program to exit.
func (b Browser) start(path string, args ...string) error {
	cmd := exec.Command(path, args...)
	cmd.Env = programs.WithoutSecrets(programs.Environ(b.Env)) // xdg-open is a shell script
	programs.Detach(cmd)
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

// browserCommand is a command in BROWSER, or the error from parsing it.
type browserCommand struct {
	words []string
	err   error
}

// browserCommands splits BROWSER into commands and each command into words. The path of an
// existing program is a single word, even if it contains separators or spaces.
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

// withURL replaces %s with the URL or appends it.
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
