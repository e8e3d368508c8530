package login

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"strings"
)

// fromAnotherUser reports whether a loopback request comes from another user's process.
// Other users can read the link on the browser's command line and could be faster than the
// browser. Root is exempt: it can read everything anyway, and a browser started by root may
// run as the desktop's user.
func fromAnotherUser(r *http.Request) bool {
	server, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	ours := os.Geteuid()
	if !ok || ours == 0 {
		return false
	}
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		return false
	}
	uid, ok := clientUser(string(table), r.RemoteAddr, server.String())
	return ok && uid != ours && uid != 0
}

// clientUser returns the user of a client's IPv4 socket from the kernel's table.
// https://www.kernel.org/doc/html/latest/networking/proc_net_tcp.html
func clientUser(table, client, server string) (uid int, ok bool) {
	from, to := kernelAddress(client), kernelAddress(server)
	for line := range strings.Lines(table) {
		f := strings.Fields(line)
		if len(f) > 7 && f[1] == from && f[2] == to {
			uid, err := strconv.Atoi(f[7])
			return uid, err == nil
		}
	}
	return 0, false
}

// kernelAddress formats an address like the table: four bytes in the machine's byte order,
// then the port.
func kernelAddress(address string) string {
	a, err := netip.ParseAddrPort(address)
	if err != nil || !a.Addr().Is4() {
		return ""
	}
	ip := a.Addr().As4()
	return fmt.Sprintf("%08X:%04X", binary.NativeEndian.Uint32(ip[:]), a.Port())
}
