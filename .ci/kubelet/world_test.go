package kubelet

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/lab"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

const (
	account = "123456789012"
	host    = account + ".dkr.ecr.us-east-1.amazonaws.com"
	start   = "https://corp.awsapps.com/start"
	region  = "us-east-1"
)

// world is a node: a fake AWS, a home, and a directory with the built program.
type world struct {
	*testing.T
	aws       *awstest.AWS
	home      *awstest.Home
	bin       string   // directory of the provider
	env       []string // kubelet variables, in addition to the home's
	config    string
	reference string // file name of the reference provider; "": our program
	flaws     []string
}

// wrong records behavior that is an error in our program but allowed in the reference
// provider.
func (w *world) wrong(format string, args ...any) {
	w.flaws = append(w.flaws, fmt.Sprintf(format, args...))
}

// program is built once for all tests.
var program string

// newWorld returns a node with our program, or with the reference provider at that path.
func newWorld(t *testing.T, reference string) *world {
	if program == "" {
		dir, err := os.MkdirTemp("", "kubelet-bin-")
		if err != nil {
			t.Fatal(err)
		}
		if program, err = lab.Build(dir); err != nil {
			t.Fatal(err)
		}
	}
	fake, err := awstest.New(awstest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	fake.AddInstance(start, region)
	fake.AddAccount(account, "Production", "prod@example.com", "Push", "pull-1", "pull-2", "pull-3")
	w := &world{T: t, aws: fake, home: fake.Home(t.TempDir()), bin: filepath.Dir(program)}
	if reference != "" {
		w.bin, w.reference = filepath.Split(reference)
		w.env = []string{"AWS_REGION=" + region} // it needs a region for non-ECR host names
	}
	w.configure()
	return w
}

// signIn gives the node an SSO session, like a development cluster on a laptop.
func (w *world) signIn() {
	w.profile()
	w.home.WriteToken("corp", w.aws.SignIn(start, region, true))
}

// profile configures an SSO profile. The reference provider needs AWS_PROFILE, because it
// cannot find a profile by account.
func (w *world) profile() {
	w.home.SSOProfile("prod", "corp", start, region, account, "Push")
	if w.reference != "" {
		w.env = append(w.env, "AWS_PROFILE=prod")
	}
}

// aliases configures aliases for the registry and ECR Public.
func (w *world) aliases() {
	w.Helper()
	dir := filepath.Join(w.home.Dir, ".config", "docker-credential-ecr-sso")
	err := os.MkdirAll(dir, 0o700)
	if err == nil {
		text := fmt.Sprintf("[aliases]\n\"ecr.example.com\" = %q\n\"mirror.example.com\" = \"public.ecr.aws\"\n", host)
		err = os.WriteFile(filepath.Join(dir, "config.toml"), []byte(text), 0o600)
	}
	if err != nil {
		w.Fatal(err)
	}
	w.configure()
}

// keys gives the node keys that are valid in every partition.
func (w *world) keys() {
	k := w.aws.AddKeys(account)
	w.env = append(w.env, "AWS_ACCESS_KEY_ID="+k.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+k.SecretAccessKey)
}

// configure runs configure-kubelet with these flags.
func (w *world) configure(flags ...string) {
	w.Helper()
	dir := filepath.Join(w.home.Dir, "kubelet")
	cmd := exec.Command(program, append([]string{"configure-kubelet", "--overwrite", "--cache-dir", filepath.Join(w.home.Dir, "logins"), dir}, flags...)...)
	cmd.Env = w.home.Env()
	if out, err := cmd.CombinedOutput(); err != nil {
		w.Fatalf("configure-kubelet: %v\n%s", err, out)
	}
	w.config = filepath.Join(dir, "docker-credential-ecr-sso.yaml")
	if w.reference != "" {
		w.edit(fmt.Sprintf("name: %q", filepath.Base(program)), fmt.Sprintf("name: %q", w.reference),
			fmt.Sprintf("args: [\"kubelet\", %q]", "--cache-dir="+filepath.Join(w.home.Dir, "logins")), `args: ["get-credentials"]`)
	}
}

// edit replaces text in the configuration.
func (w *world) edit(pairs ...string) {
	w.Helper()
	data, err := os.ReadFile(w.config)
	if err == nil {
		text := strings.NewReplacer(pairs...).Replace(string(data))
		if text == string(data) {
			w.Fatalf("nothing to replace: %q", pairs)
		}
		err = os.WriteFile(w.config, []byte(text), 0o600)
	}
	if err != nil {
		w.Fatal(err)
	}
}

// kubelet runs a kubelet with these pulls and counts the calls.
func (w *world) kubelet(rounds int, pulls ...pull) result {
	w.Helper()
	w.aws.ResetLog()
	connections := len(w.aws.Connections())
	in, err := json.Marshal(kubeletCase{Config: w.config, BinDir: w.bin, Rounds: rounds, Pulls: pulls})
	if err != nil {
		w.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(append(w.home.Env(), w.env...), childVariable+"=1")
	var out, log bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(in), &out, &log
	began := time.Now()
	if err := cmd.Run(); err != nil {
		w.Fatalf("%v\n%s", err, log.String())
	}
	r := result{
		log: log.String(), took: time.Since(began),
		portal: w.aws.Calls(awstest.GetRoleCredentials), sts: w.aws.Calls(awstest.AssumeRoleWithWebIdentity),
		ecr: w.aws.Calls(awstest.GetAuthorizationToken), public: w.aws.Calls(awstest.GetPublicAuthorizationToken),
		connect: len(w.aws.Connections()) - connections,
	}
	for _, call := range w.aws.Log() {
		if call.Op == awstest.GetAuthorizationToken {
			r.hosts = append(r.hosts, call.Host)
		}
	}
	if err := json.Unmarshal(out.Bytes(), &r.logins); err != nil {
		w.Fatal(err)
	}
	for _, secret := range w.aws.Secrets() {
		if strings.Contains(r.log, secret) {
			w.wrong("a secret in the kubelet's log")
		}
	}
	w.count(&r)
	return r
}

// count counts the logins and the different passwords of all rounds. The fake AWS must
// have issued every login.
func (w *world) count(r *result) {
	seen := map[string]bool{}
	for _, round := range r.logins {
		r.pulls += len(round)
		for _, login := range round {
			if login == (found{}) {
				continue
			}
			if r.count++; login.Username != "AWS" || w.aws.PasswordPrincipal(login.Password) == "" {
				w.wrong("not a login of ECR: %q", login.Username)
			}
			seen[login.Password] = true
		}
	}
	r.different = len(seen)
}

// images returns pulls of n images from one registry.
func images(n int, host string) []pull {
	all := make([]pull, n)
	for i := range all {
		all[i] = pull{Image: fmt.Sprintf("%s/team/app-%d", host, i), Namespace: "team", Pod: fmt.Sprint("pod-", i)}
	}
	return all
}

// pods returns pulls for n pods. The pods use three service accounts, each with its own
// role.
func (w *world) pods(n int) []pull {
	all := make([]pull, n)
	tokens := map[string]string{}
	for i := range all {
		name, role := fmt.Sprint("app-", i%3+1), fmt.Sprintf("arn:aws:iam::%s:role/pull-%d", account, i%3+1)
		if tokens[name] == "" {
			tokens[name] = w.aws.ServiceAccountToken(awstest.ServiceAccount{
				Issuer: "https://cluster.example.com", Name: "team:" + name, Audience: "sts.amazonaws.com", Roles: []string{role},
			}, time.Hour)
		}
		all[i] = pull{Image: fmt.Sprintf("%s/team/app-%d", host, i), Namespace: "team", Pod: fmt.Sprint("pod-", i), Account: name, Role: role, Token: tokens[name]}
	}
	return all
}
