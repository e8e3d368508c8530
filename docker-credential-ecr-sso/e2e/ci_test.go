//go:build e2e && linux

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// These tests simulate builds on machines without a user. Each test has the environment
// and the real addresses of a CI platform (docs/ci.md).

// noCredentialsLimit is the time limit for a get that finds no credentials. The
// documented limit is 2 s. This limit is longer, because the machine may also run other
// tests.
const noCredentialsLimit = 5 * time.Second

// job is a build job with its variables and home directory, but without user files.
type job struct {
	t    *testing.T
	aws  *awstest.AWS
	home string
	env  []string
}

func newJob(t *testing.T, env ...string) *job {
	home, err := os.MkdirTemp(shared.dir, "j")
	if err != nil {
		t.Fatal(err)
	}
	aws := shared.aws
	aws.ResetLog()
	t.Cleanup(aws.ClearFaults)
	return &job{t, aws, home, append([]string{
		"HOME=" + home, "PATH=" + filepath.Join(shared.dir, "bin") + ":/usr/bin:/bin",
		"HTTPS_PROXY=" + aws.ProxyURL(), "SSL_CERT_FILE=" + aws.CAFile(),
	}, env...)}
}

// file writes a file that the platform provides and returns its path.
func (j *job) file(name, text string) string {
	j.t.Helper()
	path := filepath.Join(j.home, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		j.t.Fatal(err)
	}
	return path
}

// get runs a get for the registry without a terminal.
func (j *job) get() (stdout, stderr string, took time.Duration) {
	j.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(shared.dir, "bin", helper), "get")
	var out, errOut bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(registry), &out, &errOut
	cmd.Env, cmd.Dir = j.env, j.home
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	started := time.Now()
	_ = cmd.Run()
	took = time.Since(started)
	for _, secret := range j.aws.Secrets() {
		if len(secret) > 8 && strings.Contains(errOut.String(), secret) {
			j.t.Error("secret on stderr")
		}
	}
	return out.String(), errOut.String(), took
}

// answers runs two gets. The first makes one ECR call, and the second makes none.
func (j *job) answers() {
	j.t.Helper()
	for range 2 {
		out, errOut, took := j.get()
		var answer struct{ Username, Secret string }
		if err := json.Unmarshal([]byte(out), &answer); err != nil || answer.Username != "AWS" || errOut != "" {
			j.t.Fatalf("%v, stdout %q, stderr %q", err, out, errOut)
		}
		j.t.Logf("%v", took.Round(time.Millisecond))
	}
	if n := j.aws.Calls(awstest.GetAuthorizationToken); n != 1 {
		j.t.Errorf("%d calls to ECR: %+v", n, j.aws.Log())
	}
}

// fails runs a get that must fail with this line within the time limit.
func (j *job) fails(line string) {
	j.t.Helper()
	out, errOut, took := j.get()
	if out != line+"\n" || errOut != out {
		j.t.Errorf("stdout %q, stderr %q", out, errOut)
	}
	if took > noCredentialsLimit {
		j.t.Errorf("it took %v", took)
	}
	j.t.Logf("%v: %s", took.Round(time.Millisecond), out)
}

const (
	roleARN   = "arn:aws:iam::" + account + ":role/" + role
	nothing   = "no profile and no credentials for account " + account + "; run: " + helper + " configure"
	inGitHub  = "GITHUB_ACTIONS=true"
	inGitLab  = "GITLAB_CI=true"
	ci        = "CI=true"
	metaPlace = "169.254.169.254:80"
)

func TestBuildJobs(t *testing.T) {
	if !inCell(t) {
		return
	}
	aws := shared.aws
	if err := errors.Join(aws.ListenAt(awstest.Container, "169.254.170.2:80"), aws.ListenAt(awstest.Container, "169.254.170.23:80")); err != nil {
		t.Fatal(err)
	}
	t.Run("GitHub Actions, OIDC", func(t *testing.T) {
		j := newJob(t, ci, inGitHub, "AWS_REGION="+region, "AWS_ROLE_ARN="+roleARN)
		j.env = append(j.env, "AWS_WEB_IDENTITY_TOKEN_FILE="+j.file("oidc-token", aws.AddWebIdentity()))
		j.answers()
	})
	t.Run("GitHub Actions, keys", func(t *testing.T) {
		keys := aws.AddKeys(account)
		newJob(t, ci, inGitHub, "AWS_REGION="+region, "AWS_DEFAULT_REGION="+region,
			"AWS_ACCESS_KEY_ID="+keys.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+keys.SecretAccessKey).answers()
	})
	t.Run("a GitLab runner", func(t *testing.T) {
		keys := aws.AddKeys(account)
		newJob(t, ci, inGitLab, `DOCKER_AUTH_CONFIG={"credHelpers":{"`+registry+`":"ecr-sso"}}`,
			"AWS_ACCESS_KEY_ID="+keys.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+keys.SecretAccessKey).answers()
	})
	t.Run("CodeBuild", func(t *testing.T) {
		newJob(t, "CODEBUILD_BUILD_ID=app:1", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI="+aws.AddTask(account, role)).answers()
	})
	t.Run("ECS, the full URI", func(t *testing.T) {
		uri, token := aws.AddContainer(account, role)
		newJob(t, "AWS_CONTAINER_CREDENTIALS_FULL_URI="+uri, "AWS_CONTAINER_AUTHORIZATION_TOKEN="+token).answers()
	})
	t.Run("EKS Pod Identity", func(t *testing.T) {
		_, token := aws.AddContainer(account, role)
		j := newJob(t, "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://169.254.170.23/v1/credentials")
		j.env = append(j.env, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE="+j.file("eks-pod-identity-token", token))
		j.answers()
	})
	t.Run("EKS, IAM roles for service accounts", func(t *testing.T) {
		j := newJob(t, "AWS_ROLE_ARN="+roleARN, "AWS_REGION="+region, "AWS_STS_REGIONAL_ENDPOINTS=regional")
		j.env = append(j.env, "AWS_WEB_IDENTITY_TOKEN_FILE="+j.file("token", aws.AddWebIdentity()))
		j.answers()
	})
	t.Run("EC2", func(t *testing.T) {
		aws.AddMetadata(account, role, region)
		if err := aws.ListenAt(awstest.Metadata, metaPlace); err != nil {
			t.Fatal(err)
		}
		newJob(t).answers()
	})
	t.Run("EC2, where a container is one hop too far", func(t *testing.T) {
		aws.Fail(awstest.MetadataToken, awstest.Fault{Kind: awstest.Hang})
		newJob(t, ci).fails(nothing)
	})
	t.Run("EC2, turned off", func(t *testing.T) {
		newJob(t, ci, "AWS_EC2_METADATA_DISABLED=true").fails(nothing)
		if n := aws.Calls(awstest.Metadata); n != 0 {
			t.Errorf("%d calls", n)
		}
	})
}

func TestBuildJobsWithoutCredentials(t *testing.T) {
	if !inCell(t) {
		return
	}
	// The last subtest makes the address unusable for the rest of the test.
	t.Run("the metadata address refuses", func(t *testing.T) { newJob(t, ci, inGitHub).fails(nothing) })
	t.Run("the metadata address is silent", func(t *testing.T) {
		blackHole(t, linkLocal["lo:1"], 80)
		newJob(t, ci, inGitHub).fails(nothing)
	})
	t.Run("the container's address is silent", func(t *testing.T) {
		blackHole(t, linkLocal["lo:2"], 80)
		newJob(t, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/v2/credentials/x").
			fails("no response from 169.254.170.2 in time; run: " + helper + " doctor " + registry)
	})
}

func TestSelfHostedRunnerWithSession(t *testing.T) {
	w := newWorld(t)
	w.signIn()
	w.env = append(w.env, ci, inGitHub, "BROWSER="+w.marker())
	w.password()
	w.password()
	w.calls(map[awstest.Op]int{awstest.GetRoleCredentials: 1, awstest.GetAuthorizationToken: 1})

	w = newWorld(t)
	w.keepExpired(2*time.Hour, false)
	w.env = append(w.env, ci, inGitHub, "BROWSER="+w.marker())
	r := w.helper("get", registry)
	wantLine(t, r.stderr, `SSO session "corp" expired 2h ago; run: docker-credential-ecr-sso login --sso-session corp`)
	w.calls(quiet)
	if _, err := os.Stat(w.path("opened")); err == nil {
		t.Error("a browser was opened")
	}
}

// marker sets up a browser that creates a file when it is opened.
func (w *world) marker() string {
	w.t.Helper()
	path := w.path("browser")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n: >'"+w.path("opened")+"'\n"), 0o755); err != nil {
		w.t.Fatal(err)
	}
	return path
}
