package tokencache

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

const (
	maxPassword = 64 << 10
	// maxText bounds the other fields; a session's start URL is the longest.
	maxText = 8 << 10
	// maxFile is above what the longest entry takes with every byte escaped.
	maxFile = 1 << 20
)

// record is an entry on disk. Passwords are plain text, as AWS CLI keeps its
// own tokens, and the file's mode is what protects them; or they are sealed.
type record struct {
	Host      string    `json:"host"`
	Identity  string    `json:"identity"`
	Endpoint  string    `json:"endpoint"`
	Profile   string    `json:"profile,omitempty"`
	Username  string    `json:"username"`
	Password  string    `json:"password,omitempty"`
	Sealed    []byte    `json:"sealed,omitempty"`
	ExpiresAt time.Time `json:"expires_at"`
	IssuedAt  time.Time `json:"issued_at"`
	TokenFile string    `json:"token_file,omitempty"`
	SignIn    string    `json:"sign_in,omitempty"`
	CheckAt   time.Time `json:"check_at,omitzero"`
	Creds     string    `json:"credentials,omitempty"`
	Stored    bool      `json:"stored,omitempty"`
}

// whole is the entry as it is written: dates are UTC and whole seconds.
func (e Entry) whole() Entry {
	e.IssuedAt, e.ExpiresAt = e.IssuedAt.UTC().Truncate(time.Second), e.ExpiresAt.UTC().Truncate(time.Second)
	e.CheckAt = e.CheckAt.UTC().Truncate(time.Second)
	return e
}

func (e Entry) record() record {
	return record{
		e.Host, e.Identity, e.Endpoint, e.Profile, e.Username, e.Password.Reveal(), nil,
		e.ExpiresAt.UTC(), e.IssuedAt.UTC(), e.TokenFile, e.SignIn, e.CheckAt.UTC(), e.Credentials, e.Stored,
	}
}

func (r record) entry() Entry {
	return Entry{
		r.Host, r.Identity, r.Endpoint, r.Profile, r.Username, secret.New(r.Password),
		r.ExpiresAt.UTC(), r.IssuedAt.UTC(), r.TokenFile, r.SignIn, r.CheckAt.UTC(), r.Creds, r.Stored,
	}
}

func (r record) marshal() ([]byte, error) {
	data, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("%w: dates", ErrBadEntry)
	}
	return append(data, '\n'), nil
}

func marshal(e Entry) ([]byte, error) { return e.record().marshal() }

func parse(data []byte) (Entry, error) {
	var r record
	if err := json.Unmarshal(data, &r); err != nil {
		return Entry{}, err
	}
	e := r.entry()
	return e, e.check()
}

// check finds what could not be read back as it is, or would break docker's
// protocol. The error names the field and never shows it.
func (e Entry) check() error {
	switch {
	case e.Host == "":
		return fmt.Errorf("%w: no host", ErrBadEntry)
	case e.Username == "":
		return fmt.Errorf("%w: no user name", ErrBadEntry)
	case e.Password.Empty():
		return fmt.Errorf("%w: no password", ErrBadEntry)
	case len(e.Password.Reveal()) > maxPassword:
		return fmt.Errorf("%w: password longer than %d bytes", ErrBadEntry, maxPassword)
	case e.ExpiresAt.IsZero():
		return fmt.Errorf("%w: no expiry", ErrBadEntry)
	case e.TokenFile != "" && !filepath.IsAbs(e.TokenFile):
		return fmt.Errorf("%w: relative token file", ErrBadEntry)
	}
	for _, f := range []struct{ name, text string }{
		{"host", e.Host}, {"identity", e.Identity}, {"endpoint", e.Endpoint}, {"profile", e.Profile},
		{"user name", e.Username}, {"password", e.Password.Reveal()}, {"token file", e.TokenFile},
		{"sign-in", e.SignIn}, {"credentials", e.Credentials},
	} {
		switch {
		case f.name != "password" && len(f.text) > maxText:
			return fmt.Errorf("%w: %s longer than %d bytes", ErrBadEntry, f.name, maxText)
		case !utf8.ValidString(f.text):
			// JSON would replace what is invalid.
			return fmt.Errorf("%w: %s is no UTF-8", ErrBadEntry, f.name)
		case f.name != "identity" && strings.ContainsAny(f.text, "\x00\r\n"):
			// The identity may join its parts with these; it is never printed.
			return fmt.Errorf("%w: control character in the %s", ErrBadEntry, f.name)
		}
	}
	return nil
}
