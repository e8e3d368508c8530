package awscache

import (
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

// A rejection is saved for a minute for processes with the same refresh token.
func TestRejectedRefreshIsNotRepeated(t *testing.T) {
	for name, c := range map[string]struct {
		err    error         // error of the first request
		token  string        // the refresh token of the second process
		later  time.Duration // start of the second process
		marker string        // replaces the content of the marker; "-" removes it
		noLock bool
		again  bool // the second process calls the service
	}{
		"at once":                      {err: errRefused, token: "RT"},
		"after a minute":               {err: errRefused, token: "RT", later: refusalTTL},
		"after more than a minute":     {err: errRefused, token: "RT", later: refusalTTL + time.Second, again: true},
		"clock was set back":           {err: errRefused, token: "RT", later: -time.Second, again: true},
		"another refresh token":        {err: errRefused, token: "RT2", again: true},
		"network failed":               {err: errNetwork, token: "RT", again: true},
		"wrapped refusal":              {err: errors.Join(errNetwork, errRefused), token: "RT"},
		"marker is damaged":            {err: errRefused, token: "RT", marker: "{", again: true},
		"marker was removed":           {err: errRefused, token: "RT", marker: "-", again: true},
		"no directory for the markers": {err: errRefused, token: "RT", noLock: true, again: true},
	} {
		t.Run(name, func(t *testing.T) {
			path, lock, now := file(t, cliFile), filepath.Join(t.TempDir(), "l"), expiry
			marker := lock + ".refused"
			if c.noLock {
				lock = ""
			}
			var calls atomic.Int32
			o := RefreshOptions{
				Path: path, LockPath: lock, Now: func() time.Time { return now }, Request: answer(&calls, Grant{}, c.err),
			}
			if _, err := RefreshToken(t.Context(), o); !errors.Is(err, c.err) || calls.Load() != 1 {
				t.Fatalf("%v after %d calls", err, calls.Load())
			}
			switch {
			case c.marker == "-":
				if err := os.Remove(marker); err != nil {
					t.Fatal(err)
				}
			case c.marker != "":
				if err := os.WriteFile(marker, []byte(c.marker), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			token := cliToken()
			token.RefreshToken, token.ExpiresAt = secret.New(c.token), expiry.Add(-time.Hour)
			if err := os.WriteFile(path, MarshalToken(token), 0o600); err != nil {
				t.Fatal(err)
			}
			now = now.Add(c.later)
			_, err := RefreshToken(t.Context(), o)
			refused, ok := errors.AsType[*RefusedError](err)
			if again := calls.Load() == 2; again != c.again || !c.again && (!ok || refused.Error() != "oidc.us-east-1.amazonaws.com returned invalid_grant") {
				t.Errorf("%v after %d calls", err, calls.Load())
			}
		})
	}
}
