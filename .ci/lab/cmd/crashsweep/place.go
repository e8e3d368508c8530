//go:build linux && amd64

package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/ecr-sso/docker-credential-ecr-sso/lab"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// worker has the programs and its own fake AWS. The fake's log then contains the calls of
// only one point.
type worker struct {
	fake  *awstest.AWS
	bench *lab.Bench
	tools tools
	dir   string // directory for its homes
	homes int
}

// tools contains the paths of the programs.
type tools struct{ program, trap, browser string }

// place is the home directory for one point.
type place struct {
	*lab.World
	*worker
	token  awstest.SSOToken // the session's
	secret string           // the password of `docker login`, or its prefix
	logins int              // number of passwords with that prefix
	// witness has the files that addUserFiles created.
	witness map[string]string
	before  map[string]string
}

// The commands in the sweep must not change these files.
const (
	otherSession = "other"
	witnessHost  = "111122223333.dkr.ecr.eu-central-1.amazonaws.com"

	dockerText   = "{\n\t\"auths\": {\"registry.example.com\": {\"auth\": \"" + dockerAuth + "\"}},\n\t\"credHelpers\": {\n\t\t\"gcr.io\": \"gcr\"\n\t}\n}\n"
	settingsText = "# owner\n[registries]\n\"" + witnessHost + "\" = \"dev\" # not prod\n"
	keysText     = "# mine\n[keys]\naws_access_key_id = AKIAWITNESS000000001\naws_secret_access_key = " + keysSecret + "\n"
	dockerAuth   = "d2l0bmVzczpodW50ZXIyaHVudGVyMg=="
	keysSecret   = "w1tn3ss/k3y/w1tn3ss/k3y/w1tn3ss/k3y00001"
)

// freshFake is the number of home directories that share a fake AWS.
const freshFake = 10

func newFake() (*awstest.AWS, error) { return lab.NewAWS(awstest.Options{AutoApprove: true}) }

// newHome creates a home with two profiles and no other files.
func (s *worker) newHome() (*place, error) {
	// Each point searches for all secrets that its fake has issued.
	if s.homes++; s.homes%freshFake == 0 {
		fake, err := newFake()
		if err != nil {
			return nil, err
		}
		s.fake.Close()
		s.fake = fake
	}
	dir := filepath.Join(s.dir, "home")
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	w, err := lab.NewWorld(s.fake, dir)
	if err != nil {
		return nil, err
	}
	w.Env = append(w.Env, "BROWSER="+s.tools.browser+" -browse")
	return &place{World: w, worker: s, secret: "st0red-passw0rd-" + strings.Repeat("x", 40)}, w.AgeFiles()
}

// addUserFiles adds a user's other files to the home directory.
func (p *place) addUserFiles() error {
	p.Home.SSOProfile("elsewhere", otherSession, "https://other.awsapps.com/start", "eu-west-1", lab.OtherAccount, lab.Role)
	p.Home.WriteToken(otherSession, p.AWS.SignIn("https://other.awsapps.com/start", "eu-west-1", true))
	p.Home.WriteCredentials(keysText)
	cli := p.Path(".aws", "cli", "cache")
	settings := p.Path(".config", lab.Helper)
	for _, dir := range []string{cli, settings} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	for path, text := range map[string]string{
		filepath.Join(cli, "witness.json"):     `{"Credentials": {"AccessKeyId": "ASIAWITNESS"}}`,
		p.Path(".docker", "config.json"):       dockerText,
		filepath.Join(settings, "config.toml"): settingsText,
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return err
		}
	}
	err := errors.Join(p.AgeFiles(), p.must(p.store(witnessHost, "w1tness-passw0rd-"+strings.Repeat("y", 40))))
	p.witness = p.snapshot()
	return err
}

// store returns the helper call that `docker login` makes.
func (p *place) store(host, secret string) lab.Call {
	login, _ := json.Marshal(map[string]string{"ServerURL": host, "Username": "AWS", "Secret": secret})
	return p.call(string(login), "store")
}

func (p *place) call(stdin string, args ...string) lab.Call {
	return lab.Call{Program: p.tools.program, Args: args, Stdin: stdin, Env: p.Env, Dir: p.Home.Dir}
}

func (p *place) get() lab.Call { return p.Get(p.tools.program, lab.Host) }

// must runs a program and returns an error if it fails.
func (p *place) must(c lab.Call) error {
	r, err := p.bench.Run(c)
	if err == nil && r.Code != 0 {
		err = failure("%s ended with %d: %s", strings.Join(c.Args, " "), r.Code, r.Stdout+r.Stderr)
	}
	return err
}

// snapshot returns the content of all files below the home directory, by relative path.
func (p *place) snapshot() map[string]string {
	files := map[string]string{}
	_ = filepath.WalkDir(p.Home.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil
		}
		data, _ := os.ReadFile(path)
		rel, _ := filepath.Rel(p.Home.Dir, path)
		files[rel] = string(data)
		return nil
	})
	return files
}

// secrets returns all secrets. They may appear only in their own files.
func (p *place) secrets() []string { return append(p.AWS.Secrets(), p.secret, dockerAuth, keysSecret) }
