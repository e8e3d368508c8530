//go:build linux

package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"github.com/ecr-sso/docker-credential-ecr-sso/lab"
)

// terminalScript runs all gets concurrently on one terminal, like docker compose.
const terminalScript = `i=0
while [ $i -lt $2 ]; do
	{ "$1" get <"$3/in" >"$3/out.$i" 2>"$3/err.$i"; echo $? >"$3/code.$i"; } &
	i=$((i + 1))
done
wait`

// onTerminal runs a herd on its own pseudo-terminal.
func onTerminal(env []string) func(*place, int) ([]*member, error) {
	return func(p *place, n int) ([]*member, error) {
		master, tty, err := pty.Open()
		if err != nil {
			return nil, err
		}
		defer master.Close()
		dir, err := os.MkdirTemp(p.runner.dir, "tty-")
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(dir)
		host := lab.Host
		if err := os.WriteFile(filepath.Join(dir, "in"), []byte(host), 0o600); err != nil {
			return nil, err
		}
		cmd := exec.Command("sh", "-c", terminalScript, "sh", p.runner.program, fmt.Sprint(n), dir)
		cmd.Env, cmd.Dir = append(p.Env[:len(p.Env):len(p.Env)], env...), p.Home.Dir
		cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
		started := time.Now()
		if err := cmd.Start(); err != nil {
			return nil, err
		}
		tty.Close()
		// Press Enter, because a helper may wait for it before opening the browser.
		go func() { _, _ = io.WriteString(master, strings.Repeat("\n", 3)) }()
		go func() { _, _ = io.Copy(io.Discard, master) }()
		if err := cmd.Wait(); err != nil {
			return nil, err
		}
		return readMembers(dir, host, n, started), nil
	}
}

func readMembers(dir, host string, n int, started time.Time) []*member {
	var all []*member
	for i := range n {
		m := &member{host: host, started: started, ended: time.Now(), status: 0xff00}
		read := func(name string) string {
			data, _ := os.ReadFile(filepath.Join(dir, fmt.Sprint(name, ".", i)))
			return string(data)
		}
		m.out, m.err = read("out"), read("err")
		var code int
		if _, err := fmt.Sscan(read("code"), &code); err == nil {
			m.status = unix.WaitStatus(code << 8)
		}
		all = append(all, m)
	}
	return all
}
