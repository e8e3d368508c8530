//go:build unix

package lab

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Call is one run of a program.
type Call struct {
	Program string
	Args    []string
	Stdin   string
	// StdinFrom replaces Stdin, for example with a pipe that is never closed, a file, or
	// a device.
	StdinFrom *os.File
	// StdoutTo, for example /dev/full or a broken pipe, receives stdout instead of the
	// result.
	StdoutTo *os.File
	Env      []string // the entire environment
	Dir      string
	// Terminal is the program's /dev/tty, or nil for none.
	Terminal *os.File
	// Under is a command that runs the program, such as strace, setpriv or prlimit.
	Under []string
	// Limit is the time after which SIGKILL ends the process group; 0: 2 minutes.
	Limit time.Duration
	// Gate delays the start of the program until the gate opens.
	Gate *Gate
	// During runs in a goroutine after the process has started. Its ctx ends when the
	// process ends. pid is the process ID of the program, or of the Under command.
	During func(ctx context.Context, pid int)
}

// Result is the outcome of a run.
type Result struct {
	Stdout, Stderr string
	Code           int // exit status; -1 after a signal
	Signal         syscall.Signal
	TimedOut       bool
	Wall           time.Duration
	CPU            time.Duration // user and system
	MaxRSS         int64         // bytes used by the process; with Under, the larger of both processes
	MinorFaults    int64
}

// outputCap is the maximum number of bytes saved from a stream.
const outputCap = 16 << 20

// Run runs a program in its own session without the caller's terminal and waits for it.
// An error means that the program did not start.
func (b *Bench) Run(c Call) (Result, error) {
	limit := c.Limit
	if limit == 0 {
		limit = 2 * time.Minute
	}
	report, reportTo, err := os.Pipe()
	if err != nil {
		return Result{}, err
	}
	defer report.Close()
	defer reportTo.Close()
	var stdout, stderr capped
	cmd := exec.Command(b.launcher, append(append(c.Under[:len(c.Under):len(c.Under)], c.Program), c.Args...)...)
	cmd.Env, cmd.Dir, cmd.ExtraFiles = c.Env, c.Dir, []*os.File{reportTo}
	if c.Gate != nil {
		cmd.Args = slices.Insert(cmd.Args, 1, "-gate")
		cmd.ExtraFiles = append(cmd.ExtraFiles, c.Gate.opens, c.Gate.ready)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(c.Stdin), &stdout, &stderr
	if c.StdinFrom != nil {
		cmd.Stdin = c.StdinFrom
	}
	if c.StdoutTo != nil {
		cmd.Stdout = c.StdoutTo
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if c.Terminal != nil {
		cmd.ExtraFiles = append(cmd.ExtraFiles, c.Terminal)
		cmd.SysProcAttr.Setctty, cmd.SysProcAttr.Ctty = true, 2+len(cmd.ExtraFiles)
	}
	cmd.WaitDelay = 2 * time.Second // a grandchild may hold the pipes open
	if err := cmd.Start(); err != nil {
		return Result{}, err
	}
	reportTo.Close()
	timer := time.AfterFunc(limit, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	rest, stop := c.follow(report)
	err = cmd.Wait()
	r := Result{Stdout: stdout.buf.String(), Stderr: stderr.buf.String(), TimedOut: !timer.Stop()}
	text := <-rest
	stop()
	if r.TimedOut {
		r.Code, r.Signal, r.Wall = -1, syscall.SIGKILL, limit
		return r, nil
	}
	return r, r.read(text, err)
}

// follow reads the launcher's report and runs During after reading the child's pid. rest
// receives the remaining report after the child has ended. stop ends During and waits for
// it.
func (c *Call) follow(report io.Reader) (rest <-chan string, stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended, text := make(chan struct{}), make(chan string, 1)
	go func() {
		defer close(ended)
		var pid int
		if _, err := fmt.Fscanln(report, &pid); err == nil && c.During != nil {
			go func() {
				all, _ := io.ReadAll(report)
				text <- string(all)
				cancel()
			}()
			c.During(ctx, pid)
			return
		}
		all, _ := io.ReadAll(report)
		text <- string(all)
	}()
	return text, func() { cancel(); <-ended }
}

// read parses the launcher's report.
func (r *Result) read(text string, waited error) error {
	var status, wall, cpu, rss int64
	if n, err := fmt.Sscan(text, &status, &wall, &cpu, &rss, &r.MinorFaults); err != nil {
		return fmt.Errorf("launcher: %d of 5 figures: %w (%w)", n, err, waited)
	}
	ws := syscall.WaitStatus(status)
	r.Code = ws.ExitStatus()
	if ws.Signaled() {
		r.Signal = ws.Signal()
	}
	r.Wall, r.CPU, r.MaxRSS = time.Duration(wall), time.Duration(cpu), rss
	return nil
}

// capped saves the first bytes. The buffer is not embedded, because io.Copy prefers its
// ReadFrom, which has no limit.
type capped struct{ buf bytes.Buffer }

func (c *capped) Write(p []byte) (int, error) {
	if room := outputCap - c.buf.Len(); room > 0 {
		c.buf.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

// Get returns the call that a Docker client makes for a get.
func (w *World) Get(program, host string) Call {
	return Call{Program: program, Args: []string{"get"}, Stdin: host, Env: w.Env, Dir: w.Home.Dir}
}
