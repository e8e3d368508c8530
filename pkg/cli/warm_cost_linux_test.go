package cli

import (
	"slices"
	"testing"
)

// The cost of a warm get: the packages initialized before it. Its system calls are counted in
// programs_strace_test.go. The benchmarks measure time.

// beforeWarm lists the packages that Go initializes before warm. All of them are small.
// Adding a package makes every get slower, so try to avoid it. Go initializes a package
// before warm if it has few or no imports and its path sorts before ours.
var beforeWarm = []string{
	"internal/bytealg", "internal/runtime/gc/scan", "runtime", // the runtime, as in an empty program
	"crypto/internal/fips140deps/cpu", "math",
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/kernel", // finds the row of this processor
}

func TestPackagesInitializedBeforeWarm(t *testing.T) {
	t.Parallel()
	s := newWarm(t)
	get := s.get(host)
	get.cmd.Env = append(get.cmd.Env, "GODEBUG=inittrace=1")
	if err := get.cmd.Run(); err != nil {
		t.Fatal(err)
	}
	packages, rest := initialized(get.stderr.String())
	if !slices.Contains(packages, "runtime") || slices.Contains(packages, "os") || rest != "" {
		t.Fatalf("not a warm answer: %v, %s", packages, rest)
	}
	for _, p := range packages {
		if !slices.Contains(beforeWarm, p) {
			t.Errorf("%s is initialized before warm", p)
		}
	}
}
