//go:build unix

package main

import (
	"errors"
	"fmt"
	"os"
)

const selfCheckID = "self-check"

// selfCheck compares the empty program with itself. If the ratio is far from 1, the machine
// is too busy for wall times.
func selfCheck(when string) func(*stage) ([]Row, error) {
	return func(s *stage) ([]Row, error) { return s.selfCheck(when) }
}

func (s *stage) selfCheck(when string) ([]Row, error) {
	w, err := s.world(near)
	if err != nil {
		return nil, err
	}
	a := s.emptyFor(s.cold(w))
	p, err := s.walls(a, a, 400)
	if err != nil {
		return nil, err
	}
	row := ratioRow(selfCheckID, "empty Go, wall, "+when, "empty Go", p, 0)
	row.Judged = ""
	return []Row{row}, nil
}

func warmWall(s *stage) ([]Row, error) {
	a, err := s.oursWarm(near)
	if err != nil {
		return nil, err
	}
	const empty = "empty Go"
	p, err := s.walls(a, s.emptyFor(a), 400)
	return []Row{ratioRow("W1", "warm get, wall", empty, p, 1.50), {
		ID: "W1", What: "warm get, wall, the 99th percentile", Unit: "ms", Against: empty, N: len(p.A), Judged: byOurs, Limit: 15,
		Ours: percentile(each(p.A, wall), 99), Base: percentile(each(p.B, wall), 99),
	}}, err
}

func warmInstructions(s *stage) ([]Row, error) {
	a, b, err := s.bothWarm()
	if err != nil {
		return nil, err
	}
	ours, err := s.instructions(a)
	if err != nil {
		return nil, err
	}
	peer, err := s.instructions(b)
	return []Row{{
		ID: "W2", What: "warm get, user instructions (callgrind)", Unit: "instructions", Ours: ours, Base: peer, Against: peerName,
		N: s.callgrindRuns(), Judged: byOurs, Limit: 0.80e6,
	}}, err
}

func warmPeer(s *stage) ([]Row, error) {
	a, b, err := s.bothWarm()
	if err != nil {
		return nil, err
	}
	p, err := s.walls(a, b, 200)
	if err != nil {
		return nil, err
	}
	wall := ratioRow("W3", "warm get, wall; the other helper's best case, static keys", peerName, p, 0.50)
	wall.Headline = "login cached (the other helper: static keys, its best case)"
	if p, err = s.pairs(a, b, 200); err != nil {
		return nil, err
	}
	memory := figureRow("W5", "warm get, largest resident size", "MB", p, rss, 4.5)
	memory.Headline = "its memory"
	return []Row{wall, memory, figureRow("W5", "warm get, minor page faults", "faults", p, faults, 290)}, nil
}

// repeatedSSO measures an SSO user's gets after the first.
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
	if cache, err := os.Stat(b.world.Path(".ecr", "cache.json")); err == nil {
		row.Note = fmt.Sprintf("the other helper's cache is %d KB by then", cache.Size()/1000)
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
		ID: "B1", What: "size of the binary", Unit: "MB", Ours: float64(ours.Size()) / 1e6, Base: float64(peer.Size()) / 1e6,
		Against: peerName, Judged: byOurs, Limit: 13, Headline: "size of the binary",
	}}, nil
}
