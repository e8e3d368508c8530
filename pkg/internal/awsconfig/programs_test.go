//go:build programs && linux

package awsconfig

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// exportEach runs `aws configure export-credentials` in each home directory. One Python
// process makes all runs, because the AWS CLI takes a second to start.
const exportEach = `
import contextlib, io, json, os, sys
import awscli.clidriver
if not awscli.__version__.startswith("2."): sys.exit("not version 2")
start = dict(os.environ)
outputs = []
for home in sys.argv[1:]:
    os.environ.clear()
    os.environ.update(start, HOME=home)
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        awscli.clidriver.AWSCLIEntryPoint().main(["configure", "export-credentials", "--profile", "p"])
    outputs.append(out.getvalue())
print(json.dumps(outputs))
`

// The test runs the AWS CLI with profiles that it resolves without the network. If the AWS
// CLI finds credentials, Origin must return the same ones. If the AWS CLI finds none or
// fails, Origin must not return other credentials. TestOrigin has more cases, with recorded
// AWS CLI results.
func TestProgramsOriginMatchesAWSCLI(t *testing.T) {
	const python = "/usr/bin/python3" // has the AWS CLI from the Debian package
	tool := filepath.Join(t.TempDir(), "my tools", "tool")
	if err := errors.Join(os.Mkdir(filepath.Dir(tool), 0o700), os.WriteFile(tool, []byte(`#!/bin/sh
echo '{"Version":1,"AccessKeyId":"FROM '"$1$2"'","SecretAccessKey":"s"}'
`), 0o700)); err != nil {
		t.Fatal(err)
	}
	const keys, stored = "aws_access_key_id = AKIA\naws_secret_access_key = s\n", "[p]\naws_access_key_id = STORED\naws_secret_access_key = s\n"
	process := "credential_process = \"" + tool + "\" --x \"a # b\" # c\n"
	rows := []struct{ name, profile, credentials string }{
		{"process with quotes", process, ""},
		{"process beside keys", keys + process, ""},
		{"process beside stored keys", process, stored},
		{"session beside a process", "sso_session = corp\n" + process, ""},
		{"sources without a role", "source_profile = gone\ncredential_source = Environment\n" + keys, ""},
		{"wrong settings that are not needed", "retry_mode = none\nmax_attempts = x\nfoo = \"\n" + keys, ""},
		{"source that does not exist", "role_arn = arn:aws:iam::1:role/x\nsource_profile = gone\n" + keys, ""},
	}
	var homes []string
	for _, c := range rows {
		home := t.TempDir()
		homes = append(homes, home)
		writeAWSFiles(t, home, corp+"[profile p]\n"+c.profile, c.credentials)
	}
	cmd := exec.Command(python, append([]string{"-c", exportEach}, homes...)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "AWS_EC2_METADATA_DISABLED=true"}
	out, err := cmd.Output()
	var outputs []string
	if err := errors.Join(err, json.Unmarshal(out, &outputs)); err != nil || len(outputs) != len(rows) {
		t.Fatalf("%d outputs: %v", len(outputs), err)
	}
	for i, c := range rows {
		t.Run(c.name, func(t *testing.T) {
			var cli struct{ AccessKeyId string }
			if outputs[i] != "" {
				if err := json.Unmarshal([]byte(outputs[i]), &cli); err != nil {
					t.Fatal(err)
				}
			}
			o, err := load(t, corp+"[profile p]\n"+c.profile, c.credentials).Origin("p")
			ours := o.Keys.AccessKeyID
			if o.Kind == FromProcess {
				ours = "FROM --xa # b"
			}
			if cli.AccessKeyId != ours || (cli.AccessKeyId == "") != (err != nil || o.Kind == NoOrigin) {
				t.Errorf("the AWS CLI has %q, we have %s, %v", cli.AccessKeyId, o.text(), err)
			}
			if o.Kind == FromProcess && !strings.HasPrefix(o.Process, `"`+tool+`" --x "a # b"`) {
				t.Errorf("command line %s", o.Process)
			}
		})
	}
}

func writeAWSFiles(t *testing.T, home, config, credentials string) {
	t.Helper()
	for file, text := range map[string]string{"config": config, "credentials": credentials} {
		path := filepath.Join(home, ".aws", file)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
