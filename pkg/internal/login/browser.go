package login

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/cli/browser"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/programs"
)

// settleTime is how long a browser command may take to report that it does not
// work; one that runs on is taken for an open browser.
const settleTime = 3 * time.Second

// ErrNoBrowser says that no browser can be opened here.
var ErrNoBrowser = errors.New("no browser can be opened here")

// Browser opens web pages in the person's browser: the command in BROWSER,
// wslview inside WSL, else what the desktop has. No shell is involved, nothing
// is found through a relative PATH entry, and what is started shares none of
// our streams, nor the keys and tokens that AWS's variables may hold.
type Browser struct{ Env env.Set }

// CanOpen reports whether a browser on this machine can be expected to open
// and to reach a port of 127.0.0.1 here, and if not, why, in a few words.
func (b Browser) CanOpen() (bool, string) { return CanOpen(b.Env) }

// CanOpen tells it for an environment: BROWSER set is the person's word that
// there is one; a remote shell, a container, WSL without wslview and Linux
// without a display have none.
func CanOpen(e env.Set) (bool, string) {
	return canOpen(e, runtime.GOOS, func(path string) bool {
		_, err := os.Stat(path)
		return err == nil
	})
}

func canOpen(e env.Set, goos string, exists func(string) bool) (bool, string) {
	wsl := e.Get(env.WSLDistro) != ""
	switch {
	case strings.TrimSpace(e.Get(env.Browser)) != "":
		return true, ""
	case e.Get(env.SSHConnection) != "" || e.Get(env.SSHTTY) != "":
		return false, "this is a remote shell (SSH)"
	case goos == "linux" && (exists("/.dockerenv") || exists("/run/.containerenv")):
		return false, "this is a container"
	case wsl:
		if _, err := programs.Find(e, "wslview"); err != nil {
			return false, "this is WSL without wslview"
		}
	case goos == "linux" && e.Get(env.Display) == "" && e.Get(env.WaylandDisplay) == "":
		return false, "there is no display"
	}
	return true, ""
}

// Open opens rawURL, byte for byte as it is. It returns once the browser's
// command has ended or run for three seconds. Only https is opened, and http
// to the loopback address that the sign-in endpoint was set to.
func (b Browser) Open(rawURL string) error {
	if err := b.mayOpen(rawURL); err != nil {
		return err
	}
	if command := strings.TrimSpace(b.Env.Get(env.Browser)); command != "" {
		return b.openWith(command, rawURL)
	}
	if b.Env.Get(env.WSLDistro) != "" {
		path, err := programs.Find(b.Env, "wslview")
		if err != nil {
			return err
		}
		return start(path, rawURL)
	}
	if runtime.GOOS != "darwin" && runtime.GOOS != "windows" {
		return b.openOnDesktop(rawURL)
	}
	// The library starts the desktop's own opener. Without writers its child
	// gets the null device, so that no chatter reaches the protocol's stdout.
	if browser.Stdout != nil || browser.Stderr != nil {
		browser.Stdout, browser.Stderr = nil, nil
	}
	return settle(func() error { return browser.OpenURL(rawURL) })
}

// openOnDesktop starts what Unix desktops have for it, in a session of its own: a
// browser that is not running yet would otherwise end with Docker's Ctrl-C.
func (b Browser) openOnDesktop(rawURL string) error {
	for _, opener := range [...]string{"xdg-open", "x-www-browser", "www-browser"} {
		if path, err := programs.Find(b.Env, opener); err == nil {
			return start(path, rawURL)
		}
	}
	return fmt.Errorf("%w: no xdg-open on PATH", ErrNoBrowser)
}

// openWith tries the commands of BROWSER in order, as Python's webbrowser
// (the AWS CLI's) reads it: a list, each with %s where the URL goes, else at
// the end.
func (b Browser) openWith(commands, rawURL string) error {
	err := fmt.Errorf("BROWSER: %w", ErrNoBrowser)
	for _, command := range browserCommands(commands) {
		words, splitErr := splitWords(command)
		if splitErr != nil {
			err = fmt.Errorf("BROWSER: %w", splitErr)
			continue
		}
		path, lookErr := programs.Find(b.Env, words[0])
		if lookErr != nil {
			err = fmt.Errorf("BROWSER: %w", lookErr)
			continue
		}
		if err = start(path, withURL(words[1:], rawURL)...); err == nil {
			return nil
		}
		err = fmt.Errorf("BROWSER: %w", err)
	}
	return err
}

// mayOpen refuses what a browser must not be handed: other schemes (a file, a
// script), and anything that could be taken for an option or split in two.
func (b Browser) mayOpen(rawURL string) error {
	for i := 0; i < len(rawURL); i++ {
		if c := rawURL[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("\"`<>\\^{|}", c) >= 0 {
			return errors.New("sign-in URL has a character that no URL has")
		}
	}
	u, err := url.Parse(rawURL)
	switch {
	case err != nil || u.Host == "" || u.User != nil:
		return errors.New("sign-in URL is not a web address")
	case u.Scheme == "https":
		return nil
	case u.Scheme == "http" && isLoopback(u) && b.endpointIs(u):
		return nil
	}
	return errors.New("sign-in URL is not https")
}

// endpointIs reports whether the person pointed the sign-in service at u's
// host: then plain http to loopback is theirs (a local stand-in for AWS).
func (b Browser) endpointIs(u *url.URL) bool {
	for _, v := range []env.Var{env.AWSEndpointURLSSOOIDC, env.AWSEndpointURL} {
		if set, err := url.Parse(b.Env.Get(v)); err == nil && set.Scheme == u.Scheme && set.Host == u.Host {
			return true
		}
	}
	return false
}

func isLoopback(u *url.URL) bool {
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// start runs a program away from our streams and our terminal's signals.
func start(path string, args ...string) error {
	cmd := exec.Command(path, args...)
	cmd.Env = programs.WithoutSecrets(programs.CleanPath(cmd.Environ())) // xdg-open is a shell script
	detach(cmd)
	if err := cmd.Start(); err != nil {
		return err
	}
	return settle(func() error {
		if err := cmd.Wait(); err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(path), err)
		}
		return nil
	})
}

// settle waits for run, but not longer than settleTime.
func settle(run func() error) error {
	ended := make(chan error, 1)
	go func() { ended <- run() }()
	select {
	case err := <-ended:
		return err
	case <-time.After(settleTime):
		return nil
	}
}
