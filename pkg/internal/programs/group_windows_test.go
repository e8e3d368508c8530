package programs

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/windows"
)

// When a program that takes too long is ended, its child process also ends.
func TestChildProcessesEndWithTheProgram(t *testing.T) {
	switch os.Getenv("PROGRAMS_TEST_TREE") {
	case "child":
		grandchild := exec.Command(os.Args[0], "-test.run=^TestChildProcessesEndWithTheProgram$")
		grandchild.Env = append(os.Environ(), "PROGRAMS_TEST_TREE=grandchild")
		if err := grandchild.Start(); err != nil {
			t.Fatal(err)
		}
		fmt.Println(grandchild.Process.Pid)
		time.Sleep(time.Minute)
	case "grandchild":
		time.Sleep(time.Minute)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestChildProcessesEndWithTheProgram$")
	cmd.Env = append(os.Environ(), "PROGRAMS_TEST_TREE=child")
	Group(cmd)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	lines.Scan()
	pid, err := strconv.ParseUint(lines.Text(), 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	grandchild, err := windows.OpenProcess(windows.SYNCHRONIZE, false, uint32(pid))
	if err != nil {
		t.Fatal(err)
	}
	defer windows.CloseHandle(grandchild)
	cancel()
	_ = cmd.Wait()
	if event, err := windows.WaitForSingleObject(grandchild, 10_000); err != nil || event != windows.WAIT_OBJECT_0 {
		t.Errorf("the grandchild still runs: %d, %v", event, err)
	}
}
