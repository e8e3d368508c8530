//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/lab"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

const processSecret = "pr0cess-secret-canary"

// processes: F-svc-3: the credential_process of a selected profile. The helper does not
// print its output, and no child process delays the helper.
func processes() []fault {
	row := func(id, what, script string, w want, limit time.Duration) fault {
		return fault{id: "process-" + id, family: "F-svc-3", what: "the credential_process " + what, want: w, quick: limit == 0, slow: limit != 0, limit: limit,
			set: func(s *stage) { s.process(script) }}
	}
	bad := func(cause string) want {
		return refusal(`profile "process".*`+cause, "docker-credential-ecr-sso (doctor|configure)")
	}
	good := `cat "$(dirname "$0")/keys.json"` + "\n"
	return []fault{
		row("fails", "ends with status 3", "exit 3", bad("status 3"), 0),
		row("fails-loudly", "prints a secret and escape sequences and fails", `echo '{"SecretAccessKey":"`+processSecret+`"'; printf '\033[2J\033]0;x\007 cannot unlock\n' >&2; exit 1`, bad("status 1.*cannot unlock"), 0),
		row("garbage", "prints garbage with a secret in it", "echo 'not json "+processSecret+"'", bad("printed no credentials"), 0),
		row("empty", "prints nothing", "exit 0", bad("printed no credentials"), 0),
		row("null", "prints null", "echo null", bad("printed no credentials"), 0),
		row("version", "prints another version", `echo '{"Version":2,"AccessKeyId":"AKIA","SecretAccessKey":"`+processSecret+`"}'`, bad(""), 0),
		row("no-secret", "prints a key without a secret", `echo '{"Version":1,"AccessKeyId":"AKIAX"}'`, bad(""), 0),
		row("expired", "prints expired credentials", `echo '{"Version":1,"AccessKeyId":"AKIAX","SecretAccessKey":"`+processSecret+`","Expiration":"2001-01-01T00:00:00Z"}'`, bad(""), 0),
		row("flood", "prints without end", "exec cat /dev/zero", bad(""), 0),
		row("flood-stderr", "writes to stderr without end, then gives the keys", "head -c 20000000 /dev/zero >&2\n"+good, is(answered), 0),
		row("reads-stdin", "reads its stdin first", "cat >/dev/null\n"+good, is(answered), 0),
		row("missing", "does not exist", "", bad("could not be run|status 127"), 0),
		row("noisy", "writes to stderr and gives the keys", "echo 'hello "+processSecret+"' >&2\n"+good, is(answered), 0),
		row("slow", "takes three seconds", "sleep 3\n"+good, is(answered), network),
		row("hangs", "hangs", "exec sleep 1000", bad("did not finish in time"), network),
		row("hangs-no-signals", "hangs and ignores signals", "trap '' TERM INT HUP\nwhile :; do sleep 1; done", bad("did not finish in time"), network),
		row("grandchild", "gives the keys and leaves a child that holds its pipes", "sleep 20 &\n"+good, bad("keeps its output open"), network),
		row("grandchild-hangs", "hangs, and a child of its own holds its pipes", "sleep 1000 &\nsleep 1000", bad("did not finish in time"), network),
		{id: "process-not-run", family: "F-svc-3", what: "a profile that was not selected has a credential_process", want: is(answered), quick: true,
			set: func(s *stage) {
				s.process("touch '" + s.Path("ran") + "'; exit 1")
				s.env("AWS_PROFILE")
				if !s.helper.ours {
					s.env("AWS_PROFILE=" + lab.Profile)
				}
			}, after: func(s *stage) error {
				if _, err := os.Stat(s.Path("ran")); err == nil {
					return fmt.Errorf("the program was run")
				}
				return nil
			}},
	}
}

// process selects a profile whose credential_process is a script. If script is "", the
// program does not exist. Valid keys are in keys.json next to the script.
func (s *stage) process(script string) {
	path := filepath.Join(s.dir, "gone")
	if script != "" {
		path = s.script("process", script+"\n")
	}
	k := s.AWS.AddKeys(lab.Account)
	s.canary = append(s.canary, processSecret)
	s.must(os.WriteFile(filepath.Join(s.dir, "keys.json"), fmt.Appendf(nil, `{"Version":1,"AccessKeyId":%q,"SecretAccessKey":%q}`, k.AccessKeyID, k.SecretAccessKey), 0o600))
	text, err := os.ReadFile(s.Home.ConfigPath())
	s.must(err)
	s.Home.WriteConfig(string(text) + "\n[profile process]\ncredential_process = " + path + "\nregion = us-east-1\n")
	s.env("AWS_PROFILE=process")
}

// machines: F-svc-3: credentials of containers, instances, web identities and the
// environment.
func machines() []fault {
	row := func(id, what string, w want, limit time.Duration, set func(s *stage)) fault {
		return fault{id: "machine-" + id, family: "F-svc-3", what: what, want: w, limit: limit, slow: limit != 0, quick: limit == 0, set: set}
	}
	container := func(f *awstest.Fault) func(s *stage) {
		return func(s *stage) {
			uri, token := s.AWS.AddContainer(lab.Account, lab.Role)
			s.env("AWS_CONTAINER_CREDENTIALS_FULL_URI="+uri, "AWS_CONTAINER_AUTHORIZATION_TOKEN="+token, "AWS_PROFILE")
			if f != nil {
				s.fail(awstest.Container, *f)
			}
		}
	}
	web := func(file func(s *stage) string) func(s *stage) {
		return func(s *stage) {
			s.env("AWS_WEB_IDENTITY_TOKEN_FILE="+file(s), "AWS_ROLE_ARN=arn:aws:iam::"+lab.Account+":role/"+lab.Role, "AWS_PROFILE")
		}
	}
	token := func(s *stage) string {
		path := filepath.Join(s.dir, "identity")
		s.must(os.WriteFile(path, []byte(s.AWS.AddWebIdentity()), 0o600))
		return path
	}
	instance := func(f awstest.Fault) func(s *stage) {
		return func(s *stage) {
			s.Home.WriteConfig("")
			s.env("AWS_EC2_METADATA_DISABLED=false", "AWS_EC2_METADATA_SERVICE_ENDPOINT="+s.AWS.AddMetadata(lab.Account, lab.Role, lab.Region), "AWS_PROFILE")
			s.fail(awstest.Metadata, f)
		}
	}
	stsFails := func(f awstest.Fault) func(s *stage) {
		return func(s *stage) {
			web(token)(s)
			s.fail(awstest.STS, f)
		}
	}
	nothing := refusal("no profile and no credentials", "docker-credential-ecr-sso map .* bucket")
	return []fault{
		row("container-silent", "the container's credentials endpoint does not respond", refusal("", ""), network, container(&awstest.Fault{Kind: awstest.Hang})),
		row("container-html", "the container's credentials endpoint sends a web page", refusal("", ""), 0, container(&awstest.Fault{Kind: awstest.HTML})),
		row("container-500", "the container's credentials endpoint fails with status 500", refusal("", ""), network, container(&awstest.Fault{Kind: awstest.Status, Status: 500})),
		row("container-null", "the container's credentials are null", refusal("", ""), 0, container(&awstest.Fault{Kind: awstest.NullFields})),
		row("container-giant", "the container's credentials are 200 MiB", refusal("", ""), network, container(&awstest.Fault{Kind: awstest.Giant, Size: 200 << 20})),
		row("web-identity-missing", "the web identity's token file does not exist", refusal("AWS_WEB_IDENTITY_TOKEN_FILE", "unset AWS_WEB_IDENTITY_TOKEN_FILE"), 0, web(func(s *stage) string { return filepath.Join(s.dir, "gone") })),
		row("web-identity-fifo", "the web identity's token file is a pipe", refusal("AWS_WEB_IDENTITY_TOKEN_FILE", "unset AWS_WEB_IDENTITY_TOKEN_FILE"), 0, web(func(s *stage) string { return s.fifo("identity") })),
		row("web-identity-zero", "the web identity's token file is an endless device", refusal("AWS_WEB_IDENTITY_TOKEN_FILE", "unset AWS_WEB_IDENTITY_TOKEN_FILE"), 0, web(func(*stage) string { return "/dev/zero" })),
		row("web-identity-refused", "STS does not accept the web identity", refusal("sts|AccessDenied|InvalidIdentityToken", ""), 0, stsFails(awstest.Fault{Kind: awstest.Deny})),
		row("web-identity-hang", "STS does not respond", refusal("sts.*", ""), network, stsFails(awstest.Fault{Kind: awstest.Hang})),
		row("web-identity-garbage", "STS sends broken XML", refusal("sts", ""), network, stsFails(awstest.Fault{Kind: awstest.Garbage})),
		row("instance-silent", "the instance's metadata service does not respond", nothing, network, instance(awstest.Fault{Kind: awstest.Hang})),
		row("instance-refused", "the metadata service's port is closed", nothing, network, instance(awstest.Fault{Kind: awstest.RefuseConnect})),
		row("instance-html", "the metadata service sends a web page", refusal("", ""), network, instance(awstest.Fault{Kind: awstest.HTML})),
		row("nothing", "there are no credentials", nothing, local, func(s *stage) { s.Home.WriteConfig(""); s.env("AWS_PROFILE") }),
		row("keys-half", "the environment has a key id without a secret", is(either), 0, func(s *stage) { s.env("AWS_ACCESS_KEY_ID=AKIAEXAMPLE") }),
		row("keys-wrong", "the environment has keys that AWS does not know", refusal("environment|ecr", "unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY"), 0, func(s *stage) {
			s.canary = append(s.canary, processSecret)
			s.env("AWS_ACCESS_KEY_ID=AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY="+processSecret)
		}),
	}
}
