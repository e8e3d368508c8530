package programs

import (
	"errors"
	"io"
	"strings"
	"testing"
)

func TestOutputKeepsBeginning(t *testing.T) {
	for text, want := range map[string]string{"": "", "abcd": "abcd", "abcdefgh": "abcdefgh", "abcdefghi": "abcdefgh", strings.Repeat("x", 99): "xxxxxxxx"} {
		for _, strict := range []bool{false, true} {
			o := &Output{Max: 8, Strict: strict}
			var err error
			for _, part := range []string{text[:len(text)/2], text[len(text)/2:]} {
				n, e := o.Write([]byte(part))
				if e == nil && n != len(part) {
					t.Errorf("%q: %d of %d bytes and no error", text, n, len(part))
				}
				err = errors.Join(err, e)
			}
			if over := len(text) > 8; string(o.Bytes()) != want || o.Over() != over || errors.Is(err, io.ErrShortWrite) != (over && strict) {
				t.Errorf("%q, strict %v: %q, over %v, %v", text, strict, o.Bytes(), o.Over(), err)
			}
		}
	}
}

// os/exec copies program output with io.Copy. With the ReadFrom method of a bytes.Buffer,
// the output would have no limit.
func TestOutputIsBounded(t *testing.T) {
	o := &Output{Max: 10}
	if n, err := io.Copy(o, strings.NewReader(strings.Repeat("x", 1<<20))); n != 1<<20 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if len(o.Bytes()) != 10 || !o.Over() {
		t.Errorf("%d bytes saved, over: %v", len(o.Bytes()), o.Over())
	}
}
