//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// member is one process of a herd.
type member struct {
	host           string
	started, ended time.Time
	status         unix.WaitStatus
	out, err       string
}

func (m *member) answered() bool { return m.status.Exited() && m.status.ExitStatus() == 0 }

// start starts a process for each host, in its own session and without a terminal. The streams
// are files, because a thousand processes would need too many pipes.
func (r *runner) start(p *place, hosts []string) (map[int]*member, []*member, error) {
	byPid := map[int]*member{}
	var all []*member
	for i, host := range hosts {
		m := &member{host: host}
		all = append(all, m)
		args, stdin := []string{"get"}, host
		if p.asks != nil {
			args, stdin = p.asks(i, host)
		}
		var files [3]*os.File
		for n, name := range []string{"in", "out", "err"} {
			path := filepath.Join(r.dir, fmt.Sprint(name, ".", i))
			if n == 0 {
				if err := os.WriteFile(path, []byte(stdin), 0o600); err != nil {
					return nil, nil, err
				}
			} else {
				_ = os.Remove(path)
			}
			var err error
			if files[n], err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600); err != nil {
				return nil, nil, err
			}
		}
		m.started = time.Now()
		pid, err := syscall.ForkExec(r.program, append([]string{r.program}, args...), &syscall.ProcAttr{
			Dir: p.Home.Dir, Env: p.Env, Sys: &syscall.SysProcAttr{Setsid: true},
			Files: []uintptr{files[0].Fd(), files[1].Fd(), files[2].Fd()},
		})
		for _, file := range files {
			file.Close()
		}
		if err != nil {
			return nil, nil, err
		}
		byPid[pid] = m
	}
	return byPid, all, nil
}

// runAll starts a herd and waits until all processes have ended. If during is not nil, it
// acts on the running processes.
func (r *runner) runAll(p *place, hosts []string, during func(p *place, pids map[int]*member, done <-chan struct{}) error) ([]*member, error) {
	pids, all, err := r.start(p, hosts)
	if err != nil {
		return nil, err
	}
	done, acted := make(chan struct{}), make(chan error, 1)
	if during == nil {
		acted <- nil
	} else {
		go func() { acted <- during(p, pids, done) }()
	}
	for range len(pids) {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, 0, nil)
		if err == unix.EINTR {
			pid, err = unix.Wait4(-1, &status, 0, nil)
		}
		if err != nil {
			return nil, err
		}
		pids[pid].ended, pids[pid].status = time.Now(), status
	}
	close(done)
	for i, m := range all {
		m.out, m.err = r.readAndRemove("out", i), r.readAndRemove("err", i)
		r.readAndRemove("in", i)
	}
	return all, <-acted
}

// readAndRemove reads and removes the file of a process's stream.
func (r *runner) readAndRemove(name string, i int) string {
	path := filepath.Join(r.dir, fmt.Sprint(name, ".", i))
	data, _ := os.ReadFile(path)
	_ = os.Remove(path)
	return string(data)
}
