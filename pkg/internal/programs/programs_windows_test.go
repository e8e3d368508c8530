package programs

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/windows"
)

// Windows does not update the parent ID when the parent ends, and reuses IDs.
func TestOlderProcessIsNotDescendant(t *testing.T) {
	starts := map[uint32]int64{10: 100, 11: 100, 12: 50, 13: 200, 14: 300, 15: 10}
	children := map[uint32][]uint32{10: {11, 12, 13, 16}, 12: {14}, 13: {10, 15, 14}, 16: {14}}
	got := below(10, children, func(pid uint32) (int64, bool) { start, ok := starts[pid]; return start, ok })
	if want := []uint32{11, 13, 14}; !slices.Equal(got, want) { // 12 and 15 are older; 16 has ended
		t.Errorf("%d, want %d", got, want)
	}
}

// When a slow program is stopped, its child process must also end.
func TestChildProcessesEndWithProgram(t *testing.T) {
	switch os.Getenv("PROGRAMS_TEST_TREE") {
	case "child":
		grandchild := exec.Command(os.Args[0], "-test.run=^TestChildProcessesEndWithProgram$")
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
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestChildProcessesEndWithProgram$")
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
