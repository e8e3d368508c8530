package awsconfig

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The test runs the AWS CLI with profiles that it resolves without the network. If the
// AWS CLI finds credentials, Origin must return the same ones; if it finds none or fails,
// Origin must not return others. There are only a few rows, because each starts the AWS
// CLI, which takes a second. TestOrigin has all rows, with recorded results of the AWS
// CLI.
func TestOriginIsTheAWSCLIs(t *testing.T) {
	const aws = "/usr/bin/aws" // version 2, of Debian; others in PATH may be version 1
	if out, err := exec.Command(aws, "--version").Output(); err != nil || !strings.HasPrefix(string(out), "aws-cli/2") {
		t.Skip("no AWS CLI 2 here")
	}
	dir := filepath.Join(t.TempDir(), "my tools")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	tool := filepath.Join(dir, "tool")
	if err := os.WriteFile(tool, []byte(`#!/bin/sh
echo '{"Version":1,"AccessKeyId":"FROM '"$1$2"'","SecretAccessKey":"s"}'
`), 0o700); err != nil {
		t.Fatal(err)
	}
	const keys, stored = "aws_access_key_id = AKIA\naws_secret_access_key = s\n", "[p]\naws_access_key_id = STORED\naws_secret_access_key = s\n"
	process := "credential_process = \"" + tool + "\" --x \"a # b\" # c\n"
	for name, c := range map[string]struct{ profile, credentials string }{
		"a process with quotes":             {process, ""},
		"a process beside keys":             {keys + process, ""},
		"a process beside stored keys":      {process, stored},
		"a session beside a process":        {"sso_session = corp\n" + process, ""},
		"sources without a role":            {"source_profile = gone\ncredential_source = Environment\n" + keys, ""},
		"settings that nobody needs, wrong": {"retry_mode = none\nmax_attempts = x\nfoo = \"\n" + keys, ""},
		"a source that does not exist":      {"role_arn = arn:aws:iam::1:role/x\nsource_profile = gone\n" + keys, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := corp + "[profile p]\n" + c.profile
			home := t.TempDir()
			for file, text := range map[string]string{"config": config, "credentials": c.credentials} {
				path := filepath.Join(home, ".aws", file)
				if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			cmd := exec.Command(aws, "configure", "export-credentials", "--profile", "p")
			cmd.Env = []string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "AWS_EC2_METADATA_DISABLED=true"}
			out, err := cmd.Output()
			var cli struct{ AccessKeyId string }
			if err == nil {
				if err := json.Unmarshal(out, &cli); err != nil {
					t.Fatal(err)
				}
			}
			o, err := load(t, config, c.credentials).Origin("p")
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
