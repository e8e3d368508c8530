package login

import (
	"net"
	"os"
	"testing"
)

const kernelTable = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:9C40 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 1 1 0000000000000000 100 0 0 10 0
   1: 0100007F:9C40 0100007F:C350 01 00000000:00000000 00:00000000 00000000  1000        0 2 1 0000000000000000 20 4 30 10 -1
   2: 0100007F:C350 0100007F:9C40 01 00000000:00000000 00:00000000 00000000  1001        0 3 1 0000000000000000 20 4 30 10 -1
`

func TestClientUser(t *testing.T) {
	if kernelAddress("127.0.0.1:1") != "0100007F:0001" {
		t.Skip("the table above is for little-endian machines")
	}
	for name, c := range map[string]struct {
		client string
		uid    int
		ok     bool
	}{
		"client":          {"127.0.0.1:50000", 1001, true},
		"unknown port":    {"127.0.0.1:50001", 0, false},
		"not an address":  {"@", 0, false},
		"address of IPv6": {"[::1]:50000", 0, false},
	} {
		if uid, ok := clientUser(kernelTable, c.client, "127.0.0.1:40000"); uid != c.uid || ok != c.ok {
			t.Errorf("%s: got %d, ok %v", name, uid, ok)
		}
	}
}

func TestClientUserOfOwnConnection(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		t.Skip("this system has no table:", err)
	}
	if uid, ok := clientUser(string(table), c.LocalAddr().String(), l.Addr().String()); ok && uid != os.Geteuid() {
		t.Errorf("our connection is of user %d", uid)
	}
}
