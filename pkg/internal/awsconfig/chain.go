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

// chain returns the profile and its source profiles, in order. It stops at a profile that
// does not exist and at one that is already in the chain. The chain starts from the
// credentials of the last profile. An error says why the chain is incomplete.
func (c *Config) chain(name string) (chain []*Profile, err error) {
	for {
		p, ok := c.Profile(name)
		if !ok {
			if len(chain) == 0 {
				return nil, nil
			}
			return chain, &OriginError{
				Profile: chain[len(chain)-1].Name, Unusable: name,
				Why: fmt.Sprintf("takes its credentials from source_profile %q, which does not exist", name),
			}
		}
		keys := p.Keys()
		if slices.Contains(chain, p) {
			return chain, &OriginError{Profile: chain[len(chain)-1].Name, Why: fmt.Sprintf("names source_profile %q, which leads back to itself", name)}
		}
		chain = append(chain, p)
		source := c.sourceName(keys)
		switch {
		case !keys.assumes(), len(chain) > 1 && keys.hasKey():
			return chain, nil
		case source != "" && keys.Get("credential_source") != "":
			return chain, &OriginError{Profile: p.Name, Why: "has both source_profile and credential_source"}
		case source == "", source == p.Name && keys.hasKey(): // its own keys
			return chain, nil
		}
		name = source
	}
}

// sourceName returns the source_profile of the keys. A profile name may contain quotes or
// " #", which would be syntax in other values.
func (c *Config) sourceName(keys Keys) string {
	if raw := keys.raw("source_profile"); raw != "" && c.profiles[raw] != nil {
		return raw
	}
	return keys.Get("source_profile")
}

// Fingerprint returns a hex digest of all keys, from both files, of the profile, its
// session and its source profiles. It changes whenever the identity of the profile may
// have changed. The digest includes secret keys but does not reveal them.
func (c *Config) Fingerprint(name string) string {
	h := sha256.New()
	write(h, name)
	chain, _ := c.chain(name)
	for _, p := range chain {
		write(h, "profile", p.Name)
		keys, nested := p.Keys(), p.Nested()
		writeMap(h, keys.Map())
		for _, block := range slices.Sorted(maps.Keys(nested)) {
			write(h, "block", block)
			writeMap(h, nested[block])
		}
		if s, ok := c.Session(c.sessionName(keys)); ok {
			write(h, "session", s.Name, s.StartURL, s.Region, strings.Join(s.Scopes, ","))
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// write hashes texts with their lengths, so that different lists have different digests.
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
