//go:build unix

package main

import (
	"fmt"
	"os"
	"os/exec"

	"github.com/ecr-sso/docker-credential-ecr-sso/lab"
)

// coldPairs runs our helper and the peer with SSO and HTTPS, and with nothing cached.
func (s *stage) coldPairs(l latency, n int) (pairing, error) {
	a, err := s.oursCold(l)
	if err != nil {
		return pairing{}, err
	}
	b, err := s.peerSSO(l, false)
	if err != nil {
		return pairing{}, err
	}
	return s.pairs(a, b, n)
}

func coldNear(s *stage) ([]Row, error) {
	p, err := s.coldPairs(near, 100)
	return []Row{ratioRow("C3", "cold get with SSO at no latency, wall", peerName, p, 0.90)}, err
}

func coldAt20(s *stage) ([]Row, error) {
	p, err := s.coldPairs(at20, 50)
	row := ratioRow("C1", "cold get with SSO at "+at20.String()+", wall", peerName, p, 0.75)
	row.Headline = "first get with SSO, " + at20.String()
	return []Row{row}, err
}

// coldAt50 returns the rows for three limits from the same runs.
func coldAt50(s *stage) ([]Row, error) {
	p, err := s.coldPairs(at50, 40)
	if err != nil {
		return nil, err
	}
	ratio := ratioRow("C1", "cold get with SSO at "+at50.String()+", wall", peerName, p, 0.75)
	ratio.Headline = "first get with SSO, " + at50.String()
	above := Row{
		ID: "C2", What: fmt.Sprintf("the same, above the minimum of %v", at50.minimum()), Unit: "ms", Ours: ratio.Ours - ms(at50.minimum()),
		Base: ratio.Base - ms(at50.minimum()), Against: peerName, N: ratio.N, Judged: byOurs, Limit: 15,
	}
	memory := figureRow("C5", "the same, largest resident size", "MB", p, rss, 14)
	return []Row{ratio, above, memory}, nil
}

// coldRole measures a get with cached role credentials, for a second registry with the
// same role.
func coldRole(s *stage) ([]Row, error) {
	a, err := s.oursRole(at50)
	if err != nil {
		return nil, err
	}
	b, err := s.peerSSO(at50, false)
	if err != nil {
		return nil, err
	}
	p, err := s.pairs(a, b, 40)
	row := ratioRow("C4", "role credentials cached, no portal call, at "+at50.String(), peerName, p, 0.52)
	row.Headline = "the same role's next registry, " + at50.String()
	return []Row{row}, err
}

// awsCLI measures the AWS CLI, which scripts use instead of a helper. The result is for
// information only, because the AWS CLI does not cache logins.
func awsCLI(s *stage) ([]Row, error) {
	aws := "/usr/bin/aws" // Debian's package, not a wrapper on PATH
	if _, err := os.Stat(aws); err != nil {
		if aws, err = exec.LookPath("aws"); err != nil {
			return []Row{notRun("CLI", "the AWS CLI is not installed")}, nil
		}
	}
	a, err := s.oursCold(near)
	if err != nil {
		return nil, err
	}
	c := a.call
	c.Program, c.Args = aws, []string{"ecr", "get-login-password", "--region", lab.Region}
	c.Env = append(c.Env[:len(c.Env):len(c.Env)], "AWS_CA_BUNDLE="+a.world.AWS.CAFile())
	p, err := s.pairs(a, &side{name: "AWS CLI", world: a.world, call: c, silent: true, before: a.before}, 6)
	if err != nil {
		return nil, err
	}
	for _, r := range p.B {
		if r.Code != 0 || len(r.Stdout) < 1000 {
			return nil, fmt.Errorf("the AWS CLI: exit status %d: %.300s", r.Code, r.Stderr)
		}
	}
	row := ratioRow("CLI", "aws ecr get-login-password with SSO at no latency; ours cold", "AWS CLI", p, 0)
	row.Judged = ""
	return []Row{row}, nil
}
