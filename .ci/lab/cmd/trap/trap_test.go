//go:build linux && amd64

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestFaults(t *testing.T) {
	trap := filepath.Join(t.TempDir(), "trap")
	if out, err := exec.Command("go", "build", "-o", trap, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, tt := range []struct {
		name, at, fault string
		ends            string // "", "exit status 1" or "signal: killed"
		content         string // "-": no file exists
		calls           string
	}{
		{"no fault", "0", "", "", "text\n", "1 - change openat f\n2 - change write f\n3 - read openat f\n"},
		{"an open that fails", "1", "EMFILE", "exit status", "-", "1 EMFILE change openat f\n"},
		{"a write that fails", "2", "ENOSPC", "exit status", "", "1 - change openat f\n2 ENOSPC change write f\n"},
		{"killed before the open", "1", "kill-before", "signal: killed", "-", "1 kill-before change openat f\n"},
		{"killed after the open", "1", "kill-after", "signal: killed", "", "1 kill-after change openat f\n"},
		{"killed before the write", "2", "kill-before", "signal: killed", "", "1 - change openat f\n2 kill-before change write f\n"},
		{"killed after the write", "2", "kill-after", "signal: killed", "text\n", "1 - change openat f\n2 kill-after change write f\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			log := filepath.Join(t.TempDir(), "log")
			// The shell also writes to files outside the directory.
			cmd := exec.Command(trap, "-below", dir, "-record", log, "-at", tt.at, "-fault", tt.fault,
				"sh", "-ec", "echo elsewhere >"+log+".x; echo text >f; read line <f")
			cmd.Dir = dir
			err := cmd.Run()
			if ended := ""; err != nil {
				ended = err.Error()
				if tt.ends == "" || !strings.HasPrefix(ended, tt.ends) {
					t.Errorf("ended with %q", ended)
				}
			} else if tt.ends != "" {
				t.Error("ended without an error")
			}
			content, err := os.ReadFile(filepath.Join(dir, "f"))
			if got := string(content); err != nil && tt.content != "-" || err == nil && got != tt.content {
				t.Errorf("the file contains %q, %v", got, err)
			}
			if calls, _ := os.ReadFile(log); string(calls) != tt.calls {
				t.Errorf("calls:\n%s", calls)
			}
		})
	}
}

// TestEveryCallOfName simulates a file system without locks and a file system that hangs,
// for a program with several threads.
func TestEveryCallOfName(t *testing.T) {
	trap := filepath.Join(t.TempDir(), "trap")
	if out, err := exec.Command("go", "build", "-o", trap, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, tt := range []struct {
		name, fault, named string
		want               string
	}{
		{"each fails", "ENOLCK", "", "a: no locks available\nb: no locks available\n"},
		{"the files of a name fail", "EOPNOTSUPP", "b", "a: <nil>\nb: operation not supported\n"},
		{"each hangs, and the program ends", "hang", "", "a: hangs\nb: hangs\n"},
		{"no fault", "", "", "a: <nil>\nb: <nil>\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			cmd := exec.Command(trap, "-below", dir, "-every", "flock", "-named", tt.named, "-fault", tt.fault, os.Args[0], "-test.run=^TestLocks$")
			cmd.Env = append(os.Environ(), "TRAP_TEST_LOCKS="+dir)
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.HasPrefix(string(out), tt.want) {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// TestLocks is the program that TestEveryCallOfName runs.
func TestLocks(t *testing.T) {
	dir := os.Getenv("TRAP_TEST_LOCKS")
	if dir == "" {
		t.Skip("run by another test")
	}
	for _, name := range []string{"a", "b"} {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) }()
		select {
		case err := <-done:
			fmt.Printf("%s: %v\n", name, err)
		case <-time.After(500 * time.Millisecond):
			fmt.Printf("%s: hangs\n", name)
		}
	}
	os.Exit(0) // while the calls hang
}
