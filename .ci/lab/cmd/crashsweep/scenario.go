//go:build linux && amd64

package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/ecr-sso/docker-credential-ecr-sso/lab"
)

// scenario is a command in a given situation.
type scenario struct {
	name    string
	prepare func(*place) error // sets up the home directory
	call    func(*place) lab.Call
	// touches reports whether the command may change or remove an existing file, given by
	// its path relative to the home directory.
	touches func(*place, string) bool
	// served means that the command succeeds even if a file cannot be written.
	served bool
	// ends is the state of the session after a run without a fault; "": signed in.
	ends string
}

const signedOut = "signed out"

func nothing(*place, string) bool { return false }

func oneOf(names ...string) func(*place, string) bool {
	return func(_ *place, path string) bool {
		for _, name := range names {
			if path == filepath.FromSlash(name) {
				return true
			}
		}
		return false
	}
}

const (
	configFile   = ".aws/config"
	dockerFile   = ".docker/config.json"
	settingsFile = ".config/" + lab.Helper + "/config.toml"
)

// tokens matches the session's token file, which also contains the client registration.
func tokens(p *place, path string) bool { return p.Path(path) == p.Home.TokenPath(lab.Session) }

// ours matches entries in our cache that addUserFiles did not create.
func ours(p *place, path string) bool {
	_, witness := p.witness[path]
	return !witness && filepath.Dir(path) == filepath.Join(".cache", lab.Helper)
}

func withUserFiles(signIn func(*place) error) func(*place) error {
	return func(p *place) error {
		if err := p.addUserFiles(); err != nil {
			return err
		}
		return signIn(p)
	}
}

func noSession(*place) error  { return nil }
func signedIn(p *place) error { p.token = p.SignIn(); return nil }
func expired(p *place) error  { p.token = p.SignInExpired(true); return nil }

// loggedIn is a home with a cached login.
func loggedIn(p *place) error {
	_ = signedIn(p)
	return p.must(p.get())
}

func command(args ...string) func(*place) lab.Call {
	return func(p *place) lab.Call { return p.call("", args...) }
}

// scenarios returns a scenario for every command that writes files.
func scenarios() []scenario {
	return []scenario{
		{name: "get, new home", prepare: signedIn, call: (*place).get, touches: nothing, served: true},
		{name: "get", prepare: withUserFiles(signedIn), call: (*place).get, touches: nothing, served: true},
		{name: "get, session expired", prepare: withUserFiles(expired), call: (*place).get, touches: tokens},
		{name: "login", prepare: withUserFiles(noSession), call: command("login", "--sso-session", lab.Session), touches: nothing},
		{name: "login, again", prepare: withUserFiles(expired), call: command("login", "--sso-session", lab.Session), touches: tokens},
		{name: "login, device code", prepare: withUserFiles(noSession), call: command("login", "--sso-session", lab.Session, "--use-device-code"), touches: nothing},
		{name: "logout", prepare: withUserFiles(loggedIn), call: command("logout", "--sso-session", lab.Session), ends: signedOut,
			touches: func(p *place, path string) bool {
				return tokens(p, path) || ours(p, path) || roles(p, path) || lineage(path)
			}},
		{name: "store", prepare: withUserFiles(signedIn), call: func(p *place) lab.Call { return p.store(lab.Host, p.secret) }, touches: nothing},
		{name: "store, again", prepare: withUserFiles(stored), call: (*place).storeAnother, touches: ours},
		{name: "erase", prepare: withUserFiles(answered), call: func(p *place) lab.Call { return p.call(lab.Host, "erase") }, touches: ours},
		{name: "configure", prepare: withUserFiles(noSession), call: command(configureArgs...), touches: oneOf(configFile, dockerFile)},
		{name: "map", prepare: withUserFiles(signedIn), call: command("map", lab.Host, lab.Profile), touches: oneOf(settingsFile)},
		{name: "map, new home", prepare: signedIn, call: command("map", lab.Host, lab.Profile), touches: nothing},
		{name: "map --remove", prepare: withUserFiles(signedIn), call: command("map", "--remove", witnessHost), touches: oneOf(settingsFile)},
		{name: "configure-docker", prepare: withUserFiles(signedIn), call: command("configure-docker", lab.Host), touches: oneOf(dockerFile)},
		{name: "configure-docker --remove", prepare: withUserFiles(registered), call: command("configure-docker", "--remove"), touches: oneOf(dockerFile)},
	}
}

var configureArgs = strings.Fields("configure --profile fresh --sso-session " + lab.Session + " --start-url " + lab.StartURL +
	" --sso-region " + lab.Region + " --account-id " + lab.Account + " --role-name ReadOnly --region us-west-2 --output json")

// roles matches role credentials cached by a get.
func roles(_ *place, path string) bool {
	return filepath.Dir(path) == filepath.Join(".aws", "cli", "cache") && filepath.Base(path) != "witness.json"
}

// lineage matches the record of the last sign-in, which changes with the get after the next
// sign-in.
func lineage(path string) bool {
	return filepath.Base(filepath.Dir(path)) == "locks" && filepath.Ext(path) == ".signin"
}

func stored(p *place) error {
	_ = signedIn(p)
	return p.must(p.store(lab.Host, p.secret))
}

// answered is a home directory in which a get returned a stored login, so it has a warm
// entry.
func answered(p *place) error {
	if err := stored(p); err != nil {
		return err
	}
	return p.must(p.get())
}

// storeAnother stores a new password. If it were already stored, no file would change, and
// the run would not clean up.
func (p *place) storeAnother() lab.Call {
	p.logins++
	return p.store(lab.Host, fmt.Sprint(p.secret, "-", p.logins))
}

func registered(p *place) error {
	_ = signedIn(p)
	return p.must(p.call("", "configure-docker", lab.Host))
}
