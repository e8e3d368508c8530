//go:build unix

package main

import (
	"errors"
	"fmt"
	"os"
)

const selfCheckBar = "self-check"

// selfCheck is the empty program against itself: far from 1, the machine is too busy
// for any wall time here to count.
func selfCheck(when string) func(*stage) ([]Row, error) {
	return func(s *stage) ([]Row, error) { return s.selfCheck(when) }
}

func (s *stage) selfCheck(when string) ([]Row, error) {
	w, err := s.world(near)
	if err != nil {
		return nil, err
	}
	a := s.emptyBeside(s.cold(w))
	p, err := s.walls(a, a, 400)
	if err != nil {
		return nil, err
	}
	row := ratioRow(selfCheckBar, "empty Go, wall, "+when, "empty Go", p, 0)
	row.Held = ""
	return []Row{row}, nil
}

func warmWall(s *stage) ([]Row, error) {
	a, err := s.oursWarm(near)
	if err != nil {
		return nil, err
	}
	const empty = "empty Go"
	p, err := s.walls(a, s.emptyBeside(a), 400)
	return []Row{ratioRow("W1", "warm get, wall", empty, p, 1.50), {
		Bar: "W1", What: "warm get, wall, the 99th percentile", Unit: "ms", Against: empty, N: len(p.A), Held: byOurs, Limit: 15,
		Ours: percentile(each(p.A, wall), 99), Base: percentile(each(p.B, wall), 99),
	}}, err
}

func warmInstructions(s *stage) ([]Row, error) {
	a, err := s.oursWarm(near)
	if err != nil {
		return nil, err
	}
	b, err := s.peerStatic()
	if err != nil {
		return nil, err
	}
	ours, err := s.instructions(a)
	if err != nil {
		return nil, err
	}
	peer, err := s.instructions(b)
	return []Row{{
		Bar: "W2", What: "warm get, user instructions (callgrind)", Unit: "instructions", Ours: ours, Base: peer, Against: peerName,
		N: s.callgrindRuns(), Held: byOurs, Limit: 0.80e6,
	}}, err
}

func warmPeer(s *stage) ([]Row, error) {
	a, err := s.oursWarm(near)
	if err != nil {
		return nil, err
	}
	b, err := s.peerStatic()
	if err != nil {
		return nil, err
	}
	p, err := s.walls(a, b, 200)
	if err != nil {
		return nil, err
	}
	wall := ratioRow("W3", "warm get, wall; the peer's best case, static keys", peerName, p, 0.50)
	wall.Headline = "login cached (the peer: static keys, its best case)"
	if p, err = s.pairs(a, b, 200); err != nil {
		return nil, err
	}
	memory := figureRow("W5", "warm get, largest resident size", "MB", p, rss, 4.5)
	memory.Headline = "its memory"
	return []Row{wall, memory, figureRow("W5", "warm get, minor page faults", "faults", p, faults, 290)}, nil
}

// repeatedSSO is what a user of SSO has in each further get.
func repeatedSSO(s *stage) ([]Row, error) {
	a, err := s.oursWarm(at50)
	if err != nil {
		return nil, err
	}
	b, err := s.peerSSO(at50, true)
	if err != nil {
		return nil, err
	}
	p, err := s.pairs(a, b, 25)
	if err != nil {
		return nil, err
	}
	row := ratioRow("W4", "repeated get with SSO at "+at50.String()+", no call", peerName, p, 0.01)
	row.Headline = "each further get with SSO, " + at50.String()
	if kept, err := os.Stat(b.world.Path(".ecr", "cache.json")); err == nil {
		row.Note = fmt.Sprintf("the peer's cache holds %d KB by then", kept.Size()/1000)
	}
	return []Row{row}, nil
}

func binarySize(s *stage) ([]Row, error) {
	ours, errOurs := os.Stat(s.helper)
	peer, errPeer := os.Stat(s.peer)
	if err := errors.Join(errOurs, errPeer); err != nil {
		return nil, err
	}
	return []Row{{
		Bar: "B1", What: "size of the binary", Unit: "MB", Ours: float64(ours.Size()) / 1e6, Base: float64(peer.Size()) / 1e6,
		Against: peerName, Held: byOurs, Limit: 13, Headline: "size of the binary",
	}}, nil
}
