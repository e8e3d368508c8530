package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

func TestReadLine(t *testing.T) {
	for name, c := range map[string]struct{ in, want, err string }{
		"host without a line ending":   {"host", "host", ""},
		"line ending removed":          {"host\n", "host", ""},
		"also Windows'":                {"host\r\n", "host", ""},
		"empty stdin":                  {"", "", ""},
		"blanks preserved":             {" host ", " host ", ""},
		"two lines":                    {"ho\nst", "", "stdin has more than one line"},
		"two line endings":             {"host\n\n", "", "stdin has more than one line"},
		"carriage return inside":       {"ho\rst", "", "stdin has more than one line"},
		"maximum length":               {strings.Repeat("x", 64), strings.Repeat("x", 64), ""},
		"longer":                       {strings.Repeat("x", 65), "", "stdin has more than 64 bytes"},
		"much longer":                  {strings.Repeat("x", 1<<20), "", "stdin has more than 64 bytes"},
		"PowerShell's byte-order mark": {"\ufeffhost\r\n", "host", ""},
	} {
		t.Run(name, func(t *testing.T) {
			for _, in := range []io.Reader{strings.NewReader(c.in), iotest.OneByteReader(strings.NewReader(c.in)), iotest.DataErrReader(strings.NewReader(c.in))} {
				got, err := readLine(t.Context(), in, 64, stdinTimeout)
				if text(err) != c.err || string(got.line) != c.want {
					t.Errorf("got %q, %v", got, err)
				}
			}
		})
	}
	if _, err := readLine(t.Context(), iotest.ErrReader(errors.New("broken")), 64, stdinTimeout); text(err) != "stdin: broken" {
		t.Errorf("a read error: %v", err)
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestOpenStdinTimesOutAfterFiveSeconds(t *testing.T) {
	for name, c := range map[string]struct{ said, want, err string }{
		"no input":           {"", "", "stdin was not closed within 5s"},
		"incomplete line":    {"ho", "", "stdin was not closed within 5s"},
		"complete line":      {"host\n", "host", ""},
		"more than one line": {"host\nx", "", "stdin was not closed within 5s"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				in, out := io.Pipe()
				defer in.Close() // ends the reader
				go func() { _, _ = io.WriteString(out, c.said) }()
				start := time.Now()
				got, err := readLine(t.Context(), in, 64, stdinTimeout)
				if text(err) != c.err || string(got.line) != c.want {
					t.Errorf("got %q, %v", got, err)
				}
				if waited := time.Since(start); waited != stdinTimeout {
					t.Errorf("after %v", waited)
				}
				in.Close()
				synctest.Wait()
			})
		})
	}
}

func TestSignalEndsStdinWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, _ := io.Pipe()
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(signalled{syscall.SIGTERM})
		start := time.Now()
		if _, err := readLine(ctx, in, 64, stdinTimeout); text(err) != "signal: terminated" || time.Since(start) > 0 {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		in.Close()
		synctest.Wait()
	})
}

// FuzzReadLine checks that readLine returns a single unchanged line of the input, without a
// line break.
func FuzzReadLine(f *testing.F) {
	for _, s := range []string{"", "host", "host\n", "a\nb", "a\rb", "\r\n", "a\x00b\n", "\ufeffhost\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		got, err := readLine(t.Context(), bytes.NewReader(in), 128, stdinTimeout)
		if err != nil {
			return
		}
		line, bare := got.line, bytes.TrimPrefix(in, []byte("\ufeff"))
		if !bytes.Equal(got.raw, in) {
			t.Fatalf("%q is returned as %q", in, got.raw)
		}
		if len(line) > 128 || bytes.ContainsAny(line, "\r\n") || !bytes.HasPrefix(bare, line) || len(bare)-len(line) > 2 {
			t.Fatalf("%q became %q", in, line)
		}
		if r, err := registry.Parse(string(line)); err == nil && !bytes.Contains(bytes.ToLower(in), []byte(r.Host)) {
			t.Fatalf("%q became the registry %q", in, r.Host)
		}
	})
}
