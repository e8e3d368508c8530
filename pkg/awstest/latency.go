package awstest

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// tunnel connects one client to a server of the fake, with a delay line in each
// direction. A handshake or a request then costs a round trip with any protocol, and a
// connection that was opened early costs nothing again.
type tunnel struct {
	target target
	ends   [2]*net.TCPConn
	once   sync.Once
	over   chan struct{}
}

// drop closes both sides at once with a TCP reset, as a broken network does.
func (t *tunnel) drop() {
	t.once.Do(func() {
		close(t.over)
		for _, c := range t.ends {
			c.SetLinger(0)
			c.Close()
		}
	})
}

// run copies bytes until both directions have ended. No byte of the client arrives before
// ready.
func (t *tunnel) run(fromClient io.Reader, delay time.Duration, ready time.Time) {
	var both sync.WaitGroup
	both.Go(func() { t.carry(t.ends[1], fromClient, delay, ready) })
	both.Go(func() { t.carry(t.ends[0], t.ends[1], delay, time.Time{}) })
	both.Wait()
	t.once.Do(func() {
		close(t.over)
		t.ends[0].Close()
		t.ends[1].Close()
	})
}

type parcel struct {
	data []byte
	due  time.Time
	err  error
}

func (t *tunnel) carry(to *net.TCPConn, from io.Reader, delay time.Duration, ready time.Time) {
	line := make(chan parcel, 4096)
	go func() {
		for {
			buf := make([]byte, 16<<10)
			n, err := from.Read(buf)
			due := time.Now()
			if due.Before(ready) {
				due = ready
			}
			select {
			case line <- parcel{buf[:n], due.Add(delay), err}:
			case <-t.over:
				return
			}
			if err != nil {
				return
			}
		}
	}()
	for {
		var p parcel
		select {
		case p = <-line:
		case <-t.over:
			return
		}
		if !exactly(p.due, t.over, nil) {
			return
		}
		if _, err := to.Write(p.data); err != nil && len(p.data) > 0 {
			t.drop()
			return
		}
		if errors.Is(p.err, io.EOF) {
			to.CloseWrite()
			return
		}
		if p.err != nil {
			t.drop()
			return
		}
	}
}

// lateness is the maximum delay of Go's own timers: an idle process rounds them to
// milliseconds, and a cold get waits for a dozen of them.
const lateness = 2 * time.Millisecond

// exactly waits until due; for the last part it uses the system's sleep. It returns false
// if one of the channels was closed before.
func exactly(due time.Time, over, gone <-chan struct{}) bool {
	if d := time.Until(due) - lateness; d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-over:
			return false
		case <-gone:
			return false
		}
	}
	doze(time.Until(due))
	return true
}
