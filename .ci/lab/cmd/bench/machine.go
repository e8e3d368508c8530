//go:build unix

package main

import (
	"bufio"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// Machine describes the machine used for the measurement.
type Machine struct {
	Date    string `json:"date"`
	System  string `json:"system"`
	Kernel  string `json:"kernel,omitempty"`
	CPU     string `json:"cpu,omitempty"`
	Cores   int    `json:"cores"`
	Virtual bool   `json:"virtual"`
	Load    string `json:"load,omitempty"` // one-minute load average at the start
	Go      string `json:"go"`
	Commit  string `json:"commit,omitempty"`
	Peer    string `json:"peer"`
}

// thisMachine describes the machine. Fields that the system does not provide are empty.
func thisMachine(o options) Machine {
	m := Machine{
		Date: time.Now().UTC().Format("2006-01-02 15:04 MST"), System: runtime.GOOS + "/" + runtime.GOARCH, Cores: runtime.NumCPU(),
		Go: outputOf("go", "env", "GOVERSION"), Commit: outputOf("git", "describe", "--always", "--dirty", "--abbrev=12"),
		Peer: peerName + " " + peerVersion, Kernel: outputOf("uname", "-r"),
	}
	if name := field("/etc/os-release", "PRETTY_NAME", "="); name != "" {
		m.System = strings.Trim(name, `"`) + ", " + m.System
	}
	m.CPU = field("/proc/cpuinfo", "model name", ":")
	m.Virtual = strings.Contains(" "+field("/proc/cpuinfo", "flags", ":")+" ", " hypervisor ")
	if load, err := os.ReadFile("/proc/loadavg"); err == nil {
		m.Load, _, _ = strings.Cut(string(load), " ")
	}
	if o.ours != "" {
		m.Commit = ""
	}
	if o.theirs != "" {
		m.Peer = peerName + " (the binary given)"
	}
	return m
}

func outputOf(name string, args ...string) string {
	out, _ := exec.Command(name, args...).Output()
	return strings.TrimSpace(string(out))
}

// field returns the value on a file's first line with that name.
func field(path, name, sep string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if key, value, ok := strings.Cut(lines.Text(), sep); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
