package kubelet

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/credhelper"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/warmfile"
)

// The flag takes precedence. Without it, only root without HOME and XDG_CACHE_HOME uses the
// node directory.
func TestCacheDir(t *testing.T) {
	node := NodeCacheDir()
	if os.Geteuid() != 0 {
		node = ""
	}
	for _, tt := range []struct {
		environ []string
		flag    string
		want    string // value of ECR_SSO_CACHE_DIR
	}{
		{nil, "", node},
		{[]string{"AWS_PROFILE=a"}, "", node},
		{[]string{"HOME=/root"}, "", ""},
		{[]string{"XDG_CACHE_HOME=/x"}, "", ""},
		{[]string{"ECR_SSO_CACHE_DIR=/own"}, "", "/own"},
		{[]string{"HOME=/root", "ECR_SSO_CACHE_DIR=/own"}, "/flag", "/flag"},
		{nil, "/flag", "/flag"},
	} {
		set := CacheDir(env.FromList(tt.environ), tt.flag)
		if got := set.Get(env.SSOCacheDir); got != tt.want {
			t.Errorf("%v with %q: %q, want %q", tt.environ, tt.flag, got, tt.want)
		}
		for _, kv := range tt.environ {
			if tt.flag == "" && !slices.Contains(set.List(), kv) {
				t.Errorf("%v: missing %s", tt.environ, kv)
			}
		}
	}
}

// The provider must not write warm entries. A get by the same user shares the provider's
// cache. It would return the node's or pod's login, regardless of its own credentials.
func TestNoWarmEntry(t *testing.T) {
	if !warmfile.Supported {
		t.Skip("no warm path on this platform")
	}
	n := newNode(t)
	home := n.aws.Home(t.TempDir())
	n.env = env.FromList(home.Env())
	n.aws.AddInstance("https://corp.awsapps.com/start", "us-east-1")
	n.aws.AddAccount(testAccount, "A", "a@example.com", "Push", "pull-1")
	home.SSOProfile("prod", "corp", "https://corp.awsapps.com/start", "us-east-1", testAccount, "Push")
	past := time.Now().Add(-time.Hour) // a get that reads new files writes no warm entry
	for _, path := range []string{home.ConfigPath(), home.WriteToken("corp", n.aws.SignIn("https://corp.awsapps.com/start", "us-east-1", true))} {
		if err := os.Chtimes(path, past, past); err != nil {
			t.Fatal(err)
		}
	}
	warm := func() int {
		files, _ := filepath.Glob(filepath.Join(n.env.CacheDir(), "*"+warmfile.Suffix))
		return len(files)
	}
	if out, err := n.pull(testImage); err != nil || login(t, out) == "" || warm() != 0 {
		t.Errorf("%v, %d warm entries of the node", err, warm())
	}
	role := "arn:aws:iam::" + testAccount + ":role/pull-1"
	token := n.aws.ServiceAccountToken(awstest.ServiceAccount{Issuer: "https://c.example.com", Name: "team:app", Audience: "sts.amazonaws.com", Roles: []string{role}}, time.Hour)
	out, err := n.answer(Request{apiVersion: versions[0], image: testImage, token: secret.New(token), annotations: map[string]string{roleAnnotation: role}})
	if err != nil || login(t, out) == "" || warm() != 0 {
		t.Errorf("%v, %d warm entries of a pod", err, warm())
	}
	host, _, _ := strings.Cut(testImage, "/")
	if _, _, err := credhelper.New(credhelper.WithEnv(n.env.List()), credhelper.WithTransport(n.aws.Transport())).Get(host); err != nil || warm() != 1 {
		t.Errorf("%v, %d warm entries of a user", err, warm())
	}
}
