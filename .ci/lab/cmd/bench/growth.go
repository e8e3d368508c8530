//go:build unix

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"strings"
	"sync"

	"github.com/ecr-sso/docker-credential-ecr-sso/lab"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// growth compares two home directories that differ only in size. Both use the same
// binary, because the kernel's caches would be cold for a second binary.
func (s *stage) growth(id, what string, one, many *side) ([]Row, error) {
	p, err := s.walls(many, one, 200)
	if err != nil {
		return nil, err
	}
	wall := ratioRow(id, what+", wall", "one", p, 1.10)
	few, err := s.instructions(one)
	if errors.Is(err, errNoValgrind) {
		return []Row{wall, notRun(id, err.Error())}, nil
	}
	if err != nil {
		return nil, err
	}
	lots, err := s.instructions(many)
	return []Row{wall, {
		ID: id, What: what + ", instructions", Unit: "instructions", Ours: lots, Base: few, Against: "one", N: s.callgrindRuns(), Judged: byRatio, Limit: 1.05,
	}}, err
}

// peerGrowth makes the same comparison for the peer with static keys, for information
// only. prepare makes the difference between the two homes.
func (s *stage) peerGrowth(id, what string, prepare func(one, many *lab.World) error) ([]Row, error) {
	one, err := s.peerStatic()
	if err != nil {
		return nil, err
	}
	many, err := s.peerStatic()
	if err != nil {
		return nil, err
	}
	if err := prepare(one.world, many.world); err != nil {
		return nil, err
	}
	p, err := s.walls(many, one, 50)
	if err != nil {
		return nil, err
	}
	row := ratioRow(id, what+", wall, of the other helper", "one", p, 0)
	row.Judged = ""
	return []Row{row}, nil
}

// manyRegistries compares a cache with one registry and a cache with 1,000.
func manyRegistries(s *stage) ([]Row, error) {
	one, err := s.oursWarm(near)
	if err != nil {
		return nil, err
	}
	many, err := s.oursWarm(near)
	if err != nil {
		return nil, err
	}
	n := 1000
	if s.quick {
		n = 50
	}
	if err := s.fill(many, n-1); err != nil {
		return nil, err
	}
	what := fmt.Sprintf("warm get, 1 -> %d registries cached", n)
	ours, err := s.growth("G1", what, one, many)
	if err != nil {
		return nil, err
	}
	peer, err := s.peerGrowth("G1", what, func(_, many *lab.World) error { return multiply(many, n) })
	return append(ours, peer...), err
}

// multiply fills the peer's cache with copies of its only entry, each for a different
// registry. A thousand gets would take minutes.
func multiply(w *lab.World, n int) error {
	path := w.Path(".ecr", "cache.json")
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var cache struct {
		Registries map[string]json.RawMessage
		Version    string
	}
	if err := json.Unmarshal(data, &cache); err != nil || len(cache.Registries) != 1 {
		return fmt.Errorf("the other helper's cache has %d entries: %w", len(cache.Registries), err)
	}
	for key, entry := range maps.Clone(cache.Registries) {
		for i := range n - 1 {
			cache.Registries[strings.Replace(key, lab.Account, account(i), 1)] = entry
		}
	}
	if data, err = json.Marshal(cache); err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o600)
}

// account returns an account that no other part of the benchmark uses.
func account(i int) string { return fmt.Sprintf("%012d", 300000000000+i) }

// fill caches the logins for n more registries with real gets, two at a time.
func (s *stage) fill(d *side, n int) error {
	errs := make(chan error, 2)
	var both sync.WaitGroup
	for start := range 2 {
		both.Go(func() {
			for i := start; i < n; i += 2 {
				r, err := s.bench.Run(d.world.Get(s.helper, awstest.RegistryHost(account(i), lab.Region)))
				if err == nil {
					_, err = password(r)
				}
				if err != nil {
					errs <- err
					return
				}
			}
		})
	}
	both.Wait()
	close(errs)
	return <-errs
}

const manyProfiles = 2000

// profiles writes a configuration with n SSO profiles. The last one is for the registry's
// account.
func profiles(w *lab.World, n int) {
	var b strings.Builder
	fmt.Fprintf(&b, "[sso-session %s]\nsso_start_url = %s\nsso_region = %s\nsso_registration_scopes = sso:account:access\n",
		lab.Session, lab.StartURL, lab.Region)
	for i := range n - 1 {
		fmt.Fprintf(&b, "[profile team-%04d]\nsso_session = %s\nsso_account_id = %012d\nsso_role_name = %s\nregion = %s\n",
			i, lab.Session, 400000000000+i, lab.Role, lab.Region)
	}
	fmt.Fprintf(&b, "[profile %s]\nsso_session = %s\nsso_account_id = %s\nsso_role_name = %s\nregion = %s\n",
		lab.Profile, lab.Session, lab.Account, lab.Role, lab.Region)
	w.Home.WriteConfig(b.String())
	w.Env = without(w.Env, "AWS_PROFILE")
}

// profileHomes returns a home directory with one profile and one with many.
func (s *stage) profileHomes() (one, many *lab.World, err error) {
	if one, err = s.world(near); err != nil {
		return nil, nil, err
	}
	if many, err = s.world(near); err != nil {
		return nil, nil, err
	}
	profiles(one, 1)
	profiles(many, manyProfiles)
	return one, many, nil
}

func warmProfiles(s *stage) ([]Row, error) {
	what := fmt.Sprintf("warm get, 1 -> %d profiles", manyProfiles)
	a, b, err := s.profileHomes()
	if err != nil {
		return nil, err
	}
	one, err := s.warm(a)
	if err != nil {
		return nil, err
	}
	many, err := s.warm(b)
	if err != nil {
		return nil, err
	}
	ours, err := s.growth("G2", what, one, many)
	if err != nil {
		return nil, err
	}
	peer, err := s.peerGrowth("G2", what, func(one, many *lab.World) error {
		profiles(one, 1)
		profiles(many, manyProfiles)
		return nil
	})
	return append(ours, peer...), err
}

func coldProfiles(s *stage) ([]Row, error) {
	one, many, err := s.profileHomes()
	if err != nil {
		return nil, err
	}
	p, err := s.walls(s.cold(many), s.cold(one), 200)
	row := ratioRow("G3", fmt.Sprintf("cold get at no latency, 1 -> %d profiles: difference", manyProfiles), "one", p, 1)
	row.Judged, row.Value = byDifference, median(p.differences(wall))
	return []Row{row}, err
}
