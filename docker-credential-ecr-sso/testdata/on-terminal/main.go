//go:build unix

// Command on-terminal runs a program on a pseudo-terminal. The scripts use it.
//
//	on-terminal KEYS PROGRAM [ARG...]
//
// It types the content of the file KEYS and Ctrl-D. The file "terminal" then contains what
// the terminal showed. As for a helper that docker starts, the terminal is none of the three
// standard streams, which are passed on: the program opens /dev/tty.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/creack/pty"
)

// endTimeout limits the wait for the end of the terminal after the program has ended. The
// kernel has all output by then. Once in some hundred runs under load, a read did not
// return, although no process had the terminal open.
const endTimeout = 10 * time.Second

func main() {
	keys, err := os.ReadFile(os.Args[1])
	check(err)
	shown, err := os.Create("terminal")
	check(err)
	master, tty, err := pty.Open()
	check(err)
	cmd := exec.Command(os.Args[2], os.Args[3:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.ExtraFiles = []*os.File{tty}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 3}
	check(cmd.Start())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = io.Copy(shown, master) // ends with EIO
	}()
	go func() { _, _ = master.Write(append(keys, 4)) }() // Ctrl-D. The program may not read all.

	err = cmd.Wait()
	check(tty.Close())
	select {
	case <-ended:
	case <-time.After(endTimeout):
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		os.Exit(exit.ExitCode())
	}
	check(err)
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "on-terminal:", err)
		os.Exit(125)
	}
}
