package awstest_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// A start of a process holds ForkLock until the child calls exec. Until then, WriteProgram
// must not open the file.
func TestProgramIsNotWrittenDuringStart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "program")
	written := make(chan error)
	syscall.ForkLock.Lock()
	go func() { written <- awstest.WriteProgram(path, []byte("#!/bin/sh\nexit 7\n")) }()
	time.Sleep(20 * time.Millisecond) // enough for WriteProgram, if it did not wait
	_, early := os.Stat(path)
	syscall.ForkLock.Unlock()
	if !errors.Is(early, fs.ErrNotExist) {
		t.Error("the file was written")
	}
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS == "windows" {
		return // no shell scripts
	}
	var status *exec.ExitError
	if err := exec.Command(path).Run(); !errors.As(err, &status) || status.ExitCode() != 7 {
		t.Error(err)
	}
}
