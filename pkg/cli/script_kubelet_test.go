package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// pull is one kubelet request. .ci/kubelet runs the program with the kubelet's own code.
type pull struct {
	image, version, role, token string
}

// pullOf parses IMAGE [KEY=VALUE...]: version=v1beta1, account=NAMESPACE:NAME for the
// service account token, role=ARN for its annotation, issuer=URL, audience=NAME and
// life=DURATION for the token, trust=ARN instead of role for its trust policy.
func pullOf(ts *testscript.TestScript, args []string) pull {
	p := pull{image: args[0], version: "v1"}
	token := awstest.ServiceAccount{Issuer: "https://cluster.example.com", Audience: "sts.amazonaws.com"}
	life, trust := time.Hour, ""
	for _, kv := range args[1:] {
		k, v, _ := strings.Cut(kv, "=")
		switch k {
		case "version":
			p.version = v
		case "account":
			token.Name = v
		case "role":
			p.role = v
		case "trust":
			trust = v
		case "issuer":
			token.Issuer = v
		case "audience":
			token.Audience = v
		case "life":
			life = duration(ts, v)
		default:
			ts.Fatalf("pull: unknown %q", k)
		}
	}
	if token.Name != "" {
		token.Roles = []string{p.role, trust}
		p.token = stageOf(ts).aws.ServiceAccountToken(token, life)
	}
	return p
}

func (p pull) request() []byte {
	fields := map[string]any{"kind": "CredentialProviderRequest", "apiVersion": "credentialprovider.kubelet.k8s.io/" + p.version, "image": p.image}
	if p.token != "" {
		fields["serviceAccountToken"] = p.token
	}
	if p.role != "" {
		fields["serviceAccountAnnotations"] = map[string]string{"eks.amazonaws.com/ecr-role-arn": p.role}
	}
	data, _ := json.Marshal(fields)
	return append(data, '\n')
}

// response is what the kubelet decodes. Its codec is strict.
type response struct {
	Kind, APIVersion            string
	CacheKeyType, CacheDuration string
	Auth                        map[string]struct{ Username, Password string }
}

// read checks one response: either complete and in the version of the request, or an error
// line and an empty stdout.
func (p pull) read(a *asking, failed error) (response, error) {
	var r response
	switch {
	case failed != nil && a.stdout.Len() > 0:
		return r, errors.New("a failure with something on stdout")
	case failed != nil && strings.Count(a.stderr.String(), "\n") != 1:
		return r, errors.New("a failure without one line on stderr: " + a.stderr.String())
	case failed != nil:
		return r, nil
	case a.stderr.Len() > 0:
		return r, errors.New("a success with something on stderr: " + a.stderr.String())
	}
	dec := json.NewDecoder(bytes.NewReader(a.stdout.Bytes()))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&r); err != nil {
		return r, err
	}
	host, _, _ := strings.Cut(p.image, "/")
	login, ok := r.Auth[host]
	switch {
	case r.Kind != "CredentialProviderResponse", r.APIVersion != "credentialprovider.kubelet.k8s.io/"+p.version, r.CacheKeyType != "Registry":
		return r, errors.New("not a response to the request")
	case len(r.Auth) > 0 && (len(r.Auth) != 1 || !ok || login.Username != "AWS" || login.Password == ""):
		return r, errors.New("not a login of the registry that was asked for")
	}
	_, err := time.ParseDuration(r.CacheDuration)
	return r, err
}

// ask prepares the program. KUBELET in the script's environment replaces the command and
// its arguments.
func (p pull) ask(ts *testscript.TestScript) *asking {
	words := strings.Fields(ts.Getenv("KUBELET"))
	if len(words) == 0 {
		words = []string{name, "kubelet"}
	}
	program := filepath.Join(binDir, words[0]+exeSuffix())
	if strings.ContainsRune(words[0], os.PathSeparator) {
		program = words[0]
	}
	a := &asking{cmd: exec.Command(program, words[1:]...)}
	for _, name := range stageOf(ts).env { // the script may have changed the values
		name, _, _ = strings.Cut(name, "=")
		if value := ts.Getenv(name); value != "" {
			a.cmd.Env = append(a.cmd.Env, name+"="+value)
		}
	}
	for _, name := range []string{"ECR_SSO_CACHE_DIR", "ECR_SSO_CONFIG", "AWS_PROFILE", "AWS_ECR_ROLE_ARN", "AWS_EC2_METADATA_SERVICE_ENDPOINT",
		"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN"} {
		if value := ts.Getenv(name); value != "" {
			a.cmd.Env = append(a.cmd.Env, name+"="+value)
		}
	}
	if ts.Getenv("ECR_SSO_LOG") == "" {
		a.cmd.Env = append(a.cmd.Env, "ECR_SSO_LOG="+ts.Getenv("CALLS_LOG"))
	}
	a.cmd.Dir = stageOf(ts).home.Dir
	a.cmd.Stdin, a.cmd.Stdout, a.cmd.Stderr = bytes.NewReader(p.request()), &a.stdout, &a.stderr
	return a
}

// kubelet-request IMAGE [KEY=VALUE...] sends one request and checks the format of the
// response. It prints the non-secret parts: the hosts with a login, the principal of the
// login, and its cache duration.
func cmdKubeletRequest(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, args, 1, 9, "kubelet-request IMAGE [KEY=VALUE...]")
	p := pullOf(ts, args)
	a := p.ask(ts)
	err := a.cmd.Run()
	r, bad := p.read(a, err)
	if bad != nil || (err != nil) != neg {
		ts.Fatalf("%v, %v: %s", err, bad, a.stderr.String())
	}
	if stageOf(ts).leaks(a.stderr.String()) {
		ts.Fatalf("secret on stderr")
	}
	ts.Check(hintParses(a.stderr.String()))
	lines := a.stderr.String()
	if err == nil {
		lines = "keep " + r.CacheDuration + "\n"
		for host, login := range r.Auth {
			lines += host + " " + stageOf(ts).aws.PasswordPrincipal(login.Password) + "\n"
		}
		if len(r.Auth) == 0 {
			lines += "no login\n"
		}
	}
	ts.Check(os.WriteFile(ts.MkAbs("pulled"), []byte(lines), 0o600))
}

// kubelet-requests N IMAGE [KEY=VALUE...] sends N concurrent requests. %d in KEY=VALUE is
// replaced with 1 to 3, so that the requests come from three service accounts.
func cmdKubeletRequests(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, args, 2, 9, "kubelet-requests N IMAGE [KEY=VALUE...]")
	type one struct {
		pull
		*asking
	}
	all := make([]one, number(ts, args[0]))
	for i := range all {
		words := []string{}
		for _, word := range args[1:] {
			words = append(words, strings.ReplaceAll(word, "%d", string('1'+rune(i%3))))
		}
		all[i].pull = pullOf(ts, words)
		all[i].asking = all[i].ask(ts)
		ts.Check(all[i].cmd.Start())
	}
	owners := map[string]string{} // role -> password
	for i, one := range all {
		err := one.cmd.Wait()
		r, bad := one.read(one.asking, err)
		if bad != nil || (err != nil) != neg {
			ts.Fatalf("%d: %v, %v: %s", i, err, bad, one.stderr.String())
		}
		for _, login := range r.Auth {
			key := one.role + stageOf(ts).aws.PasswordPrincipal(login.Password)
			if old, ok := owners[key]; ok && old != login.Password {
				ts.Fatalf("different logins for %s", key)
			}
			owners[key] = login.Password
		}
	}
}
