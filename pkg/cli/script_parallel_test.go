package cli

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// parallel-gets N HOST runs N concurrent gets, which must all succeed with the same output.
// ! parallel-gets N HOST: all must fail with the same error. parallel-gets N HOST
// different: outputs may differ. parallel-gets N HOST OPERATION first starts an additional
// process, and kills it while it waits for OPERATION and holds the lock.
func cmdParallelGets(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, args, 2, 3, "parallel-gets N HOST [OPERATION]")
	s, host := stageOf(ts), args[1]
	var holder *asking
	different := len(args) == 3 && args[2] == "different"
	if len(args) == 3 && !different {
		holder = s.get(host)
		ts.Check(holder.cmd.Start())
		for end := time.Now().Add(eventTimeout); s.aws.Calls(awstest.Op(args[2])) == 0; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				ts.Fatalf("no process called %s", args[2])
			}
		}
	}
	all := make([]*asking, number(ts, args[0]))
	for i := range all {
		all[i] = s.get(host)
		all[i].cmd.Env = append(slices.Clip(all[i].cmd.Env), "ECR_SSO_CACHE_DIR="+ts.Getenv("ECR_SSO_CACHE_DIR"))
		ts.Check(all[i].cmd.Start())
	}
	if holder != nil {
		ts.Check(holder.cmd.Process.Kill())
		_ = holder.cmd.Wait()
	}
	for _, a := range all {
		if err := a.cmd.Wait(); (err != nil) != neg || (a.stderr.Len() > 0) != neg {
			ts.Fatalf("one of %d: %v: %s%s", len(all), err, a.stdout.String(), a.stderr.String())
		}
		if neg {
			if a.stdout.String() != all[0].stdout.String() || a.stderr.String() != a.stdout.String() {
				ts.Fatalf("errors differ: %s%s%s", all[0].stdout.String(), a.stdout.String(), a.stderr.String())
			}
			continue
		}
		answer, err := answerOf(a.stdout.String())
		if err != nil || answer["Secret"] == "" || a.stdout.String() != all[0].stdout.String() && !different {
			ts.Fatalf("answers differ, or one cannot be read: %v", err)
		}
	}
}

type asking struct {
	cmd            *exec.Cmd
	stdout, stderr bytes.Buffer
}

// get prepares a get of the built program in the stage's home directory.
func (s *stage) get(host string) *asking {
	a := &asking{cmd: exec.Command(filepath.Join(binDir, name+exeSuffix()), "get")}
	a.cmd.Env, a.cmd.Dir = s.env, s.home.Dir
	a.cmd.Stdin, a.cmd.Stdout, a.cmd.Stderr = strings.NewReader(host), &a.stdout, &a.stderr
	return a
}
