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
	aws    *awstest.AWS
	home   *awstest.Home
	bin    string   // directory of the program
	env    []string // of the kubelet, in addition to the home's
	config string
}

// program is built once for all tests.
var program string

func newWorld(t *testing.T) *world {
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
	w.configure()
	return w
}

// signIn gives the node an SSO session, like a development cluster on a laptop.
func (w *world) signIn() {
	w.home.SSOProfile("prod", "corp", start, region, account, "Push")
	w.home.WriteToken("corp", w.aws.SignIn(start, region, true))
}

// aliases gives the registry and ECR Public other names.
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

// result is the logins of a kubelet, and the calls for them.
type result struct {
	logins                            [][]found
	log                               string
	portal, sts, ecr, public, connect int
	took                              time.Duration
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
	if err := json.Unmarshal(out.Bytes(), &r.logins); err != nil {
		w.Fatal(err)
	}
	for _, secret := range w.aws.Secrets() {
		if strings.Contains(r.log, secret) {
			w.Error("a secret in the kubelet's log")
		}
	}
	return r
}

// count returns the number of logins, and of different passwords, in all rounds. Every
// login must be one that the fake AWS issued.
func (w *world) count(r result) (logins, different int) {
	seen := map[string]bool{}
	for _, round := range r.logins {
		for _, login := range round {
			if login == (found{}) {
				continue
			}
			if logins++; login.Username != "AWS" || w.aws.PasswordPrincipal(login.Password) == "" {
				w.Errorf("not a login of ECR: %q", login.Username)
			}
			seen[login.Password] = true
		}
	}
	return logins, len(seen)
}

// images returns n images of one registry.
func images(n int, host string) []pull {
	all := make([]pull, n)
	for i := range all {
		all[i] = pull{Image: fmt.Sprintf("%s/team/app-%d", host, i), Namespace: "team", Pod: fmt.Sprint("pod-", i)}
	}
	return all
}

// pods returns n pods of three service accounts with a role each.
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
