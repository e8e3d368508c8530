//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/ecr-sso/docker-credential-ecr-sso/lab"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// nodes simulates machines that share only ECR's rate limit. Each process is the
// kubelet's provider with its own cache directory. Within 20 s, ECR can serve all
// processes. A provider ends within 42 s.
func nodes(p *place) error {
	rate, burst := 40.0, 200
	if p.runner.quick {
		rate, burst = 10, 50
	}
	keys := p.AWS.AddKeys(lab.Account)
	p.Env = append(p.Env, "AWS_ACCESS_KEY_ID="+keys.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+keys.SecretAccessKey)
	p.AWS.Limit(awstest.ECR, rate, burst, "")
	p.asks = func(process int, host string) ([]string, string) {
		dir := filepath.Join(p.runner.dir, "nodes", fmt.Sprint(process))
		return []string{"kubelet", "--cache-dir", dir}, fmt.Sprintf(
			`{"kind":"CredentialProviderRequest","apiVersion":"credentialprovider.kubelet.k8s.io/v1","image":"%s/app"}`, host)
	}
	return nil
}

// aLoginEach checks that every node got and cached its own login.
func aLoginEach(p *place, all []*member, res *result) error {
	dir := filepath.Join(p.runner.dir, "nodes")
	owner := map[string]int{}
	for i, m := range all {
		if other, ok := owner[m.out]; ok && m.answered() {
			res.problem("nodes %d and %d have the same login", other, i)
		}
		owner[m.out] = i
	}
	files, err := filepath.Glob(filepath.Join(dir, "*", "*.json"))
	if len(files) != len(all) {
		res.problem("%d logins are cached on %d nodes", len(files), len(all))
	}
	return errors.Join(err, os.RemoveAll(dir))
}
