//go:build linux

package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// This test binary also serves as a helper without locks that returns its process ID, and
// as a provider that returns the same answer on all nodes.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "get" {
		fmt.Printf(`{"Username":"AWS","Secret":"%d"}`, os.Getpid())
		os.Exit(0)
	}
	if len(os.Args) > 1 && os.Args[1] == "kubelet" {
		fmt.Print(`{"auth":{"host":{"username":"AWS","password":"a"}}}`)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestHelperWithoutLocksIsReported(t *testing.T) {
	me, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r := &runner{dir: t.TempDir(), program: me, quick: true}
	for _, tt := range []struct {
		herd herd
		want string
	}{
		{herd{prepare: signedIn, want: want{portal: -1, ecr: -1}}, "different answers"},
		{herd{prepare: signedIn, want: want{portal: 1, ecr: -1, differ: true}}, "0 calls of GetRoleCredentials, want 1"},
		{herd{prepare: signedIn, want: want{portal: -1, ecr: -1, differ: true, unanswered: 4}}, "0 processes have no answer, want 4"},
		{herd{prepare: signedIn, want: want{differ: true}, hosts: registries, after: allCached}, "the answer has changed"},
		{herd{prepare: nodes, want: want{differ: true}, after: aLoginEach}, "have the same login"},
		{herd{prepare: nodes, want: want{differ: true}, after: aLoginEach}, "0 logins are cached on 4 nodes"},
		{herd{prepare: signedIn, want: want{differ: true}}, ""},
	} {
		tt.herd.quickSize, tt.herd.quickRounds = 4, 1
		res, err := r.rounds(tt.herd)
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Join(res.Problems, "\n")
		if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
			t.Errorf("%q is not in:\n%s", tt.want, got)
		}
	}
}
