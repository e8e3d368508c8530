package awsclient

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/logincreds"
	"github.com/aws/aws-sdk-go-v2/service/signin"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

// This file gets credentials from `aws login` sessions. The SDK's provider renews expired
// keys, but it overwrites the session file in place after using the refresh token. This
// package gives the provider a copy instead. The session file always contains the
// complete old or new session, and a crash during the renewal does not lose the session.

const (
	// renewLogin is the remaining key lifetime at which the keys are renewed.
	renewLogin = time.Minute
	// maxLoginGrowth is the maximum growth of a renewed session, in bytes.
	maxLoginGrowth = 8 << 10
	// copyEnd is the suffix of the copy's name.
	copyEnd = ".renewed"
)

var errLoginFile = errors.New("not a session of `aws login`")

// loginSession is the content of a session file. Unknown keys are preserved.
type loginSession struct {
	all         map[string]json.RawMessage
	access      map[string]json.RawMessage
	ExpiresAt   time.Time
	dpop, token string
}

// readLogin reads a session's file. It returns errLoginFile if the file does not contain
// an `aws login` session.
func readLogin(path string) ([]byte, loginSession, error) {
	if path == "" {
		return nil, loginSession{}, fs.ErrNotExist
	}
	data, err := readToken(path, "`aws login` session", "")
	if err != nil {
		return nil, loginSession{}, err
	}
	s, err := parseLogin(data)
	return data, s, err
}

func parseLogin(data []byte) (s loginSession, err error) {
	if json.Unmarshal(data, &s.all) != nil {
		return s, errLoginFile
	}
	for key, to := range map[string]any{"accessToken": &s.access, "refreshToken": &s.token, "dpopKey": &s.dpop} {
		if json.Unmarshal(s.all[key], to) != nil {
			return s, errLoginFile
		}
	}
	// The provider would panic without a PEM block.
	if block, _ := pem.Decode([]byte(s.dpop)); block == nil || json.Unmarshal(s.access["expiresAt"], &s.ExpiresAt) != nil {
		return s, errLoginFile
	}
	return s, nil
}

// with returns the session with the given accessToken and refreshToken.
func (s loginSession) with(access map[string]json.RawMessage, token json.RawMessage) ([]byte, error) {
	merged := maps.Clone(s.access)
	maps.Copy(merged, access)
	text, err := json.Marshal(merged)
	if err != nil {
		return nil, err
	}
	all := maps.Clone(s.all)
	all["accessToken"] = text
	if token != nil {
		all["refreshToken"] = token
	}
	return json.Marshal(all)
}

// loginCredentials gets the keys of an `aws login` session, renewing them if they expire
// soon. The caller holds the session's lock.
func (c *Client) loginCredentials(ctx context.Context, o awsconfig.Origin, region string) (aws.Credentials, error) {
	path := LoginFile(c.o, o.LoginSession)
	data, session, err := readLogin(path) // the provider would read files of any type and size
	if err == nil && recoverLogin(path, data, session) {
		data, session, err = readLogin(path)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return aws.Credentials{}, NoLoginSession(o)
	case errors.Is(err, errLoginFile):
		return aws.Credentials{}, noLoginSession(o, "has an `aws login` session that cannot be read", err)
	case err != nil:
		return aws.Credentials{}, err
	}
	api, err := c.signin(region)
	if err != nil {
		return aws.Credentials{}, err
	}
	left := session.ExpiresAt.Sub(c.o.Now())
	if left < renewLogin {
		err = c.renewLogin(ctx, api, path, data, session)
		if err != nil && left > 0 { // the old keys are still valid
			c.o.Logger.Debug("`aws login` session not renewed", "error", Quiet(err))
			err = nil
		}
	}
	var keys aws.Credentials
	if err == nil {
		keys, err = provider(api, path).Retrieve(ctx)
	}
	return keys, loginFault(ctx, o, err)
}

// loginFault describes a provider error.
func loginFault(ctx context.Context, o awsconfig.Origin, err error) error {
	n := callFrom(ctx).notes()
	var save *saveError
	switch {
	case err == nil || errors.As(err, &save):
		return err
	case errors.Is(err, fs.ErrNotExist): // a sign-out during this call
		return NoLoginSession(o)
	case n.tries == 0 && ctx.Err() == nil:
		return noLoginSession(o, "has an `aws login` session that cannot be read", err)
	case n.status >= http.StatusBadRequest && n.status < http.StatusInternalServerError && !throttled(n.status, n.answer.code):
		return noLoginSession(o, "has an `aws login` session that has expired", err)
	}
	return err
}

func provider(api *signin.Client, path string) *logincreds.Provider {
	return logincreds.New(api, path, func(p *logincreds.Options) { p.RestrictPermissions = true })
}

// saveError means that the session file cannot be replaced. The refresh token is then not
// used.
type saveError struct{ error }

func (e *saveError) Unwrap() error { return e.error }

// renewLogin renews a session. It first ensures that the file can be replaced.
func (c *Client) renewLogin(ctx context.Context, api *signin.Client, path string, data []byte, session loginSession) error {
	place, err := safefile.Reserve(path, len(data)+maxLoginGrowth, 0o600)
	if err != nil {
		return &saveError{fmt.Errorf("`aws login` session cannot be renewed: %w", err)}
	}
	defer place.Abort()
	// The provider only renews expired keys.
	expired, err := session.with(map[string]json.RawMessage{"expiresAt": json.RawMessage(`"2000-01-01T00:00:00Z"`)}, nil)
	if err != nil {
		return err
	}
	if err := safefile.WriteOwn(path+copyEnd, expired); err != nil {
		return &saveError{fmt.Errorf("`aws login` session cannot be renewed: %w", err)}
	}
	if _, err := provider(api, path+copyEnd).Retrieve(ctx); err != nil {
		_ = safefile.Remove(path + copyEnd)
		return err
	}
	return takeOver(path, data, session, place.Commit)
}

// takeOver replaces the session file with the renewed copy, unless the file has changed:
// `aws logout` removes the session, and `aws login` replaces it.
func takeOver(path string, old []byte, session loginSession, commit func([]byte) error) error {
	renewed, err := safefile.ReadOwn(path+copyEnd, maxTokenFile)
	if err != nil {
		return err
	}
	fresh, err := parseLogin(renewed)
	if err != nil {
		return err
	}
	text, err := session.with(fresh.access, fresh.all["refreshToken"])
	if err != nil {
		return err
	}
	now, _, err := readLogin(path)
	if err == nil && bytes.Equal(now, old) {
		err = commit(text)
	}
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		_ = safefile.Remove(path + copyEnd)
	}
	return err
}

// recoverLogin completes a renewal that was interrupted by a crash after the refresh
// token was used. In this case, the copy contains the new session. It reports whether it
// changed the session file.
func recoverLogin(path string, data []byte, session loginSession) bool {
	copied, err := os.Stat(path + copyEnd)
	if err != nil {
		return false
	}
	file, err := os.Stat(path)
	renewed, readErr := safefile.ReadOwn(path+copyEnd, maxTokenFile)
	if err != nil || readErr != nil {
		return false
	}
	fresh, err := parseLogin(renewed)
	if err != nil || fresh.dpop != session.dpop || !fresh.ExpiresAt.After(session.ExpiresAt) || copied.ModTime().Before(file.ModTime()) {
		_ = safefile.Remove(path + copyEnd) // belongs to a different session, or not renewed
		return false
	}
	return takeOver(path, data, session, func(text []byte) error { return safefile.Write(path, text, 0o600) }) == nil
}

// LoginFile returns the file of an `aws login` session, or "" without a home directory.
func LoginFile(o Options, session string) string {
	dir := o.Env.Get(env.AWSLoginCache)
	if dir == "" {
		var err error
		if dir, err = env.AWSFile(o.Home, "login", "cache"); err != nil {
			return ""
		}
	}
	path, err := logincreds.StandardCachedTokenFilepath(session, dir)
	if err != nil {
		return ""
	}
	return path
}

// LoginSignIn identifies the sign-in of an `aws login` session by its key, which a
// renewal does not change. It returns "" without a session. The result contains no
// secret.
func LoginSignIn(path string) string {
	_, s, err := readLogin(path)
	if err != nil {
		return ""
	}
	return secret.Digest(s.dpop)
}

// LoginExpiry returns the expiry time of an `aws login` session's keys. found is false if
// there is no session.
func LoginExpiry(path string) (expires time.Time, found bool, err error) {
	_, s, err := readLogin(path)
	if errors.Is(err, fs.ErrNotExist) {
		return time.Time{}, false, nil
	}
	return s.ExpiresAt.UTC(), err == nil, err
}

// NoLoginSession returns the fault for an `aws login` profile without a session.
func NoLoginSession(o awsconfig.Origin) *Fault {
	return noLoginSession(o, "has no `aws login` session", nil)
}

// noLoginSession returns a fault that is fixed by a new `aws login`.
func noLoginSession(o awsconfig.Origin, why string, err error) *Fault {
	return &Fault{Kind: Expired, Service: signinService.name, cause: fmt.Sprintf("profile %q %s", o.Profile, why), Err: err}
}
