package login

import (
	"net"
	"sync"
)

// limited is a listener that holds at most n connections open; more wait in
// the kernel's queue until one closes.
type limited struct {
	net.Listener
	seats  chan struct{}
	closed chan struct{}
	once   sync.Once
}

func newLimited(l net.Listener, n int) net.Listener {
	return &limited{Listener: l, seats: make(chan struct{}, n), closed: make(chan struct{})}
}

// Accept waits for a seat first, then for a connection.
func (l *limited) Accept() (net.Conn, error) {
	select {
	case l.seats <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.seats
		return nil, err
	}
	return &seated{Conn: c, leave: sync.OnceFunc(func() { <-l.seats })}, nil
}

// Close ends Accept too, even while it waits for a seat.
func (l *limited) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

type seated struct {
	net.Conn
	leave func()
}

// Close gives the seat back once.
func (c *seated) Close() error {
	err := c.Conn.Close()
	c.leave()
	return err
}
