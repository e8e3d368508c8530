package awstest

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// tunnel connects a client to one of the fake's servers and delays each direction. A
// handshake or a request then takes one round trip with any protocol. A connection that is
// already open adds no further round trip.
type tunnel struct {
	target target
	ends   [2]*net.TCPConn
	once   sync.Once
	over   chan struct{}
}

// drop closes both sides with a TCP reset, like a broken network.
func (t *tunnel) drop() {
	t.once.Do(func() {
		close(t.over)
		for _, c := range t.ends {
			c.SetLinger(0)
			c.Close()
		}
	})
}

// run copies bytes until both directions have ended. No client data is delivered before ready.
func (t *tunnel) run(fromClient io.Reader, delay time.Duration, ready time.Time) {
	var both sync.WaitGroup
	both.Go(func() { t.copyDelayed(t.ends[1], fromClient, delay, ready) })
	both.Go(func() { t.copyDelayed(t.ends[0], t.ends[1], delay, time.Time{}) })
	both.Wait()
	t.once.Do(func() {
		close(t.over)
		t.ends[0].Close()
		t.ends[1].Close()
	})
}

type chunk struct {
	data []byte
	due  time.Time
	err  error
}

func (t *tunnel) copyDelayed(to *net.TCPConn, from io.Reader, delay time.Duration, ready time.Time) {
	// Requests and answers have a few kilobytes, so 64 chunks are always enough. With the race
	// detector, allocating a much longer line took most of the time of a connection.
	line := make(chan chunk, 64)
	go func() {
		for {
			buf := make([]byte, 4<<10)
			n, err := from.Read(buf)
			due := time.Now()
			if due.Before(ready) {
				due = ready
			}
			select {
			case line <- chunk{buf[:n], due.Add(delay), err}:
			case <-t.over:
				return
			}
			if err != nil {
				return
			}
		}
	}()
	for {
		var p chunk
		select {
		case p = <-line:
		case <-t.over:
			return
		}
		if !waitUntil(p.due, t.over, nil) {
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

// timerSlack is the maximum error of Go's timers: an idle process rounds them up to
// milliseconds, and a cold get waits for a dozen of them.
const timerSlack = 2 * time.Millisecond

// waitUntil waits until due and uses the system's sleep for the last part. It returns false
// if one of the channels closes first.
func waitUntil(due time.Time, over, gone <-chan struct{}) bool {
	if d := time.Until(due) - timerSlack; d > 0 {
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
	preciseSleep(time.Until(due))
	return true
}
