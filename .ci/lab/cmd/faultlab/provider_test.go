//go:build linux

package main

import (
	"path/filepath"
	"testing"

	"github.com/ecr-sso/docker-credential-ecr-sso/lab"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// Each provider in this test has one fault, and one invariant must catch it.
func TestBadProvidersAreCaught(t *testing.T) {
	dir := t.TempDir()
	bench, real := built(t, dir)
	for _, bad := range []struct {
		name, does string // `ask` runs the real program
		breaks     int
		want       want
	}{
		{"none", `ask`, -1, is(provided)},
		{"a correct failure", `echo 'the cause' >&2; exit 1`, -1, unserved("cause")},
		{"no login for another registry", `ask | sed 's/"auth":.*/"auth":{}}/'`, -1, is(anonymous)},
		{"a login where none is due", `ask`, protocol, is(anonymous)},
		{"a login where a failure is due", `ask`, protocol, unserved("cause")},
		{"a login for another host", `ask | sed 's/us-east-1/us-east-2/'`, protocol, is(provided)},
		{"a login that AWS did not issue", `ask | sed 's/"password":"..../"password":"aaaa/'`, protocol, is(provided)},
		{"no login", `ask | sed 's/"auth":.*/"auth":{}}/'`, protocol, is(provided)},
		{"another version", `ask | sed 's/v1"/v1beta1"/'`, protocol, is(provided)},
		{"an unknown field", `ask | sed 's/{"kind"/{"x":1,"kind"/'`, protocol, is(provided)},
		{"a negative duration", `ask | sed 's/"cacheDuration":"/&-/'`, protocol, is(provided)},
		{"two answers", `ask; ask`, protocol, is(provided)},
		{"text next to an answer", `echo hello >&2; ask`, protocol, is(provided)},
		{"a failure on stdout", `echo 'the cause' | tee /dev/stderr; exit 1`, protocol, unserved("cause")},
		{"a failure with two lines", `printf 'the cause\nmore\n' >&2; exit 1`, protocol, unserved("cause")},
		{"a panic", `echo 'the cause' >&2; exit 2`, protocol, unserved("cause")},
		{"no cause", `echo oops >&2; exit 1`, explained, unserved("cause")},
		{"a secret", `echo "the cause $AWS_SECRET_ACCESS_KEY" >&2; exit 1`, noLeak, unserved("cause")},
	} {
		t.Run(bad.name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			script := filepath.Join(root, "helper")
			text := "#!/bin/bash\nreal='" + real + "'\n[ \"$1\" = kubelet ] || exec \"$real\" \"$@\"\nin=$(cat)\n" +
				"ask() { printf %s \"$in\" | \"$real\" kubelet; }\n" + bad.does + "\n"
			if err := awstest.WriteProgram(script, []byte(text)); err != nil {
				t.Fatal(err)
			}
			f := fault{id: "bad", family: "bad", want: bad.want, set: func(s *stage) {
				s.keys()
				s.kubelet(imageRequest{Image: lab.Host + "/app"})
			}}
			r, err := runOne(&f, ours(script), bench, root)
			if err != nil {
				t.Fatal(err)
			}
			if bad.breaks < 0 {
				if !r.passed() {
					t.Errorf("a good provider is blamed: %q", r.faults)
				}
				return
			}
			if len(r.faults[bad.breaks]) == 0 {
				t.Errorf("I%d holds: %q; it said %q", bad.breaks+1, r.faults, r.said)
			}
		})
	}
}
