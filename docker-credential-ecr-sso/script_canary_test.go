package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/lab"
)

func (s *stage) leaks(text string) bool { return lab.Leaks(s.aws.Secrets(), text) }

// scanOutput looks at what the last command printed.
func (s *stage) scanOutput(ts *testscript.TestScript, args []string, ok bool) {
	if s.leaks(ts.ReadFile("stderr")) {
		ts.Fatalf("%v: a secret on stderr", args)
	}
	answered := ok && len(args) == 2 && args[0] == "get"
	if !answered && s.leaks(ts.ReadFile("stdout")) {
		ts.Fatalf("%v: a secret on stdout", args)
	}
}

// scanFiles looks at every file that is left in the home.
func (s *stage) scanFiles(t *testing.T) {
	for _, err := range lab.ScanFiles(s.home, s.aws.Secrets()) {
		t.Error(err)
	}
}
