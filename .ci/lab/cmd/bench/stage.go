//go:build unix

package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/lab"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// stage has the programs and a fake AWS for each latency.
type stage struct {
	options
	programs
	dir   string
	bench *lab.Bench
	fakes map[latency]*awstest.AWS
	homes atomic.Int32
}

// latency is the delay of the network and the two services. A connect, a TLS handshake
// and a request each take one round trip. A request also takes the service's time.
type latency struct{ rtt, service time.Duration }

var (
	near latency
	at20 = latency{20 * time.Millisecond, 20 * time.Millisecond}
	at50 = latency{50 * time.Millisecond, 50 * time.Millisecond}
)

func (l latency) String() string {
	rtt, service := l.rtt.Milliseconds(), l.service.Milliseconds()
	return fmt.Sprintf("%d/%d/%d", rtt, service, service)
}

// minimum is the shortest possible time of a get without role credentials: a portal call
// while the connection to ECR is opened, followed by an ECR call.
func (l latency) minimum() time.Duration { return 4*l.rtt + 2*l.service }

// newFake starts a fake with a latency. Its certificates are as expensive to verify as
// AWS's.
func newFake(l latency) (*awstest.AWS, error) {
	return lab.NewAWS(awstest.Options{
		RTT: l.rtt, ServiceTime: map[awstest.Op]time.Duration{awstest.Portal: l.service, awstest.ECR: l.service},
		AccessTokenTTL: 8 * time.Hour, AWSChain: true,
	})
}

// world returns a new, signed-in home directory and the fake AWS with that latency.
// AWS_PROFILE selects the profile, because the peer supports no other method.
func (s *stage) world(l latency) (*lab.World, error) {
	fake := s.fakes[l]
	if fake == nil {
		var err error
		if fake, err = newFake(l); err != nil {
			return nil, err
		}
		s.fakes[l] = fake
	}
	return s.worldOf(fake)
}

func (s *stage) worldOf(fake *awstest.AWS) (*lab.World, error) {
	w, err := lab.NewWorld(fake, filepath.Join(s.dir, fmt.Sprintf("home%03d", s.homes.Add(1))))
	if err != nil {
		return nil, err
	}
	roots, err := s.roots(w)
	if err != nil {
		return nil, err
	}
	w.SignIn()
	w.Env = append(w.Env, "SSL_CERT_FILE="+roots, "AWS_PROFILE="+lab.Profile)
	return w, nil
}

// roots writes the system's bundle and the fake's root to one file, because a real get also
// reads about 140 certificates.
func (s *stage) roots(w *lab.World) (string, error) {
	ours, err := os.ReadFile(w.AWS.CAFile())
	if err != nil {
		return "", err
	}
	for _, path := range []string{
		"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem",
	} {
		if system, err := os.ReadFile(path); err == nil {
			ours = append(append(system, '\n'), ours...)
			break
		}
	}
	path := w.Path("roots.pem")
	return path, os.WriteFile(path, ours, 0o600)
}

// removeOnInterrupt removes the directory after Ctrl-C.
func (s *stage) removeOnInterrupt() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		os.RemoveAll(s.dir)
		os.Exit(130)
	}()
}

func (s *stage) close() {
	for _, fake := range s.fakes {
		fake.Close()
	}
	os.RemoveAll(s.dir)
}

// walls runs pairs without the launcher to measure wall times of about a millisecond. The
// results do not include memory figures.
func (s *stage) walls(a, b *side, n int) (pairing, error) {
	x, y := *a, *b
	x.direct, y.direct = true, true
	return s.pairs(&x, &y, n)
}

// pairs runs a and b alternately, n times each, after some runs that are not counted.
func (s *stage) pairs(a, b *side, n int) (pairing, error) {
	n = s.count(n)
	var p pairing
	for i := -min(3, n); i < n; i++ {
		ra, errA := s.run(a)
		rb, errB := s.run(b)
		if err := errors.Join(errA, errB); err != nil {
			return p, err
		}
		if i >= 0 {
			p.A, p.B = append(p.A, ra), append(p.B, rb)
		}
	}
	return p, nil
}

// count returns the number of runs. n is the number in a full benchmark.
func (o options) count(n int) int {
	switch {
	case o.runs > 0:
		return o.runs
	case o.quick:
		return max(3, n/10)
	}
	return n
}
