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

// start starts a get for each host, each in its own session without a terminal. The
// streams are files, because a thousand processes would need too many pipes.
func (f *field) start(p *place, hosts []string) (map[int]*member, []*member, error) {
	byPid := map[int]*member{}
	var all []*member
	for i, host := range hosts {
		m := &member{host: host}
		all = append(all, m)
		var files [3]*os.File
		for n, name := range []string{"in", "out", "err"} {
			path := filepath.Join(f.dir, fmt.Sprint(name, ".", i))
			if n == 0 {
				if err := os.WriteFile(path, []byte(host), 0o600); err != nil {
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
		pid, err := syscall.ForkExec(f.program, []string{f.program, "get"}, &syscall.ProcAttr{
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

// graze starts a herd and waits for all processes. The herder, if any, acts on the
// processes meanwhile.
func (f *field) graze(p *place, hosts []string, herder func(p *place, pids map[int]*member, done <-chan struct{}) error) ([]*member, error) {
	pids, all, err := f.start(p, hosts)
	if err != nil {
		return nil, err
	}
	done, herded := make(chan struct{}), make(chan error, 1)
	if herder == nil {
		herded <- nil
	} else {
		go func() { herded <- herder(p, pids, done) }()
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
		m.out, m.err = f.takeBack("out", i), f.takeBack("err", i)
		f.takeBack("in", i)
	}
	return all, <-herded
}

// takeBack reads and removes the file of a process's stream.
func (f *field) takeBack(name string, i int) string {
	path := filepath.Join(f.dir, fmt.Sprint(name, ".", i))
	data, _ := os.ReadFile(path)
	_ = os.Remove(path)
	return string(data)
}
