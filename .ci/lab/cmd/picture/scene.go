//go:build linux

package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"time"

	"github.com/creack/pty"

	"github.com/ecr-sso/docker-credential-ecr-sso/lab"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// The terminal size in the picture.
const (
	columns = 110
	rows    = 40
)

// step is a text to wait for and the keys to press when it appears.
type step struct{ text, keys string }

// scene sets up a new machine, up to the first login.
var scene = []step{
	{"SSO session name (recommended): ", "corp\r"},
	{"SSO start URL: ", "corp\r"},
	{"SSO region: ", "us-east-1\r"},
	{"SSO registration scopes [sso:account:access]: ", "\r"},
	{"Development, dev@example.com", "prod"},
	{"1 of 2", "\r"},
	{"Push", "\x1b[A\x1b[H\r"},
	{"Region [us-east-1]: ", "\r"},
	{"Output format of the AWS CLI (optional, json if empty): ", "\r"},
	{"Profile name [", "prod\r"},
}

// play runs the program with the keys in the scene and returns the output. It replaces
// values that differ between runs.
func play(program, browser, dir string) ([]byte, error) {
	fake, err := lab.NewAWS(awstest.Options{})
	if err != nil {
		return nil, err
	}
	defer fake.Close()
	home := fake.Home(filepath.Join(dir, "home"))
	if err := os.RemoveAll(filepath.Join(home.Dir, ".aws")); err != nil {
		return nil, err
	}
	cmd := exec.Command(program, "configure")
	cmd.Env = append(home.Env(), "TERM=xterm-256color", "BROWSER="+browser+" -browse", "PATH="+filepath.Dir(program))
	cmd.Dir = home.Dir
	output, err := onTerminal(cmd, scene)
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, output)
	}
	output = append([]byte("$ \x1b[1m"+lab.Helper+" configure\x1b[m\r\n"), output...)
	output = bytes.ReplaceAll(output, []byte(home.Dir), []byte("~"))
	return times.ReplaceAll(output, []byte("2026-01-15 21:30")), nil
}

var times = regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d`)

// onTerminal runs a program on a pseudo-terminal and returns the output.
func onTerminal(cmd *exec.Cmd, steps []step) ([]byte, error) {
	master, tty, err := pty.Open()
	if err != nil {
		return nil, err
	}
	defer master.Close()
	if err := pty.Setsize(master, &pty.Winsize{Rows: rows, Cols: columns}); err != nil {
		return nil, err
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	defer func() { _ = cmd.Process.Kill() }()
	_ = tty.Close()
	chunks := make(chan []byte)
	go func() {
		defer close(chunks)
		for {
			buf := make([]byte, 4096)
			n, err := master.Read(buf)
			chunks <- buf[:n]
			if err != nil { // the program has ended
				return
			}
		}
	}()
	var output []byte
	seen := 0
	for late := time.After(2 * time.Minute); ; {
		for len(steps) > 0 {
			at := bytes.Index(output[seen:], []byte(steps[0].text))
			if at < 0 {
				break
			}
			seen += at + len(steps[0].text)
			if _, err := io.WriteString(master, steps[0].keys); err != nil {
				return output, err
			}
			steps = steps[1:]
		}
		select {
		case chunk, open := <-chunks:
			output = append(output, chunk...)
			if open {
				continue
			}
			if len(steps) > 0 {
				return output, fmt.Errorf("the program ended before %q", steps[0].text)
			}
			return output, cmd.Wait()
		case <-late:
			return output, fmt.Errorf("the program does not end")
		}
	}
}
