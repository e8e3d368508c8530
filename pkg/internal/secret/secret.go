// Package secret provides the type for tokens, keys and passwords: a string that cannot be
// printed by accident.
//
// fmt, encoding/json, encoding and log/slog print it as "[redacted]". Only Reveal returns
// the text, and its calls are easy to find. The package imports only the standard library.
package secret

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
)

// redacted is the printed form of every Secret, including an empty one: it does not
// reveal whether there is a secret.
const redacted = "[redacted]"

// Secret is text that must not appear on a terminal, in a log or in an error message. The
// zero value is the empty secret.
type Secret struct {
	// A pointer hides the text from %#v on structs with a Secret in an unexported field:
	// fmt prints the address, not the text.
	text *string
}

// New wraps s.
func New(s string) Secret {
	if s == "" {
		return Secret{}
	}
	return Secret{text: &s}
}

// Reveal returns the text. Call it only to pass the secret to its intended service or
// file.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// Digest returns the SHA-256 of a text in hexadecimal, for names and comparisons. It does
// not protect guessable text.
func Digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// Empty reports whether the text is empty.
func (s Secret) Empty() bool { return s.text == nil }

// Equal compares two secrets in constant time (for equal lengths).
func (s Secret) Equal(t Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(t.Reveal())) == 1
}

// String returns "[redacted]".
func (s Secret) String() string { return redacted }

// GoString returns "[redacted]", for %#v.
func (s Secret) GoString() string { return redacted }

// Format writes "[redacted]" for any verb and flags.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText returns "[redacted]", including for encoding/json and TOML.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue returns "[redacted]", for log/slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }
