//go:build linux

package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/ecr-sso/docker-credential-ecr-sso/lab"
)

// awsFiles: F-edit-1, the reading side: ~/.aws/config and credentials in every form.
// These files belong to the AWS CLI, so a get must not change them.
func awsFiles() []fault {
	config := func(id, what string, w want, change func(text string) string) fault {
		return fault{id: "aws-config-" + id, family: "F-edit-1", what: "~/.aws/config " + what, want: w, quick: true, set: func(s *stage) {
			text, err := os.ReadFile(s.Home.ConfigPath())
			s.must(err)
			s.Home.WriteConfig(change(string(text)))
		}}
	}
	ok := is(answered)
	lines := func(extra string) func(string) string { return func(t string) string { return t + extra } }
	nothing := refusal("no profile and no credentials for account 123456789012", "docker-credential-ecr-sso (configure|map )")
	all := []fault{
		config("crlf", "has CRLF line endings", ok, func(t string) string { return strings.ReplaceAll(t, "\n", "\r\n") }),
		config("bom", "begins with a byte-order mark", ok, func(t string) string { return "\ufeff" + t }),
		config("no-newline", "has no newline at the end", ok, func(t string) string { return strings.TrimRight(t, "\n") }),
		config("tabs", "has tabs around its equals signs", ok, func(t string) string { return strings.ReplaceAll(t, " = ", "\t=\t") }),
		config("comments", "is full of comments", ok, func(t string) string { return strings.ReplaceAll(t, "\n", "\n; note = x\n# [profile fake]\n") }),
		config("duplicate-section", "has the profile's section twice", ok, lines("\n[profile prod]\nregion = us-east-1\n")),
		config("duplicate-key", "has a key twice", ok, func(t string) string {
			return strings.Replace(t, "region = us-east-1", "region = eu-west-1\nregion = us-east-1", 1)
		}),
		config("garbage-lines", "has lines without meaning", ok, lines("\n]]]\n= = =\n[unclosed\nkey\n\x00\x01\xff\n")),
		config("nul", "has NUL bytes in another profile", ok, lines("\n[profile nul]\nregion = us\x00east\n")),
		config("utf8", "has invalid UTF-8 in another profile", ok, lines("\n[profile \xff\xfe]\nregion = x\n")),
		config("long-line", "has a line of a megabyte", ok, lines("\n[profile long]\nnote = "+strings.Repeat("x", 1<<20)+"\n")),
		config("many", "has 20,000 profiles", ok, func(t string) string {
			return t + strings.Repeat("[profile x]\nregion = us-east-1\noutput = json\n", 20_000)
		}),
		config("9-mb", "is 9 MB long", ok, lines("\n"+strings.Repeat("# a comment of sixty-four bytes, to make the file a long one, yes\n", 9<<20/66))),
		config("20-mb", "is 20 MB long", refusal(`\.aws/config.*large`, "docker-credential-ecr-sso doctor"), lines("\n"+strings.Repeat("# "+strings.Repeat("x", 1000)+"\n", 20_000))),
		config("empty", "is empty", nothing, func(string) string { return "" }),
		config("two-profiles", "has two profiles for the account", refusal(`matches profiles "prod", "second"`, "docker-credential-ecr-sso map "), func(t string) string {
			return t + "[profile second]\nsso_session = corp\nsso_account_id = " + lab.Account + "\nsso_role_name = ReadOnly\nregion = us-east-1\n"
		}),
		config("no-session", "names a session that is not in it", refusal(`names SSO session "corp", which is not configured`, "docker-credential-ecr-sso configure --profile prod"), func(t string) string { return strings.ReplaceAll(t, "[sso-session corp]", "[sso-session other]") }),
		config("hostile-names", "has names with escape sequences", refusal("matches profiles", "docker-credential-ecr-sso map "), func(t string) string {
			return t + "[profile evil\x1b[2J\u202e]\nsso_session = corp\nsso_account_id = " + lab.Account + "\nsso_role_name = ReadOnly\nregion = us-east-1\n"
		}),
		config("bad-region", "has a region that is a path, and the token file has the right region", ok, func(t string) string {
			return strings.Replace(t, "sso_region = us-east-1", "sso_region = us-east-1.evil.com/", 1)
		}),
	}
	return append(append(all, awsKinds()...), selectedProfiles()...)
}

// awsKinds: ~/.aws/config is not a regular file.
func awsKinds() []fault {
	instead := func(id, what string, w want, put func(s *stage, path string)) fault {
		return fault{id: "aws-config-" + id, family: "F-edit-1", what: "~/.aws/config is " + what, want: w, quick: true, limit: 0,
			set: func(s *stage) {
				path := s.Home.ConfigPath()
				s.must(os.Rename(path, filepath.Join(s.dir, "config")))
				put(s, path)
			}}
	}
	bad := refusal(`\.aws/config`, "docker-credential-ecr-sso doctor")
	return []fault{
		instead("link", "a link to the file", is(answered), func(s *stage, path string) { s.must(os.Symlink(filepath.Join(s.dir, "config"), path)) }),
		instead("directory", "an empty directory", refusal(`\.aws/config`, "rmdir "), func(s *stage, path string) { s.must(os.Mkdir(path, 0o700)) }),
		instead("fifo", "a pipe without a writer", bad, func(s *stage, path string) { s.must(syscall.Mkfifo(path, 0o600)) }),
		instead("loop", "a link to itself", bad, func(s *stage, path string) { s.must(os.Symlink(path, path)) }),
		instead("zero", "a link to an endless device", bad, func(s *stage, path string) { s.must(os.Symlink("/dev/zero", path)) }),
		instead("unreadable", "a file without read permission", refusal(`\.aws/config`, `chmod u\+rw `), func(s *stage, path string) {
			s.write(path, "x")
			s.chmod(0, path)
			s.asUser()
		}),
		instead("missing", "missing", refusal("no profile and no credentials", ""), func(*stage, string) {}),
		{id: "aws-credentials-fifo", family: "F-edit-1", what: "~/.aws/credentials is a pipe", want: is(answered), quick: true,
			set: func(s *stage) {
				s.must(os.Remove(s.Path(".aws", "credentials")))
				s.must(syscall.Mkfifo(s.Path(".aws", "credentials"), 0o600))
			}},
		{id: "aws-credentials-garbage", family: "F-edit-1", what: "~/.aws/credentials is garbage", want: is(answered), quick: true,
			set: func(s *stage) { s.Home.WriteCredentials("\x00\xff[[[\n= =\n") }},
	}
}

// selectedProfiles: F-svc-3: AWS_PROFILE names a profile that cannot be used. The helper
// does not try a different profile.
func selectedProfiles() []fault {
	selected := func(id, what, name, section string, w want) fault {
		return fault{id: "profile-" + id, family: "F-svc-3", what: what, want: w, quick: true, set: func(s *stage) {
			text, err := os.ReadFile(s.Home.ConfigPath())
			s.must(err)
			s.Home.WriteConfig(string(text) + section)
			s.env("AWS_PROFILE=" + name)
		}}
	}
	return []fault{
		selected("missing", "AWS_PROFILE names a profile that does not exist", "gone", "", refusal(`profile "gone" \(AWS_PROFILE\) is not in`, "docker-credential-ecr-sso configure --profile gone")),
		selected("empty", "AWS_PROFILE names an empty profile", "bare", "[profile bare]\n", refusal(`bare`, "")),
		selected("half", "AWS_PROFILE names an SSO profile without a role", "half", "[profile half]\nsso_session = corp\nsso_account_id = "+lab.Account+"\n", refusal(`half`, "docker-credential-ecr-sso configure --profile half")),
		selected("session-missing", "AWS_PROFILE names a profile whose session does not exist", "lost", "[profile lost]\nsso_session = nowhere\nsso_account_id = "+lab.Account+"\nsso_role_name = Push\n", refusal(`nowhere`, "docker-credential-ecr-sso configure --profile lost")),
		selected("loop", "AWS_PROFILE names a role whose source_profile leads back to it", "loop", "[profile loop]\nrole_arn = arn:aws:iam::"+lab.Account+":role/x\nsource_profile = loop2\n[profile loop2]\nrole_arn = arn:aws:iam::"+lab.Account+":role/y\nsource_profile = loop\n", refusal(`loop`, "")),
		selected("mfa", "AWS_PROFILE names a role that requires an MFA code", "mfa", "[profile mfa]\nrole_arn = arn:aws:iam::"+lab.Account+":role/x\nsource_profile = prod\nmfa_serial = arn:aws:iam::"+lab.Account+":mfa/me\n", refusal(`MFA`, `eval "\$\(aws configure export-credentials `)),
	}
}
