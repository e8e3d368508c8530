//go:build linux

package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/lab"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// The shim calls aws with the registry's region, and passes on its output and exit status.
func TestShim(t *testing.T) {
	for _, tt := range []struct {
		name, asked, host string
		does              string // the script that replaces aws
		out, err          string
		code              int
	}{
		{"a login", "get", lab.OtherHost, `echo "word-of $*"`,
			`{"ServerURL":"` + lab.OtherHost + `","Username":"AWS","Secret":"word-of ecr get-login-password --region eu-west-1"}` + "\n", "", 0},
		{"no newline in the request, and two in the output", "get", lab.Host + "\n", `printf 'word\n\n'`,
			`{"ServerURL":"` + lab.Host + `","Username":"AWS","Secret":"word"}` + "\n", "", 0},
		{"aws fails with a message", "get", lab.Host, `printf '\nwhy not\n' >&2; exit 253`, "", "\nwhy not\n", 253},
		{"a host that is not a registry", "get", "evil.example", `echo word`, "", "not a registry: evil.example\n", 1},
		{"no name", "get", "", `echo word`, "", "", 1},
		{"store, which the shim does not have", "store", "{}", `echo word`, "", "", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := fakeCLI(t, tt.does)
			cmd := exec.Command(h.path, tt.asked)
			var out, errs bytes.Buffer
			cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = append(os.Environ(), "FAULTLAB_AWS="+h.cli), strings.NewReader(tt.host), &out, &errs
			_ = cmd.Run()
			if out.String() != tt.out || errs.String() != tt.err || cmd.ProcessState.ExitCode() != tt.code {
				t.Errorf("%d\n%s%s", cmd.ProcessState.ExitCode(), &out, &errs)
			}
		})
	}
}

// fakeCLI returns the shim around a script that replaces aws.
func fakeCLI(t *testing.T, does string) helper {
	t.Helper()
	dir := t.TempDir()
	aws := filepath.Join(dir, "aws")
	if err := awstest.WriteProgram(aws, []byte("#!/bin/sh\n"+does+"\n")); err != nil {
		t.Fatal(err)
	}
	h, err := awsCLI(aws, dir)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// The lab checks the AWS CLI against the invariants that apply to it, and each check can
// fail.
func TestBadCLIsAreCaught(t *testing.T) {
	dir := t.TempDir()
	bench, real := built(t, dir)
	word := `printf %s ` + lab.Host + ` | ` + real + ` get | sed 's/.*Secret":"//; s/".*//'`
	refusing := refusal("cause", "")
	for _, bad := range []struct {
		name, does string
		breaks     int
		want       want
	}{
		{name: "a good one", does: word, breaks: -1},
		{name: "a refusal in its own way", does: "printf '\\nwhat is wrong\\n' >&2; exit 255", breaks: -1, want: refusing},
		{name: "larger than a helper, as an interpreter is", does: `head -c 90000000 /dev/zero | tail -n 1 >/dev/null; ` + word, breaks: -1},
		{name: "a secret on stderr", does: `cat "$HOME"/.aws/sso/cache/*.json >&2; exit 255`, breaks: noLeak, want: refusing},
		{name: "a refresh token lost", does: word + `; rm "$HOME"/.aws/sso/cache/*.json`, breaks: noLoss},
		{name: "too large", does: `head -c 150000000 /dev/zero | tail -n 1 >/dev/null; ` + word, breaks: bounded},
		{name: "without end", does: `exec tail -n 1 /dev/zero`, breaks: bounded},
		{name: "a login that AWS did not issue", does: `echo guess`, breaks: protocol},
		{name: "an escape sequence", does: `printf 'no\033[2J\n' >&2; exit 255`, breaks: protocol, want: refusing},
		{name: "silence", does: `exit 255`, breaks: explained, want: refusing},
	} {
		t.Run(bad.name, func(t *testing.T) {
			f := fault{id: "bad", family: "F-net-1", want: bad.want, set: func(*stage) {}}
			r, err := runOne(&f, fakeCLI(t, bad.does), bench, t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			if bad.breaks < 0 && !r.passed() {
				t.Errorf("a correct CLI is reported: %q", r.faults)
			}
			if bad.breaks >= 0 && len(r.faults[bad.breaks]) == 0 {
				t.Errorf("I%d is not reported as broken: %q; output %q", bad.breaks+1, r.faults, r.said)
			}
		})
	}
}

func TestWhatDoesNotApplyToCLI(t *testing.T) {
	cli := helper{path: "/shim", cli: "/aws", cache: ".aws/cli/cache"}
	n := map[bool]int{}
	for _, f := range table() {
		runs := skip(&f, cli) == "" || strings.HasPrefix(skip(&f, cli), "skipped")
		n[runs]++
		if runs && (f.ours || f.from == warmed || strings.HasPrefix(f.family, "F-cache") || strings.HasPrefix(f.family, "F-io") || f.family == "F-net-8") {
			t.Errorf("%s is run", f.id)
		}
	}
	if n[true] < 200 || n[false] < 200 {
		t.Errorf("%v", n)
	}
	if (&stage{fault: &fault{limit: local}, helper: cli}).bound() != network || (&stage{fault: &fault{limit: time.Second}, helper: cli}).bound() != network {
		t.Error("the start of an interpreter has the limit of a helper")
	}
	if _, err := run([]string{"-quick", "-helper", "/bin/true", "-aws-cli", "/bin/true"}, io.Discard, io.Discard); err == nil {
		t.Error("-aws-cli runs with -quick")
	}
	if _, err := run([]string{"-helper", "/bin/true", "-aws-cli", "/nowhere/aws"}, io.Discard, io.Discard); err == nil {
		t.Error("an AWS CLI that does not exist is accepted")
	}
}
