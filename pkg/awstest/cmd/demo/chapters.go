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

// configure writes the configuration of the user: an SSO profile and an entry for Docker.
func (s *story) configure() error {
	title("A machine with an SSO profile, and one line in Docker's configuration")
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

func (s *story) notSignedIn() error {
	title("Not signed in: the push fails, with the command to run")
	return s.refused(s.pushImage(nil))
}

func (s *story) signIn() error {
	title("Sign in through the browser; the token is saved in the AWS CLI's files")
	out, err := helper("", "login", "--sso-session", "corp")
	show("docker-credential-ecr-sso login --sso-session corp", out)
	s.called()
	return err
}

func (s *story) push() error {
	title("Push: the helper gets a login with the session")
	if err := s.pushImage(nil); err != nil {
		return err
	}
	s.called()
	title("Push again: the login comes from the cache, without a call to AWS")
	if err := s.pushImage(nil); err != nil {
		return err
	}
	s.called()
	return nil
}

func (s *story) pull() error {
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
	s.called()
	return nil
}

func (s *story) otherRegion() error {
	title("A registry in another region: the role credentials are cached, so the helper calls only ECR")
	other := account + ".dkr.ecr.eu-west-1.amazonaws.com"
	if out, err := helper(other, "get"); err != nil {
		return fmt.Errorf("get: %w: %s", err, out)
	}
	show("echo "+other+" | docker-credential-ecr-sso get", "(a login for user AWS)\n")
	s.called()
	return nil
}

func (s *story) explain() error {
	title("Which credentials the registry uses, and why")
	out, err := helper("", "explain", host)
	show("docker-credential-ecr-sso explain "+host, out)
	return err
}

func (s *story) logout() error {
	title("Sign out: the cached login ends with the session")
	out, err := helper("", "logout")
	show("docker-credential-ecr-sso logout", out)
	if err != nil {
		return err
	}
	return s.refused(s.pushImage(nil))
}

// pushImage pushes a small image with the keychain that reads Docker's
// configuration and runs the helper it names.
func (s *story) pushImage(img v1.Image) error {
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
	if err := quietly(func() error { return remote.Write(ref, img, s.options()...) }); err != nil {
		return err
	}
	show("push "+image, fmt.Sprintf("pushed in %d ms\n", time.Since(start).Milliseconds()))
	return nil
}

// quietly hides the stderr of the helper that the keychain runs, because the error has the
// same line.
func quietly(do func() error) error {
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

func (s *story) options() []remote.Option {
	return []remote.Option{remote.WithAuthFromKeychain(authn.DefaultKeychain), remote.WithTransport(s.aws.Transport())}
}

// refused shows the error of a push that has to fail.
func (s *story) refused(err error) error {
	if err == nil {
		return errors.New("the push succeeded without a session")
	}
	show("push "+image, err.Error()+"\n")
	s.called()
	return nil
}

// called shows the calls of AWS since the last push began.
func (s *story) called() {
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
	fmt.Println("   calls to AWS:", strings.Join(calls, ", "))
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
