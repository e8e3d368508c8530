package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/crash"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/warm"
)

// question is stdin, with what package warm has read of it in front.
func (s streams) question() io.Reader {
	taken, all := warm.Taken()
	if all {
		return bytes.NewReader(taken) // a terminal would have to be told twice
	}
	return io.MultiReader(bytes.NewReader(taken), s.in)
}

const (
	maxHost  = 4 << 10         // bytes of a server URL
	maxLogin = 64<<10 - 1      // bytes of a store; the protocol library's scanner takes no more
	patience = 5 * time.Second // for a stdin that stays open
)

var errManyLines = errors.New("stdin holds more than one line")

// readLine reads the one line that a client sends, at most max bytes, with or
// without its line end, until end of file. A stdin that stays open is given 5 s:
// what stands there then is taken if it is a whole line.
//
// The protocol library reads lines and joins them, so that a name with a line
// break inside becomes a clean one (CVE-2020-5260 and its kin); here a second
// line is an error.
func readLine(ctx context.Context, in io.Reader, max int, patience time.Duration) ([]byte, error) {
	data, err := readAll(ctx, in, max, patience)
	if err != nil {
		return nil, err
	}
	line := bytes.TrimSuffix(bytes.TrimSuffix(data, []byte("\n")), []byte("\r"))
	if bytes.ContainsAny(line, "\r\n") {
		return nil, errManyLines
	}
	return line, nil
}

func readAll(ctx context.Context, in io.Reader, max int, patience time.Duration) ([]byte, error) {
	type chunk struct {
		data []byte
		err  error
	}
	chunks := make(chan chunk)
	done := make(chan struct{})
	defer close(done)
	crash.Go(func() { // ends with its read; the process does not wait for it
		for {
			buf := make([]byte, max+1)
			n, err := in.Read(buf)
			select {
			case chunks <- chunk{buf[:n], err}:
			case <-done:
				return
			}
			if err != nil {
				return
			}
		}
	})
	var data []byte
	late := time.After(patience)
	for {
		select {
		case c := <-chunks:
			data = append(data, c.data...)
			switch {
			case len(data) > max:
				return nil, fmt.Errorf("stdin holds more than %d bytes", max)
			case errors.Is(c.err, io.EOF):
				return data, nil
			case c.err != nil:
				return nil, fmt.Errorf("stdin: %w", hint.WithoutPath(c.err))
			}
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-late:
			if bytes.HasSuffix(data, []byte("\n")) {
				return data, nil
			}
			return nil, fmt.Errorf("stdin was not closed within %v", patience)
		}
	}
}
