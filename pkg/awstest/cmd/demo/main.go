// Command demo shows a docker push against the fake AWS, step by step. It builds the
// helper, creates a temporary home directory, signs in, pushes and pulls an image, and
// signs out. The keychain of go-containerregistry runs the helper like docker. Each step
// prints its AWS calls. The demo requires only Go and removes its temporary directory at
// the end.
//
//	go run ./pkg/awstest/cmd/demo
package main

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

const (
	startURL = "https://corp.awsapps.com/start"
	region   = "us-east-1"
	account  = "123456789012"
	host     = account + ".dkr.ecr." + region + ".amazonaws.com"
	image    = host + "/team/app:v1"
)

func main() {
	if len(os.Args) == 3 && os.Args[1] == "browse" {
		if err := browse(os.Args[2]); err != nil {
			os.Exit(1)
		}
		return
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run() error {
	dir, err := os.MkdirTemp("", "ecr-sso-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	s, err := newDemo(dir)
	if err != nil {
		return err
	}
	defer s.aws.Close()
	for _, chapter := range []func() error{
		s.notSignedIn, s.signIn, s.push, s.pull, s.otherRegion, s.explain, s.logout,
	} {
		if err := chapter(); err != nil {
			return err
		}
	}
	fmt.Printf("\nEverything above ran on this machine against a fake AWS. %s has been removed.\n", dir)
	return nil
}

// demo is the state shared by the steps.
type demo struct {
	aws  *awstest.AWS
	home *awstest.Home
}

// newDemo builds the helper and sets up the fake AWS and the home directory.
func newDemo(dir string) (*demo, error) {
	home, bin := filepath.Join(dir, "home"), filepath.Join(dir, "bin")
	for _, d := range []string{home, bin} {
		if err := os.Mkdir(d, 0o700); err != nil {
			return nil, err
		}
	}
	build := exec.Command("go", "build", "-tags", "nethttpomithttp2", "-trimpath", "-ldflags", "-s -w", "-o", bin+string(filepath.Separator), "./docker-credential-ecr-sso")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go build: %w\n%s", err, out)
	}
	aws, err := awstest.New(awstest.Options{})
	if err != nil {
		return nil, err
	}
	aws.AddInstance(startURL, region)
	aws.AddAccount(account, "Production", "prod@example.com", "Push")
	s := &demo{aws, aws.Home(home)}
	// The helper, and the keychain that runs it, inherit this process's environment, so it
	// must contain only the temporary home directory.
	os.Clearenv()
	for _, kv := range s.home.Env() {
		name, value := cut(kv)
		_ = os.Setenv(name, value)
	}
	_ = os.Setenv("PATH", bin)
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	_ = os.Setenv("BROWSER", "'"+self+"' browse %s")
	return s, s.configure()
}

// browse acts as the browser of a signed-in user: it follows the redirect from the sign-in
// page to the helper's callback.
func browse(url string) error {
	res, err := http.Get(url)
	if err != nil {
		return err
	}
	return res.Body.Close()
}
