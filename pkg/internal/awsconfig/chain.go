package awsconfig

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// chain returns the profile and those that it names as source, one after the
// other. It ends before a profile that is missing or that came already: a
// profile may name itself for its own keys.
func (c *Config) chain(name string) []*Profile {
	var chain []*Profile
	for {
		p, ok := c.Profile(name)
		if !ok || slices.Contains(chain, p) {
			return chain
		}
		chain = append(chain, p)
		keys := p.Keys()
		if name = keys.Get("source_profile"); name == "" || keys.Get("role_arn") == "" {
			return chain
		}
	}
}

// SSOBehind returns the SSO profile whose session a profile depends on: itself,
// or the one at the end of its source_profile chain. A source that is missing
// or broken, comes in a loop, or has keys of its own is none.
func (c *Config) SSOBehind(name string) (SSO, bool) {
	chain := c.chain(name)
	if len(chain) == 0 {
		return SSO{}, false
	}
	last := chain[len(chain)-1]
	keys := last.Keys()
	if source := keys.Get("source_profile"); keys.Get("role_arn") != "" && source != "" && source != last.Name {
		return SSO{}, false
	}
	// Keys of the same name hide SSO from those who assume a role, in the AWS
	// CLI and in the SDK.
	if keys.Get("role_arn") != "" || len(chain) > 1 {
		if keys.static() || keys.Get("credential_source") != "" {
			return SSO{}, false
		}
	}
	if !keys.signsOn() {
		return SSO{}, false
	}
	s, err := c.resolve(last.Name, keys)
	return s, err == nil
}

// CredentialSource returns the credential_source that a profile, or the one at
// the end of its source_profile chain, takes its credentials from: Environment,
// EcsContainer or Ec2InstanceMetadata; "" when none is named.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-assume-role-credentials.html
func (c *Config) CredentialSource(name string) string {
	chain := c.chain(name)
	if len(chain) == 0 {
		return ""
	}
	return chain[len(chain)-1].Keys().Get("credential_source")
}

// Fingerprint returns a hex digest over all keys, from both files, of the
// profile, of its session and of the profiles that it names as source. It
// changes whenever the identity behind the name may have changed. Keys that are
// secret go into it; the digest does not tell them.
func (c *Config) Fingerprint(name string) string {
	h := sha256.New()
	write(h, name)
	for _, p := range c.chain(name) {
		write(h, "profile", p.Name)
		keys, nested := p.Keys(), p.Nested()
		writeMap(h, keys.Map())
		for _, block := range slices.Sorted(maps.Keys(nested)) {
			write(h, "block", block)
			writeMap(h, nested[block])
		}
		if s, ok := c.Session(keys.Get("sso_session")); ok {
			write(h, "session", s.Name, s.StartURL, s.Region, strings.Join(s.Scopes, ","))
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// write feeds texts with their lengths, so that no two lists look the same.
func write(h hash.Hash, texts ...string) {
	for _, text := range texts {
		fmt.Fprintf(h, "%d:%s,", len(text), text)
	}
}

func writeMap(h hash.Hash, m map[string]string) {
	write(h, "map", strconv.Itoa(len(m)))
	for _, key := range slices.Sorted(maps.Keys(m)) {
		write(h, key, m[key])
	}
}
