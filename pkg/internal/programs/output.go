package programs

import "io"

// Output keeps the first Max bytes that a program prints. It drops the rest, so that
// the program can end as it likes, or fails the writing if Strict is set.
type Output struct {
	Max    int // bytes
	Strict bool

	kept []byte
	over bool
}

// Write implements io.Writer. The error is io.ErrShortWrite.
func (o *Output) Write(p []byte) (int, error) {
	n := min(len(p), o.Max-len(o.kept))
	o.kept = append(o.kept, p[:n]...)
	if n == len(p) {
		return n, nil
	}
	if o.over = true; o.Strict {
		return n, io.ErrShortWrite
	}
	return len(p), nil
}

// Bytes returns what was kept.
func (o *Output) Bytes() []byte { return o.kept }

// Over reports whether there was more.
func (o *Output) Over() bool { return o.over }
