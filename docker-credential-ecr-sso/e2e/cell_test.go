//go:build e2e && linux

package e2e

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// linkLocal maps loopback labels to the fixed addresses of cloud platforms. A cell
// assigns these addresses to its loopback interface.
var linkLocal = map[string][4]byte{
	"lo:1": {169, 254, 169, 254}, // instance metadata
	"lo:2": {169, 254, 170, 2},   // ECS and CodeBuild
	"lo:3": {169, 254, 170, 23},  // EKS Pod Identity
}

const cellVariable = "E2E_CELL" // set in a cell: the directory of the built helper

// inCell runs the calling test again in its own network and mount namespaces, and
// returns true there.
func inCell(t *testing.T) bool {
	t.Helper()
	if os.Getenv(cellVariable) != "" {
		return true
	}
	if os.Geteuid() != 0 {
		skip(t, "a network namespace of one's own needs root")
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), cellVariable+"="+filepath.Join(shared.dir, "bin"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, syscall.EPERM) {
		skip(t, "no namespaces here: "+err.Error())
	}
	t.Logf("in a cell:\n%s", out)
	if err != nil {
		t.Fatal(err)
	}
	return false
}

// setUpCell sets up loopback with the addresses of linkLocal, and makes mounts private to
// this namespace.
func setUpCell() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo); err != nil {
		return err
	}
	for name, address := range linkLocal {
		alias, err := unix.NewIfreq(name)
		if err != nil {
			return err
		}
		if err := alias.SetInet4Addr(address[:]); err != nil {
			return err
		}
		if err := unix.IoctlIfreq(fd, unix.SIOCSIFADDR, alias); err != nil {
			return err
		}
	}
	return unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
}

// blackHole makes an address neither accept nor refuse connections, like a firewall that
// drops packets.
func blackHole(t *testing.T, ip [4]byte, port int) {
	t.Helper()
	address := &unix.SockaddrInet4{Port: port, Addr: ip}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		err = errors.Join(unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1), unix.Bind(fd, address), unix.Listen(fd, 0))
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	for range 4 { // more connections than the queue allows
		c, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		_ = unix.Connect(c, address)
		t.Cleanup(func() { unix.Close(c) })
	}
}
