package awsclient

import (
	"errors"
	"net"
	"os"
	"testing"
)

func TestWhoIsNextDoor(t *testing.T) {
	for host, want := range map[string]bool{
		"169.254.169.254": true, "169.254.170.2": true, "169.254.170.23": true, "fd00:ec2::23": true, "fd00:ec2::254": true,
		"127.0.0.1": false, "10.0.0.1": false, "fd00::1": false, "localhost": false, "169.254.170.2.example.com": false, "": false,
	} {
		if nextDoor(host) != want {
			t.Errorf("%q: %v", host, !want)
		}
	}
}

// Only silence next door ends the tries: a refused connection is an answer, and
// elsewhere a packet may have been lost.
func TestNobodyThere(t *testing.T) {
	silence := &net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}
	refused := &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	for name, c := range map[string]struct {
		host string
		err  error
		want bool
	}{
		"silence next door": {"169.254.170.2", silence, true},
		"refused next door": {"169.254.170.2", refused, false},
		"silence elsewhere": {"192.0.2.1", silence, false},
	} {
		if got := errors.Is(notThere(c.host, c.err), errNobodyThere); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if kind, text := networkCause(notThere("169.254.170.2", silence), "169.254.170.2"); kind != Timeout || text != "no answer from 169.254.170.2 in time" {
		t.Errorf("%v, %q", kind, text)
	}
}
