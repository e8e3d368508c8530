package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// configure writes the user's configuration: an SSO profile and a Docker credHelpers entry.
func (s *demo) configure() error {
	title("A machine with an SSO profile and one line in Docker's config")
	s.home.SSOProfile("prod", "corp", startURL, region, account, "Push")
	config, err := os.ReadFile(s.home.ConfigPath())
	if err != nil {
		return err
	}
	show("cat ~/.aws/config", string(config))
	docker := fmt.Sprintf("{\"credHelpers\": {%q: \"ecr-sso\"}}\n", host)
	path := filepath.Join(os.Getenv("DOCKER_CONFIG"), "config.json")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	show("cat ~/.docker/config.json", docker)
	return os.WriteFile(path, []byte(docker), 0o600)
}

func (s *demo) notSignedIn() error {
	title("Not signed in: the push fails and shows the command to run")
	return s.printExpectedError(s.pushImage(nil))
}

func (s *demo) signIn() error {
	title("Sign in with the browser; the token is saved in the AWS CLI's cache")
	out, err := helper("", "login", "--sso-session", "corp")
	show("docker-credential-ecr-sso login --sso-session corp", out)
	s.printCalls()
	return err
}

func (s *demo) push() error {
	title("Push: the helper uses the session to get a login")
	if err := s.pushImage(nil); err != nil {
		return err
	}
	s.printCalls()
	title("Push again: the login is cached, so the helper makes no AWS call")
	if err := s.pushImage(nil); err != nil {
		return err
	}
	s.printCalls()
	return nil
}

func (s *demo) pull() error {
	title("Pull the image")
	ref, err := name.ParseReference(image)
	if err != nil {
		return err
	}
	img, err := remote.Image(ref, s.options()...)
	if err != nil {
		return err
	}
	digest, err := img.Digest()
	if err != nil {
		return err
	}
	show("pull "+image, digest.String()+"\n")
	s.printCalls()
	return nil
}

func (s *demo) otherRegion() error {
	title("A registry in another region: the role credentials are cached, so the helper only calls ECR")
	other := account + ".dkr.ecr.eu-west-1.amazonaws.com"
	if out, err := helper(other, "get"); err != nil {
		return fmt.Errorf("get: %w: %s", err, out)
	}
	show("echo "+other+" | docker-credential-ecr-sso get", "(a login for user AWS)\n")
	s.printCalls()
	return nil
}

func (s *demo) explain() error {
	title("Show which credentials a registry uses, and why")
	out, err := helper("", "explain", host)
	show("docker-credential-ecr-sso explain "+host, out)
	return err
}

func (s *demo) logout() error {
	title("Sign out: this also removes the cached login")
	out, err := helper("", "logout")
	show("docker-credential-ecr-sso logout", out)
	if err != nil {
		return err
	}
	return s.printExpectedError(s.pushImage(nil))
}

// pushImage pushes a small image with a keychain that reads Docker's config and runs the
// helper.
func (s *demo) pushImage(img v1.Image) error {
	s.aws.ResetLog()
	ref, err := name.ParseReference(image)
	if err != nil {
		return err
	}
	if img == nil {
		if img, err = random.Image(1024, 1); err != nil {
			return err
		}
	}
	start := time.Now()
	if err := withoutStderr(func() error { return remote.Write(ref, img, s.options()...) }); err != nil {
		return err
	}
	show("push "+image, fmt.Sprintf("pushed in %d ms\n", time.Since(start).Milliseconds()))
	return nil
}

// withoutStderr hides the helper's stderr, because the returned error has the same line.
func withoutStderr(do func() error) error {
	stderr := os.Stderr
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	os.Stderr = null
	defer func() { os.Stderr = stderr }()
	return do()
}

func (s *demo) options() []remote.Option {
	return []remote.Option{remote.WithAuthFromKeychain(authn.DefaultKeychain), remote.WithTransport(s.aws.Transport())}
}

// printExpectedError prints the error of a push that must fail.
func (s *demo) printExpectedError(err error) error {
	if err == nil {
		return errors.New("the push succeeded without a sign-in")
	}
	show("push "+image, err.Error()+"\n")
	s.printCalls()
	return nil
}

// printCalls prints the AWS calls since the last push began.
func (s *demo) printCalls() {
	var calls []string
	for _, c := range s.aws.Log() {
		if !strings.HasPrefix(string(c.Op), "Registry") {
			calls = append(calls, string(c.Op))
		}
	}
	s.aws.ResetLog()
	if len(calls) == 0 {
		calls = []string{"none"}
	}
	fmt.Println("   AWS calls:", strings.Join(calls, ", "))
}

func helper(stdin string, args ...string) (string, error) {
	cmd := exec.Command("docker-credential-ecr-sso", args...)
	cmd.Stdin = strings.NewReader(stdin)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}

func title(text string) { fmt.Printf("\n== %s\n", text) }

func show(command, output string) {
	fmt.Println("   $", command)
	for line := range strings.Lines(output) {
		fmt.Print("     ", line)
	}
}

func cut(kv string) (name, value string) {
	name, value, _ = strings.Cut(kv, "=")
	return name, value
}
