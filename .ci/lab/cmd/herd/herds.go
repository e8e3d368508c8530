//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ecr-sso/docker-credential-ecr-sso/lab"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// herds returns all herds.
func herds() []herd {
	return []herd{
		{name: "one registry, cold", size: 1000, rounds: 1, quickSize: 60, quickRounds: 1,
			prepare: slowly(signedIn), want: want{portal: 1, ecr: 1}},
		{name: "session expired", size: 1000, rounds: 100, quickSize: 60, quickRounds: 1,
			prepare: slowly(expired), want: want{portal: 1, ecr: 1, refresh: 1}},
		{name: "session expired, AWS answers at once", size: 100, rounds: 100, quickSize: 50, quickRounds: 2,
			prepare: expired, want: want{portal: 1, ecr: 1, refresh: 1}},
		{name: "a registry each", size: 1000, rounds: 1, quickSize: 60, quickRounds: 1,
			prepare: signedIn, hosts: registries, want: want{portal: -1, ecr: -1}, after: allCached},
		{name: "next to a writer without a lock", size: 200, rounds: 10, quickSize: 50, quickRounds: 1,
			prepare: expired, during: writeTokens, want: want{portal: -1, ecr: -1, refresh: -1, differ: true}, after: stillSignedIn},
		{name: "lock holder killed, five times", size: 200, rounds: 10, quickSize: 50, quickRounds: 1,
			prepare: slowECR(holdersToKill, signedIn), during: killHolders,
			want: want{portal: 1, ecr: holdersToKill + 1, unanswered: holdersToKill}},
		{name: "lock holder stopped", size: 200, rounds: 2, // too long for CI: the helper waits twelve seconds for a lock
			prepare: slowECR(1, signedIn), during: stopHolder, want: want{portal: 1, ecr: -1, unanswered: 1, differ: true}},
		{name: "sign-in needed, terminal", size: 50, rounds: 100, quickSize: 50, quickRounds: 1,
			prepare: signedOut, start: onTerminal(nil), want: want{portal: 1, ecr: 1, refresh: 1, authorize: 1}},
		{name: "sign-in needed, no terminal", size: 50, rounds: 20, quickSize: 50, quickRounds: 1,
			prepare: signedOut, want: want{unanswered: 50, within: noSignIn}, after: noConnection},
		{name: "sign-in needed, CI set", size: 50, rounds: 20, quickSize: 50, quickRounds: 1,
			prepare: signedOut, start: onTerminal([]string{"CI=false"}), want: want{unanswered: 50, within: noSignIn}, after: noConnection},
		{name: "nodes of a cluster, ECR throttles", size: 1000, rounds: 1, quickSize: 150, quickRounds: 1,
			prepare: nodes, want: want{ecr: -1, differ: true}, after: aLoginEach},
	}
}

// noSignIn is shorter than a get's wait for a sign-in (50 s), but long enough for a busy
// machine.
const noSignIn = 30 * time.Second

func signedIn(p *place) error { p.SignIn(); return nil }
func expired(p *place) error  { p.SignInExpired(true); return nil }

// signedOut sets up a browser that approves the sign-in, but no session.
func signedOut(p *place) error {
	p.Env = append(p.Env, "BROWSER="+p.runner.browser+" -browse")
	return nil
}

// slowly delays the portal's first response until all processes have started.
func slowly(prepare func(*place) error) func(*place) error {
	return func(p *place) error {
		delay := 3 * time.Second
		if p.runner.quick {
			delay = time.Second
		}
		p.AWS.Fail(awstest.GetRoleCredentials, awstest.Fault{Kind: awstest.Delay, Delay: delay, Times: 1})
		return prepare(p)
	}
}

// registries creates a profile and an account for each process.
func registries(p *place, n int) []string {
	var hosts []string
	var config strings.Builder
	fmt.Fprintf(&config, "[sso-session %s]\nsso_start_url = %s\nsso_region = %s\nsso_registration_scopes = sso:account:access\n", lab.Session, lab.StartURL, lab.Region)
	for i := range n {
		account := fmt.Sprint(300000000000 + i)
		p.AWS.AddAccount(account, "Account", "account@example.com", lab.Role)
		fmt.Fprintf(&config, "[profile p%d]\nsso_session = %s\nsso_account_id = %s\nsso_role_name = %s\nregion = %s\n", i, lab.Session, account, lab.Role, lab.Region)
		hosts = append(hosts, account+".dkr.ecr."+lab.Region+".amazonaws.com")
	}
	p.Home.WriteConfig(config.String())
	return hosts
}

// allCached runs all gets again. None may call AWS, and each must return the same answer
// as before.
func allCached(p *place, before []*member, res *result) error {
	if n := p.AWS.Calls(awstest.GetAuthorizationToken); n != len(before) {
		res.problem("%d calls of ECR for %d registries", n, len(before))
	}
	p.AWS.ResetLog()
	var hosts []string
	for _, m := range before {
		hosts = append(hosts, m.host)
	}
	again, err := p.runner.runAll(p, hosts, nil)
	if err != nil {
		return err
	}
	for i, m := range again {
		if m.out != before[i].out {
			res.problem("%s: the answer has changed", m.host)
		}
	}
	if n := p.AWS.Calls(awstest.Any); n > 0 {
		res.problem("%d calls when all logins were cached", n)
	}
	return nil
}

// writeTokens signs in repeatedly and writes the token file like the AWS CLI: it
// truncates and then writes the file, without a lock.
func writeTokens(p *place, _ map[int]*member, done <-chan struct{}) error {
	path := p.Home.TokenPath(lab.Session)
	elsewhere := p.AWS.Home(filepath.Join(p.runner.dir, "elsewhere"))
	for {
		text, err := os.ReadFile(elsewhere.WriteToken(lab.Session, p.AWS.SignIn(lab.StartURL, lab.Region, true)))
		if err != nil {
			return err
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			return err
		}
		time.Sleep(2 * time.Millisecond)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			return err
		}
		select {
		case <-done:
			return nil
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// stillSignedIn checks that the session is valid and can be refreshed, regardless of the
// last writer.
func stillSignedIn(p *place, _ []*member, res *result) error {
	if err := os.RemoveAll(p.CacheDir()); err != nil {
		return err
	}
	if err := os.RemoveAll(p.Path(".aws", "cli", "cache")); err != nil {
		return err
	}
	all, err := p.runner.runAll(p, []string{lab.Host}, nil)
	if err == nil && !all[0].answered() {
		res.problem("afterwards: %s", all[0].err)
	}
	return err
}

// slowECR delays the first ECR calls by 9 s. This is more than enough time to find and
// kill or stop the calling processes.
func slowECR(calls int, prepare func(*place) error) func(*place) error {
	return func(p *place) error {
		p.AWS.Fail(awstest.GetAuthorizationToken, awstest.Fault{Kind: awstest.Delay, Delay: 9 * time.Second, Times: calls})
		return prepare(p)
	}
}

// holdersToKill is the number of lock holders that are killed in a round.
const holdersToKill = 5

// killHolders kills processes that hold the registry's lock and wait for ECR, one at a
// time.
func killHolders(p *place, pids map[int]*member, _ <-chan struct{}) error {
	killed := map[int]bool{}
	for len(killed) < holdersToKill {
		pid, err := holder(p, pids, killed)
		if err != nil {
			return err
		}
		_ = unix.Kill(pid, unix.SIGKILL)
		killed[pid] = true
	}
	return nil
}

// stopHolder stops the process that holds the registry's lock, and kills it after 20 s.
// By then, the other processes have stopped waiting for the lock (12 s).
func stopHolder(p *place, pids map[int]*member, _ <-chan struct{}) error {
	pid, err := holder(p, pids, nil)
	if err != nil {
		return err
	}
	_ = unix.Kill(pid, unix.SIGSTOP)
	time.AfterFunc(20*time.Second, func() { _ = unix.Kill(pid, unix.SIGKILL) })
	return nil
}

// holder returns a process that holds a get's lock while it waits for ECR. It ignores the
// processes in except.
func holder(p *place, pids map[int]*member, except map[int]bool) (int, error) {
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if p.AWS.Calls(awstest.GetAuthorizationToken) <= len(except) {
			continue
		}
		locks, _ := filepath.Glob(filepath.Join(p.CacheDir(), "locks", "get-*"))
		table, err := os.ReadFile("/proc/locks")
		if err != nil {
			return 0, err
		}
		for _, path := range locks {
			info, err := os.Stat(path)
			if err != nil {
				continue
			}
			inode := fmt.Sprint(":", info.Sys().(*syscall.Stat_t).Ino, " ")
			for line := range strings.Lines(string(table)) {
				fields := strings.Fields(line)
				if len(fields) < 6 || fields[1] != "FLOCK" || !strings.Contains(line, inode) {
					continue
				}
				var pid int
				if _, err := fmt.Sscan(fields[4], &pid); err == nil && pids[pid] != nil && !except[pid] {
					return pid, nil
				}
			}
		}
	}
	return 0, errors.New("no process holds the lock")
}

// noConnection checks that no process has connected to AWS and that each process prints
// the login command.
func noConnection(p *place, all []*member, res *result) error {
	if n := len(p.AWS.Connections()); n > 0 {
		res.problem("%d connections", n)
	}
	for _, m := range all {
		if !strings.Contains(m.err, "run: "+lab.Helper+" login --sso-session "+lab.Session) {
			res.problem("the message is %q", m.err)
		}
	}
	return nil
}
