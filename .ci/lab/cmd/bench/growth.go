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

// growth holds two homes against each other that differ in size only, with the same
// binary in both: another one in between would leave cold caches.
func (s *stage) growth(bar, what string, one, many *side) ([]Row, error) {
	p, err := s.walls(many, one, 200)
	if err != nil {
		return nil, err
	}
	wall := ratioRow(bar, what+", wall", "one", p, 1.10)
	few, err := s.instructions(one)
	if errors.Is(err, errNoValgrind) {
		return []Row{wall, notRun(bar, err.Error())}, nil
	}
	if err != nil {
		return nil, err
	}
	lots, err := s.instructions(many)
	return []Row{wall, {
		Bar: bar, What: what + ", instructions", Unit: "instructions", Ours: lots, Base: few, Against: "one", N: s.callgrindRuns(), Held: byRatio, Limit: 1.05,
	}}, err
}

// peerGrowth shows the same of the peer, with static keys, for information.
func (s *stage) peerGrowth(bar, what string, one, many *side) ([]Row, error) {
	p, err := s.walls(many, one, 50)
	if err != nil {
		return nil, err
	}
	row := ratioRow(bar, what+", wall, of the peer itself", "one", p, 0)
	row.Held = ""
	return []Row{row}, nil
}

// manyRegistries is a cache of 1 and of 1,000 registries.
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
	if one, err = s.peerStatic(); err != nil {
		return nil, err
	}
	if many, err = s.peerStatic(); err != nil {
		return nil, err
	}
	if err := multiply(many.world, n); err != nil {
		return nil, err
	}
	peer, err := s.peerGrowth("G1", what, one, many)
	return append(ours, peer...), err
}

// multiply fills the peer's cache with copies of its one entry for other registries,
// which a thousand gets would take minutes for.
func multiply(w *lab.World, n int) error {
	path := w.Path(".ecr", "cache.json")
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var kept struct {
		Registries map[string]json.RawMessage
		Version    string
	}
	if err := json.Unmarshal(data, &kept); err != nil || len(kept.Registries) != 1 {
		return fmt.Errorf("the peer's cache has %d entries: %w", len(kept.Registries), err)
	}
	for key, entry := range maps.Clone(kept.Registries) {
		for i := range n - 1 {
			kept.Registries[strings.Replace(key, lab.Account, account(i), 1)] = entry
		}
	}
	if data, err = json.Marshal(kept); err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o600)
}

// account is one that is in nobody's way.
func account(i int) string { return fmt.Sprintf("%012d", 300000000000+i) }

// fill gets a login for n more registries, by real gets, two at a time.
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

// profiles writes a configuration of n SSO profiles, of which the registry's account
// chooses one, the last.
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

// profileHomes are a home with one profile and a home with many.
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
	if one, err = s.peerStatic(); err != nil {
		return nil, err
	}
	if many, err = s.peerStatic(); err != nil {
		return nil, err
	}
	profiles(one.world, 1)
	profiles(many.world, manyProfiles)
	peer, err := s.peerGrowth("G2", what, one, many)
	return append(ours, peer...), err
}

func coldProfiles(s *stage) ([]Row, error) {
	one, many, err := s.profileHomes()
	if err != nil {
		return nil, err
	}
	p, err := s.walls(s.cold(many), s.cold(one), 200)
	row := ratioRow("G3", fmt.Sprintf("cold get at no latency, 1 -> %d profiles: more by", manyProfiles), "one", p, 1)
	row.Held, row.Value = byDifference, median(p.differences(wall))
	return []Row{row}, err
}
