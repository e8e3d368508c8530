//go:build linux

package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ecr-sso/docker-credential-ecr-sso/lab"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// helper is a binary under test. Our helper selects the profile by the registry's
// account. Other helpers need AWS_PROFILE or keys, and have a different cache directory.
type helper struct {
	name, path string
	ours       bool
	shares     bool   // one cache file for all registries
	cache      string // the cache directory, below the home
	cli        string // the AWS CLI's path, if the helper is the shim around it
	resting    int64  // bytes used at startup; not counted
}

func ours(path string) helper {
	return helper{name: lab.Helper, path: path, ours: true, cache: filepath.Join(".cache", lab.Helper)}
}

// peer returns amazon-ecr-credential-helper or a helper that behaves the same.
func peer(path string) helper {
	return helper{name: filepath.Base(path), path: path, shares: true, cache: ".ecr"}
}

func (h helper) cacheDir(s *stage) string { return s.Path(h.cache) }

// prepare gives other helpers the credentials that our helper selects automatically: the
// profile or, for cache faults, an IAM user's keys. With an SSO profile,
// amazon-ecr-credential-helper never finds its own cached login.
func (h helper) prepare(s *stage) {
	if h.ours {
		if s.fault.from != warmed { // only the normal path writes a log
			s.Env = append(s.Env, "ECR_SSO_LOG="+s.Path("helper.log"))
		}
		return
	}
	if h.cli != "" { // the AWS CLI ignores SSL_CERT_FILE
		s.Env = append(s.Env, "FAULTLAB_AWS="+h.cli, "AWS_CA_BUNDLE="+s.AWS.CAFile())
	}
	if s.fault.from != warmed {
		s.Env = append(s.Env, "AWS_PROFILE="+lab.Profile)
		return
	}
	keys := s.AWS.AddKeys(lab.Account)
	s.AWS.AllowCrossAccount(lab.Account, lab.OtherAccount)
	s.canary = append(s.canary, keys.SecretAccessKey)
	s.Env = append(s.Env, "AWS_ACCESS_KEY_ID="+keys.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+keys.SecretAccessKey)
}

// primeEnv returns the environment of a get without a fault.
func (h helper) primeEnv(s *stage, host string) []string {
	env := slices.Clone(s.Env)
	if !h.ours && host == lab.OtherHost && s.fault.from != warmed {
		env = append(env, "AWS_PROFILE="+lab.OtherProfile)
	}
	return env
}

// cached lists the files that contain logins.
func (h helper) cached(s *stage) []string {
	names, err := os.ReadDir(h.cacheDir(s))
	if err != nil {
		return nil
	}
	var paths []string
	for _, n := range names {
		if n.Type().IsRegular() && n.Name() != "log" && !strings.HasPrefix(n.Name(), ".") {
			paths = append(paths, filepath.Join(h.cacheDir(s), n.Name()))
		}
	}
	return paths
}

// mayHold reports whether a file in the home directory may contain secrets.
func (h helper) mayHold(s *stage, path string) bool {
	if h.ours {
		return awstest.MayContainSecrets(s.Home, path) || s.cacheAt != "" && filepath.Dir(path) == s.cacheAt
	}
	return awstest.MayContainSecrets(s.Home, path) || filepath.Base(path) == "cache.json" && filepath.Base(filepath.Dir(path)) == h.cache
}
