//go:build linux

package main

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/lab"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// signals: F-io-3: a signal in each phase of a get. The get ends within a second, and the
// next get works.
func signals() []fault {
	var all []fault
	for _, sig := range []struct {
		name string
		no   syscall.Signal
	}{{"int", syscall.SIGINT}, {"term", syscall.SIGTERM}, {"hup", syscall.SIGHUP}} {
		for _, phase := range []struct {
			name string
			op   awstest.Op
			from state
		}{
			{"portal", awstest.GetRoleCredentials, signedIn}, {"ecr", awstest.GetAuthorizationToken, signedIn}, {"oidc", awstest.CreateToken, expired},
		} {
			f := fault{id: "signal-" + sig.name + "-" + phase.name, family: "F-io-3", from: phase.from, quick: true, after: works,
				what: fmt.Sprintf("%s while %s does not respond", sig.no, phase.name), want: want{ending: stopped, signal: sig.no}, verify: promptly,
				set: func(s *stage) {
					s.fail(phase.op, awstest.Fault{Kind: awstest.Hang})
					s.call.During = func(ctx context.Context, pid int) { s.whenReached(ctx, pid, phase.op, sig.no) }
				}}
			all = append(all, f)
		}
	}
	return append(all, oddSignals()...)
}

// whenReached sends signals once an operation has been called.
func (s *stage) whenReached(ctx context.Context, pid int, op awstest.Op, signals ...syscall.Signal) {
	if !s.reached(ctx, op) {
		return
	}
	s.sent = time.Now()
	for _, sig := range signals {
		_ = syscall.Kill(pid, sig)
	}
}

// promptly checks that the helper ended within a second of the signal.
func promptly(s *stage, r *row) {
	if s.sent.IsZero() {
		r.bad(bounded, "the signal was never sent")
	} else if took := s.ended.Sub(s.sent); took > time.Second+slack {
		r.bad(bounded, "%.1f s from the signal to the end", took.Seconds())
	}
}

func oddSignals() []fault {
	row := func(id, what string, w want, set func(s *stage)) fault {
		return fault{id: "signal-" + id, family: "F-io-3", what: what, want: w, quick: true, set: set, after: works, verify: promptly}
	}
	at := func(op awstest.Op, kind awstest.Fault, signals ...syscall.Signal) func(s *stage) {
		return func(s *stage) {
			s.fail(op, kind)
			s.call.During = func(ctx context.Context, pid int) { s.whenReached(ctx, pid, op, signals...) }
		}
	}
	hang := awstest.Fault{Kind: awstest.Hang}
	slow := awstest.Fault{Kind: awstest.Delay, Delay: 1500 * time.Millisecond}
	interrupted := want{ending: stopped, signal: syscall.SIGINT}
	twice := row("int-twice", "interrupted twice while the portal does not respond", interrupted, at(awstest.GetRoleCredentials, hang, syscall.SIGINT, syscall.SIGINT))
	paused := func(signal syscall.Signal, pause time.Duration) func(s *stage) {
		return func(s *stage) {
			s.fail(awstest.GetRoleCredentials, slow)
			s.call.During = func(ctx context.Context, pid int) {
				s.whenReached(ctx, pid, awstest.GetRoleCredentials, signal)
				time.Sleep(pause)
				_ = syscall.Kill(pid, syscall.SIGCONT)
			}
		}
	}
	stop := row("stop-cont", "stopped and continued while the portal is slow", is(answered), paused(syscall.SIGSTOP, 500*time.Millisecond))
	stop.verify, stop.slow = nil, true
	tstp := row("tstp", "SIGTSTP while the portal is slow", is(answered), paused(syscall.SIGTSTP, 300*time.Millisecond))
	tstp.verify, tstp.slow = nil, true
	waiting := row("int-stdin", "interrupted while stdin is open", interrupted, func(s *stage) {
		s.neverClosed("")
		s.call.During = func(ctx context.Context, pid int) {
			time.Sleep(300 * time.Millisecond)
			s.sent = time.Now()
			_ = syscall.Kill(pid, syscall.SIGINT)
		}
	})
	lock := row("int-lock", "interrupted while another process holds the lock", interrupted, func(s *stage) {
		s.fail(awstest.GetRoleCredentials, hang)
		s.lockHolder()
		s.call.During = func(ctx context.Context, pid int) {
			time.Sleep(300 * time.Millisecond)
			s.sent = time.Now()
			_ = syscall.Kill(pid, syscall.SIGINT)
		}
	})
	kill := row("kill-ecr", "killed while ECR does not respond", want{ending: stopped, signal: syscall.SIGKILL}, at(awstest.GetAuthorizationToken, hang, syscall.SIGKILL))
	kill.leaves = true
	killRefresh := row("kill-oidc", "killed before the response to the session's refresh", want{ending: stopped, signal: syscall.SIGKILL}, at(awstest.CreateToken, hang, syscall.SIGKILL))
	killRefresh.from, killRefresh.leaves = expired, true
	nohup := row("hup-ignored", "an ignored SIGHUP (nohup) while the portal is slow", is(answered), func(s *stage) {
		at(awstest.GetRoleCredentials, awstest.Fault{Kind: awstest.Delay, Delay: 500 * time.Millisecond}, syscall.SIGHUP)(s)
		s.shell("trap '' HUP")
	})
	nohup.verify = nil
	return []fault{twice, stop, tstp, waiting, lock, kill, killRefresh, nohup}
}

// lockHolder starts a second get for the same registry. It hangs and holds the lock.
func (s *stage) lockHolder() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	call := s.Get(s.helper.path, lab.Host)
	call.Env = append([]string(nil), s.call.Env...)
	call.During = func(running context.Context, pid int) {
		select {
		case <-ctx.Done():
			_ = syscall.Kill(pid, syscall.SIGKILL)
		case <-running.Done():
		}
	}
	go func() {
		defer close(done)
		_, _ = s.bench.Run(call)
	}()
	s.ends = append(s.ends, func() { cancel(); <-done })
	wait, stop := context.WithTimeout(ctx, 10*time.Second)
	defer stop()
	if !s.reached(wait, awstest.GetRoleCredentials) {
		s.must(fmt.Errorf("the process that holds the lock made no call"))
	}
	s.AWS.ResetLog()
}
