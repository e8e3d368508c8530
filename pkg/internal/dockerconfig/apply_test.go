package dockerconfig_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/dockerconfig"
)

func TestApplyMakesFileAndDirectoryAsDockerDoes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), ".docker")
	path := filepath.Join(dir, "config.json")
	if _, err := dockerconfig.Apply(t.Context(), path, filepath.Join(t.TempDir(), "lock"), ask(hostA)); err != nil {
		t.Fatal(err)
	}
	checkMode(t, dir, 0o700)
	checkMode(t, path, 0o600)
}

func TestApplyDoesNotWriteWhenNothingChanges(t *testing.T) {
	path := file(t, `{"credHelpers":{"`+hostA+`":"ecr-sso"}}`)
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dockerconfig.Apply(t.Context(), path, "", ask(hostA)); err != nil {
		t.Fatal(err)
	}
	after, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if !os.SameFile(before, after) {
		t.Error("the file was replaced")
	}
}

func TestApplyFollowsLinksAndKeepsTheMode(t *testing.T) {
	target := file(t, "{}")
	if err := os.Chmod(target, 0o640); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "config.json")
	if err := os.Symlink(target, link); err != nil {
		t.Skip("no symbolic links here:", err)
	}
	if _, err := dockerconfig.Apply(t.Context(), link, "", ask(hostA)); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is gone: %v %v", info, err)
	}
	if !strings.Contains(text(t, target), hostA) {
		t.Error("the target has no entry")
	}
	checkMode(t, target, 0o640)
}

func TestApplyGivesUpWhenTheLockIsHeld(t *testing.T) {
	path, lock := file(t, "{}"), filepath.Join(t.TempDir(), "lock")
	held := hold(t, lock)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := dockerconfig.Apply(ctx, path, lock, ask(hostA)); !errors.Is(err, dockerconfig.ErrBusy) {
		t.Errorf("err = %v", err)
	}
	if text(t, path) != "{}" {
		t.Error("the file changed")
	}
	held()
}

func TestApplyLosesNoEntryWhenManyRunAtOnce(t *testing.T) {
	path, lock := file(t, "{}"), filepath.Join(t.TempDir(), "lock")
	const n = 20
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			if _, err := dockerconfig.Apply(t.Context(), path, lock, ask(fmt.Sprintf("h%d.io", i))); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	c, err := dockerconfig.Load(path)
	if err != nil || len(c.CredHelpers) != n {
		t.Errorf("%d entries of %d, %v", len(c.CredHelpers), n, err)
	}
}
