package awsclient

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awscache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

// with adds variables to the client's environment. The test process gets values that fail
// any call that reads them.
func (w *world) with(t *testing.T, more ...string) *world {
	t.Helper()
	for _, name := range []string{
		"AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_RETRY_MODE", "AWS_MAX_ATTEMPTS", "AWS_USE_FIPS_ENDPOINT",
		"AWS_DEFAULTS_MODE", "AWS_S3_USE_ARN_REGION", "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
		"AWS_EC2_METADATA_SERVICE_ENDPOINT", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS", "AWS_CA_BUNDLE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE",
		"AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_LOGIN_CACHE_DIRECTORY",
	} {
		t.Setenv(name, "poison")
	}
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	w.env = append(w.env, more...)
	return w
}

const noToken = "none"

// static returns a profile's keys.
func static(k awstest.Keys) string {
	return "aws_access_key_id = " + k.AccessKeyID + "\naws_secret_access_key = " + k.SecretAccessKey + "\n"
}

const ssoProfile = "[profile sso]\nsso_session = corp\nsso_account_id = " + account + "\nsso_role_name = Push\n" +
	"[sso-session corp]\nsso_start_url = " + startURL + "\nsso_region = " + region + "\n"

// profileCases are the test cases of TestProfileCredentials.
var profileCases = []struct {
	name   string
	config func(*world) string
	calls  map[awstest.Op]int
}{
	{"static keys", func(w *world) string { return "[profile p]\n" + static(w.AddKeys(account)) }, nil},
	{"role over static keys, no region anywhere", func(w *world) string {
		return "[profile p]\nrole_arn = arn:aws:iam::" + account + ":role/Push\nsource_profile = base\n[profile base]\n" + static(w.AddKeys(account))
	}, map[awstest.Op]int{awstest.AssumeRole: 1}},
	{"role over SSO", func(w *world) string {
		return "[profile p]\nrole_arn = arn:aws:iam::" + account + ":role/Push\nsource_profile = sso\n" + ssoProfile
	}, map[awstest.Op]int{awstest.GetRoleCredentials: 1, awstest.AssumeRole: 1, awstest.CreateToken: 0}},
	{"settings of the SDK that we do not use", func(w *world) string {
		return "[default]\nretry_mode = legacy\n[profile p]\nretry_mode = legacy\nmax_attempts = many\nuse_fips_endpoint = perhaps\nfoo = \"\n" + static(w.AddKeys(account))
	}, nil},
	{"source whose name is in quotes", func(w *world) string {
		return "[profile p]\nrole_arn = arn:aws:iam::" + account + ":role/Push\nsource_profile = my prod\n[profile 'my prod']\nretry_mode = legacy\n" + static(w.AddKeys(account))
	}, map[awstest.Op]int{awstest.AssumeRole: 1}},
	{"two roles over static keys", func(w *world) string {
		return "[profile p]\nrole_arn = arn:aws:iam::" + account + ":role/Push\nsource_profile = q\nexternal_id = e\nduration_seconds = 3600\n" +
			"[profile q]\nrole_arn = arn:aws:iam::" + account + ":role/Read\nsource_profile = base\nrole_session_name = me\n[profile base]\n" + static(w.AddKeys(account))
	}, map[awstest.Op]int{awstest.AssumeRole: 2}},
	{"web identity of a profile", func(w *world) string {
		file := filepath.Join(w.home.Dir, "token")
		if err := os.WriteFile(file, []byte(w.AddWebIdentity()), 0o600); err != nil {
			panic(err)
		}
		return "[profile p]\nrole_arn = arn:aws:iam::" + account + ":role/Push\nweb_identity_token_file = " + file + "\n"
	}, map[awstest.Op]int{awstest.AssumeRoleWithWebIdentity: 1}},
	{"role over the container", func(w *world) string {
		uri, token := w.AddContainer(account, role)
		w.env = append(w.env, "AWS_CONTAINER_CREDENTIALS_FULL_URI="+uri, "AWS_CONTAINER_AUTHORIZATION_TOKEN="+token)
		return "[profile p]\nrole_arn = arn:aws:iam::" + account + ":role/Push\ncredential_source = EcsContainer\n"
	}, map[awstest.Op]int{awstest.AssumeRole: 1}},
	{"role over the instance, named in the profile", func(w *world) string {
		w.env = append(w.env, "AWS_EC2_METADATA_DISABLED=false")
		return "[profile p]\nrole_arn = arn:aws:iam::" + account + ":role/Push\ncredential_source = Ec2InstanceMetadata\nec2_metadata_service_endpoint = " +
			w.AddMetadata(account, role, region) + "\n"
	}, map[awstest.Op]int{awstest.AssumeRole: 1}},
	{"role over the environment", func(w *world) string {
		k := w.AddKeys(account)
		w.env = append(w.env, "AWS_ACCESS_KEY_ID="+k.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+k.SecretAccessKey)
		return "[profile p]\nrole_arn = arn:aws:iam::" + account + ":role/Push\ncredential_source = Environment\n"
	}, map[awstest.Op]int{awstest.AssumeRole: 1}},
	{"profile without credentials in a container", func(w *world) string {
		uri, token := w.AddContainer(account, role)
		file := filepath.Join(w.home.Dir, "token")
		if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
			panic(err)
		}
		w.env = append(w.env, "AWS_CONTAINER_CREDENTIALS_FULL_URI="+uri, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE="+file)
		return "[profile p]\nregion = " + region + "\n"
	}, nil},
	{"session of aws login", func(w *world) string {
		w.home.ConsoleLogin(w.AWS, "p", account, region, time.Hour)
		return "[profile p]\nlogin_session = arn:aws:iam::" + account + ":user/p\n"
	}, nil},
	{"program whose path has a blank, with its arguments", func(w *world) string {
		k := w.AddKeys(account)
		dir := filepath.Join(w.home.Dir, "my tools")
		text := "#!/bin/sh\n[ \"$1 $2\" = \"--x a # b\" ] && " +
			`echo '{"Version":1,"AccessKeyId":"` + k.AccessKeyID + `","SecretAccessKey":"` + k.SecretAccessKey + `"}'` + "\n"
		if err := errors.Join(os.Mkdir(dir, 0o700), os.WriteFile(filepath.Join(dir, "process"), []byte(text), 0o700)); err != nil {
			panic(err)
		}
		return "[profile p]\ncredential_process = \"" + dir + "/process\" --x \"a # b\"\n"
	}, nil},
	{"program whose arguments a shell would change", func(w *world) string {
		k := w.AddKeys(account)
		path := filepath.Join(w.home.Dir, "process")
		text := "#!/bin/sh\n[ \"$*\" = '--url https://x/?a=1&b=2 $HOME ~ ; | >out' ] && " +
			`echo '{"Version":1,"AccessKeyId":"` + k.AccessKeyID + `","SecretAccessKey":"` + k.SecretAccessKey + `"}'` + "\n"
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
			panic(err)
		}
		return "[profile p]\ncredential_process = " + path + " --url https://x/?a=1&b=2 $HOME ~ ; | >out\n"
	}, nil},
	{"role over a credential_process", func(w *world) string {
		k := w.AddKeys(account)
		return "[profile p]\nrole_arn = arn:aws:iam::" + account + ":role/Read\nsource_profile = base\n[profile base]\n" +
			`credential_process = echo '{"Version":1,"AccessKeyId":"` + k.AccessKeyID + `","SecretAccessKey":"` + k.SecretAccessKey + `"}'` + "\n"
	}, map[awstest.Op]int{awstest.AssumeRole: 1}},
}

func TestProfileCredentials(t *testing.T) {
	for _, tt := range profileCases {
		t.Run(tt.name, func(t *testing.T) {
			if runtime.GOOS == "windows" && (strings.Contains(tt.name, "process") || strings.Contains(tt.name, "program")) {
				t.Skip("echo in cmd.exe prints the quotes")
			}
			w := newWorld(t, awstest.Options{}).with(t)
			config := w.config(t, tt.config(w))
			c := w.client(t, func(o *Options) { o.Config = config })
			keys, err := c.ProfileCredentials(t.Context(), "p", w.path, w.token, region)
			if err != nil {
				t.Fatal(err)
			}
			for op, want := range tt.calls {
				if n := w.Calls(op); n != want {
					t.Errorf("%s: %d calls, want %d", op, n, want)
				}
			}
			if keys.SessionToken.Reveal() == noToken { // the fake's static keys have no session token
				keys.SessionToken = secret.Secret{}
			}
			if _, err := c.AuthorizationToken(t.Context(), w.reg, keys); err != nil {
				t.Error(err)
			}
		})
	}
}

const chainedProfile = "[profile p]\nrole_arn = arn:aws:iam::" + account + ":role/Push\nsource_profile = sso\n" + ssoProfile

func processProfile(command string) string {
	return "[profile p]\ncredential_process = " + command + "\n"
}

// profileFaultCases are the test cases of TestProfileFaults.
var profileFaultCases = []struct {
	name, config string
	setUp        func(*testing.T, *world)
	kind         Kind
	service      string
	text         string
}{
	{name: "no such profile", config: "[profile q]\n", kind: Other, text: `profile "p" does not exist`},
	{name: "source that does not exist", config: "[profile p]\nrole_arn = arn:aws:iam::1:role/x\nsource_profile = gone\n",
		kind: Other, text: `profile "p" takes its credentials from source_profile "gone", which does not exist`},
	{name: "keys of an environment that has none", config: "[profile p]\nrole_arn = arn:aws:iam::1:role/x\ncredential_source = Environment\n",
		kind: Other, text: `profile "p" takes its keys from the environment (credential_source), which has no AWS_ACCESS_KEY_ID`},
	{name: "no container", config: "[profile p]\nrole_arn = arn:aws:iam::1:role/x\ncredential_source = EcsContainer\n",
		kind: Other, text: `profile "p" takes its credentials from the container (credential_source), and neither `},
	{name: "no session of aws login", config: "[profile p]\nlogin_session = arn:aws:iam::1:user/dev\n",
		kind: Expired, service: "signin", text: "profile \"p\" has no `aws login` session"},
	{name: "no web identity", config: "[profile p]\nrole_arn = arn:aws:iam::1:role/x\nweb_identity_token_file = /does/not/exist\n",
		kind: Other, text: `web_identity_token_file of profile "p": open /does/not/exist`},
	{name: "revoked SSO token behind a role", config: chainedProfile, setUp: func(_ *testing.T, w *world) { w.RevokeSession() },
		kind: Unauthorized, service: "sso", text: portalHost + " returned 401"},
	{name: "role may not be assumed", config: chainedProfile, setUp: func(_ *testing.T, w *world) { w.Fail(awstest.AssumeRole, awstest.Fault{Kind: awstest.Deny}) },
		kind: Denied, service: "sts", text: "sts.eu-west-1.amazonaws.com returned 403 AccessDenied: User is not authorized"},
	{name: "STS is down", config: chainedProfile, setUp: func(_ *testing.T, w *world) { w.Fail(awstest.AssumeRole, awstest.Fault{Status: 500}) },
		kind: Server, service: "sts", text: "sts.eu-west-1.amazonaws.com returned 500"},
	{name: "MFA", config: "[profile p]\nrole_arn = arn:aws:iam::1:role/x\nmfa_serial = y\nsource_profile = b\n[profile b]\naws_access_key_id=a\naws_secret_access_key=b\n",
		kind: Other, text: `profile "p" needs an MFA code`},
	{name: "program that fails", config: processProfile(`sh -c "echo SECRET-out; echo first >&2; printf 'no\033[31m luck\n' >&2; exit 3"`),
		kind: Other, text: `profile "p": credential_process exited with status 3: no?[31m luck`},
	{name: "program that prints garbage", config: processProfile(`echo SECRET-out`),
		kind: Other, text: `profile "p": credential_process printed no credentials`},
	{name: "program that prints without end", config: processProfile(`yes SECRET-out`),
		kind: Other, text: `profile "p": credential_process `},
	{name: "no such program", config: processProfile(`/does/not/exist`), kind: Other, text: `profile "p": credential_process could not be run: exec: "/does/not/exist": `},
	{name: "no such program on PATH", config: processProfile(`does-not-exist --x`), kind: Other, text: `profile "p": credential_process could not be run: "does-not-exist" is not on PATH`},
	{name: "program in the working directory", config: processProfile(`./tool`), kind: Other, text: `profile "p": credential_process could not be run: "./tool" is a relative path, which is not allowed`},
	{name: "quote that is not closed", config: processProfile(`sh -c 'exit 3`), kind: Other, text: `profile "p": credential_process could not be run: a quote is not closed`},
}

func TestProfileFaults(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the programs require sh")
	}
	for _, tt := range profileFaultCases {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, awstest.Options{}).with(t)
			config := w.config(t, tt.config)
			if tt.setUp != nil {
				tt.setUp(t, w)
			}
			c := w.client(t, func(o *Options) { o.Config = config })
			_, err := c.ProfileCredentials(t.Context(), "p", w.path, w.token, region)
			f := faultOf(t, err)
			if f.Kind != tt.kind || f.Service != tt.service || !strings.HasPrefix(f.Error(), tt.text) {
				t.Errorf("kind %d, service %q: %v (%v)", f.Kind, f.Service, f, f.Err)
			}
			if strings.Contains(f.Error(), "SECRET-out") || f.Err != nil && strings.Contains(f.Err.Error(), "SECRET-out") {
				t.Errorf("the error contains the program's output: %v", f.Err)
			}
			if n := w.Calls(awstest.CreateToken); n != 0 {
				t.Errorf("%d refreshes", n)
			}
		})
	}
}

func TestSlowProgramsAreKilled(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("sleep requires sh")
	}
	started := filepath.Join(t.TempDir(), "started")
	// On a busy machine, a short time ends before the program starts.
	for limit := 500 * time.Millisecond; limit < time.Minute; limit *= 2 {
		p := newProcess(env.FromOS(), "sh -c 'echo >"+started+"; sleep 60 & sleep 60'", true) // the grandchild holds the pipe open
		ctx, cancel := contextWithTimeout(t, processMargin+limit)
		if _, err := p.Retrieve(ctx); err == nil || err.Error() != "credential_process did not finish in time" || ctx.Err() != nil {
			t.Errorf("%v, after the caller's deadline: %v", err, ctx.Err() != nil)
		}
		cancel()
		if _, err := os.Stat(started); err == nil {
			return
		}
	}
	t.Error("the program was not started")
}

func TestChainCredentials(t *testing.T) {
	t.Run("keys of the environment", func(t *testing.T) {
		w := newWorld(t, awstest.Options{})
		k := w.AddKeys(account)
		w.with(t, "AWS_ACCESS_KEY_ID="+k.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+k.SecretAccessKey)
		c := w.client(t)
		keys, err := c.ChainCredentials(t.Context(), region)
		if err != nil || !keys.Expiration.IsZero() || keys.AccessKeyID != k.AccessKeyID {
			t.Errorf("got %+v, %v", keys, err)
		}
	})
	t.Run("web identity and a bundle in the environment", func(t *testing.T) {
		w := newWorld(t, awstest.Options{})
		file := filepath.Join(t.TempDir(), "token")
		if err := os.WriteFile(file, []byte(w.AddWebIdentity()), 0o600); err != nil {
			t.Fatal(err)
		}
		w.with(t, "AWS_WEB_IDENTITY_TOKEN_FILE="+file, "AWS_ROLE_ARN=arn:aws:iam::"+account+":role/Push", "AWS_CA_BUNDLE="+w.CAFile())
		if _, err := w.client(t).ChainCredentials(t.Context(), region); err != nil {
			t.Error(err)
		}
		if n := w.Calls(awstest.AssumeRoleWithWebIdentity); n != 1 {
			t.Errorf("%d calls", n)
		}
	})
	t.Run("a container", func(t *testing.T) {
		w := newWorld(t, awstest.Options{})
		uri, token := w.AddContainer(account, role)
		w.with(t, "AWS_CONTAINER_CREDENTIALS_FULL_URI="+uri, "AWS_CONTAINER_AUTHORIZATION_TOKEN="+token)
		if keys, err := w.client(t).ChainCredentials(t.Context(), region); err != nil || keys.Account != account {
			t.Errorf("got %+v, %v", keys, err)
		}
	})
	t.Run("an instance", func(t *testing.T) {
		w := newWorld(t, awstest.Options{})
		w.with(t, "AWS_EC2_METADATA_SERVICE_ENDPOINT="+w.AddMetadata(account, role, region), "AWS_EC2_METADATA_DISABLED=false")
		if _, err := w.client(t).ChainCredentials(t.Context(), region); err != nil {
			t.Error(err)
		}
	})
}

func TestChainWithoutCredentials(t *testing.T) {
	t.Run("no instance", func(t *testing.T) {
		w := newWorld(t, awstest.Options{})
		w.with(t, "AWS_EC2_METADATA_SERVICE_ENDPOINT="+w.AddMetadata(account, role, region), "AWS_EC2_METADATA_DISABLED=false")
		w.Fail(awstest.Metadata, awstest.Fault{Kind: awstest.Hang})
		start := time.Now()
		_, err := w.client(t, func(o *Options) { o.steps.metadata = time.Second }).ChainCredentials(t.Context(), region)
		if f := faultOf(t, err); f.Kind != NoCredentials || f.Error() != "no AWS credentials found" {
			t.Errorf("kind %d: %v (%v)", f.Kind, f, f.Err)
		}
		if d := time.Since(start); d > testLimit/2 || w.Calls(awstest.Metadata) > 1 { // 0: a busy machine connected too late
			t.Errorf("took %s and %d calls", d, w.Calls(awstest.Metadata))
		}
	})
	t.Run("nothing", func(t *testing.T) {
		w := newWorld(t, awstest.Options{}).with(t)
		w.home.WriteConfig("")
		_, err := w.client(t).ChainCredentials(t.Context(), region)
		if f := faultOf(t, err); f.Kind != NoCredentials {
			t.Errorf("kind %d: %v (%v)", f.Kind, f, f.Err)
		}
		if n := len(w.Connections()); n != 0 {
			t.Errorf("%d connections", n)
		}
	})
	t.Run("an insecure endpoint of STS in the environment", func(t *testing.T) {
		w := newWorld(t, awstest.Options{})
		file := filepath.Join(t.TempDir(), "token")
		if err := os.WriteFile(file, []byte(w.AddWebIdentity()), 0o600); err != nil {
			t.Fatal(err)
		}
		w.with(t, "AWS_WEB_IDENTITY_TOKEN_FILE="+file, "AWS_ROLE_ARN=arn:aws:iam::"+account+":role/Push", "AWS_ENDPOINT_URL_STS=http://192.0.2.1:81/x")
		_, err := w.client(t).ChainCredentials(t.Context(), region)
		if f := faultOf(t, err); f.Kind != InsecureEndpoint || f.Variable != env.AWSEndpointURLSTS.Name() {
			t.Errorf("kind %d: %v (%v)", f.Kind, f, f.Err)
		}
	})
}

// The error contains the container endpoint that denied the request, and its message.
func TestContainerEndpointDenies(t *testing.T) {
	for name, tt := range map[string]struct {
		fault awstest.Fault
		text  string
	}{
		"in plain text":    {awstest.Fault{Status: 403, Body: "no\n"}, " refused (403): no"},
		"in JSON":          {awstest.Fault{Status: 401, Code: "AccessDenied", Message: "invalid token"}, " refused (401): invalid token"},
		"in HTML":          {awstest.Fault{Status: 403, Body: "<html>no"}, " refused (403): without a message"},
		"in control codes": {awstest.Fault{Status: 403, Body: "no\x1b[31m"}, " refused (403): no?[31m"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, awstest.Options{})
			uri, token := w.AddContainer(account, role)
			w.env = append(w.env, "AWS_CONTAINER_CREDENTIALS_FULL_URI="+uri, "AWS_CONTAINER_AUTHORIZATION_TOKEN="+token)
			w.Fail(awstest.Container, tt.fault)
			_, err := w.client(t).ChainCredentials(t.Context(), region)
			f := faultOf(t, err)
			if f.Kind != Other || !strings.HasPrefix(f.Error(), "the container credentials endpoint 127.0.0.1:") || !strings.HasSuffix(f.Error(), tt.text) {
				t.Errorf("kind %d: %v", f.Kind, f)
			}
		})
	}
}

// The error contains the instance metadata service that denied the request, for each of its
// requests, with and without version 1. Any other response means that the machine has no
// credentials.
func TestInstanceMetadataServiceDenies(t *testing.T) {
	for name, tt := range map[string]struct {
		op    awstest.Op
		fault awstest.Fault
		env   string
		kind  Kind
		text  string
	}{
		"everything":       {awstest.Metadata, awstest.Fault{Status: 403, Body: "turned off"}, "", Other, " refused (403): turned off"},
		"token":            {awstest.MetadataToken, awstest.Fault{Status: 403}, "AWS_EC2_METADATA_V1_DISABLED=true", Other, " refused (403): "},
		"version 1 too":    {awstest.MetadataToken, awstest.Fault{Status: 403}, "", Other, " refused (401): without a message"},
		"credentials":      {awstest.MetadataCredentials, awstest.Fault{Status: 401, Code: "Unauthorized", Message: "no"}, "", Other, " refused (401): no"},
		"instance without": {awstest.MetadataCredentials, awstest.Fault{Status: 404}, "", NoCredentials, "no AWS credentials found"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, awstest.Options{})
			w.with(t, "AWS_EC2_METADATA_SERVICE_ENDPOINT="+w.AddMetadata(account, role, region), "AWS_EC2_METADATA_DISABLED=false", tt.env)
			w.Fail(tt.op, tt.fault)
			_, err := w.client(t).ChainCredentials(t.Context(), region)
			f := faultOf(t, err)
			if f.Kind != tt.kind || !strings.Contains(f.Error(), tt.text) || tt.kind == Other && !strings.HasPrefix(f.Error(), "the instance metadata service 127.0.0.1:") {
				t.Errorf("kind %d: %v (%v)", f.Kind, f, f.Err)
			}
		})
	}
}

// STS rejects a wrong clock, like ECR.
func TestAssumeRoleUsesServerTime(t *testing.T) {
	w := newWorld(t, awstest.Options{})
	k := w.AddKeys(account)
	config := w.config(t, "[profile r]\nregion = eu-west-1\nrole_arn = arn:aws:iam::"+account+":role/"+role+"\nsource_profile = k\n"+
		"[profile k]\naws_access_key_id = "+k.AccessKeyID+"\naws_secret_access_key = "+k.SecretAccessKey+"\n")
	w.Advance(10 * time.Minute)
	c := w.client(t, func(o *Options) { o.Config = config })
	if _, err := c.ProfileCredentials(t.Context(), "r", "", awscache.Token{}, region); err != nil {
		t.Fatal(err)
	}
	if n := w.Calls(awstest.AssumeRole); n != 2 {
		t.Errorf("%d calls, want 2", n)
	}
}
