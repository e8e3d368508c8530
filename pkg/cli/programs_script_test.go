//go:build programs

package cli

import (
	"path/filepath"
	"testing"
)

// The tests with the tag "programs" run other programs than ours: the AWS CLI, keychains,
// the tools of GitHub's runners, strace. `make test-programs` runs them. They do not skip: a
// missing program is a failure.

func TestProgramsScripts(t *testing.T) {
	t.Parallel()
	runScripts(t, filepath.Join(scriptDir, "programs"))
}
