package awscache

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

var (
	errRefused error = &RefusedError{Host: "oidc.us-east-1.amazonaws.com", Code: "invalid_grant"}
	errNetwork       = errors.New("no route to host")
)

// answer returns a Request function that counts its calls and always returns the same
// result.
func answer(calls *atomic.Int32, g Grant, err error) func(context.Context, Token) (Grant, error) {
	return func(context.Context, Token) (Grant, error) {
		calls.Add(1)
		return g, err
	}
}

func grant(access, refresh string) Grant {
	return Grant{AccessToken: secret.New(access), ExpiresIn: time.Hour, RefreshToken: secret.New(refresh)}
}

// body returns a token file with the given fields.
func body(access, refresh string, expires time.Time) string {
	t := cliToken()
	t.AccessToken, t.RefreshToken, t.ExpiresAt = secret.New(access), secret.New(refresh), expires
	return string(MarshalToken(t))
}

// refreshCases are the test cases of TestRefresh.
var refreshCases = []struct {
	name    string
	content string // content of the token file
	stale   string
	grant   Grant
	askErr  error
	during  string // written by another process during the call; "-" removes the file
	want    string // expected access token
	wantErr error
	calls   int32
	disk    string // access and refresh token in the file afterwards
}{
	{name: "expired token is replaced", content: cliFile, grant: grant("AT2", "RT2"), want: "AT2", calls: 1, disk: "AT2 RT2"},
	{name: "answer without refresh token keeps the old one", content: cliFile, grant: grant("AT2", ""), want: "AT2", calls: 1, disk: "AT2 RT"},
	{name: "five minutes left need no call", content: body("AT", "RT", expiry.Add(5*time.Minute)), want: "AT", disk: "AT RT"},
	{name: "less than five minutes left need a call", content: body("AT", "RT", expiry.Add(299*time.Second)), grant: grant("AT2", "RT2"), want: "AT2", calls: 1, disk: "AT2 RT2"},
	{name: "rejected token is replaced though unexpired", content: body("AT", "RT", expiry.Add(8*time.Hour)), stale: "AT", grant: grant("AT2", "RT2"), want: "AT2", calls: 1, disk: "AT2 RT2"},
	{name: "rejected token that was already replaced is not refreshed", content: body("AT", "RT", expiry.Add(time.Hour)), stale: "AT0", want: "AT", disk: "AT RT"},
	{name: "no file", content: "-", wantErr: ErrMissing},
	{name: "damaged file", content: `null`, wantErr: ErrDamaged},
	{name: "expired token that cannot be refreshed", content: body("AT", "", expiry), wantErr: ErrNotRefreshable, disk: "AT "},
	{name: "one with a second left that cannot be refreshed", content: body("AT", "", expiry.Add(time.Second)), want: "AT", disk: "AT "},
	{name: "rejected one that cannot be refreshed", content: body("AT", "", expiry.Add(time.Hour)), stale: "AT", wantErr: ErrNotRefreshable, disk: "AT "},
	{name: "failing call while a minute is left", content: body("AT", "RT", expiry.Add(time.Minute)), askErr: errNetwork, want: "AT", calls: 1, disk: "AT RT"},
	{name: "failing call while less than a minute is left", content: body("AT", "RT", expiry.Add(59*time.Second)), askErr: errNetwork, wantErr: errNetwork, calls: 1, disk: "AT RT"},
	{name: "failing call for a rejected token", content: body("AT", "RT", expiry.Add(time.Hour)), stale: "AT", askErr: errNetwork, wantErr: errNetwork, calls: 1, disk: "AT RT"},
	{name: "refusal while a minute is left", content: body("AT", "RT", expiry.Add(time.Minute)), askErr: errRefused, want: "AT", calls: 1, disk: "AT RT"},
	{name: "refusal and nothing new in the file", content: cliFile, askErr: errRefused, wantErr: errRefused, calls: 1, disk: "AT RT"},
	{name: "refusal because AWS CLI was faster", content: cliFile, askErr: errRefused, during: body("CLI", "RTC", expiry.Add(time.Hour)), want: "CLI", calls: 1, disk: "CLI RTC"},
	{name: "refusal and the file changed to an expired token", content: cliFile, askErr: errRefused, during: body("CLI", "RTC", expiry), wantErr: errRefused, calls: 1, disk: "CLI RTC"},
	{name: "after a network error the file is not read again", content: cliFile, askErr: errNetwork, during: body("CLI", "RTC", expiry.Add(time.Hour)), wantErr: errNetwork, calls: 1, disk: "CLI RTC"},
	{name: "newer token written meanwhile is used", content: cliFile, grant: grant("AT2", "RT2"), during: body("CLI", "RTC", expiry.Add(2*time.Hour)), want: "CLI", calls: 1, disk: "CLI RTC"},
	{name: "new sign-in that expires a little earlier is used too", content: cliFile, grant: grant("AT2", "RT2"), during: body("CLI", "RTC", expiry.Add(59*time.Minute)), want: "CLI", calls: 1, disk: "CLI RTC"},
	{name: "older token written meanwhile is replaced", content: cliFile, grant: grant("AT2", "RT2"), during: body("OLD", "RTO", expiry.Add(-time.Hour)), want: "AT2", calls: 1, disk: "AT2 RT2"},
	{name: "rejected token written again is replaced", content: body("AT", "RT", expiry.Add(time.Hour)), stale: "AT", grant: grant("AT2", "RT2"), during: body("AT", "RT9", expiry.Add(9*time.Hour)), want: "AT2", calls: 1, disk: "AT2 RT2"},
	{name: "half-written file is replaced", content: cliFile, grant: grant("AT2", "RT2"), during: cliFile[:40], want: "AT2", calls: 1, disk: "AT2 RT2"},
	{name: "sign-out meanwhile is final", content: cliFile, grant: grant("AT2", "RT2"), during: "-", wantErr: ErrMissing, calls: 1},
	{name: "answer without access token", content: cliFile, grant: grant("", "RT2"), wantErr: ErrBadGrant, calls: 1, disk: "AT RT"},
	{name: "answer without an expiry", content: cliFile, grant: Grant{AccessToken: secret.New("AT2")}, wantErr: ErrBadGrant, calls: 1, disk: "AT RT"},
}

func TestRefresh(t *testing.T) {
	now := expiry // expiry of the token in cliFile
	for _, tt := range refreshCases {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				path := file(t, tt.content)
				lay := func(content string) {
					if content == "-" {
						_ = os.Remove(path)
					} else if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
						t.Error(err)
					}
				}
				lay(tt.content)
				var calls atomic.Int32
				got, err := RefreshToken(t.Context(), RefreshOptions{
					Path: path, LockPath: filepath.Join(t.TempDir(), "locks", "l"),
					Now: func() time.Time { return now }, Stale: secret.New(tt.stale),
					Request: func(context.Context, Token) (Grant, error) {
						calls.Add(1)
						if tt.during != "" {
							lay(tt.during)
						}
						return tt.grant, tt.askErr
					},
				})
				if !errors.Is(err, tt.wantErr) || got.AccessToken.Reveal() != tt.want || calls.Load() != tt.calls {
					t.Errorf("got %q, %v after %d calls", got.AccessToken.Reveal(), err, calls.Load())
				}
				if tt.disk != "" {
					disk, err := ReadToken(path)
					if text := disk.AccessToken.Reveal() + " " + disk.RefreshToken.Reveal(); err != nil || text != tt.disk {
						t.Errorf("in the file: %q, %v", text, err)
					}
				}
				if names, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".tmp-*")); len(names) > 0 {
					t.Errorf("leftover files: %v", names)
				}
			})
		})
	}
}

// Another tool may add a field to the file during the call.
func TestRefreshKeepsFieldsOfOthers(t *testing.T) {
	path := file(t, cliFile)
	_, err := RefreshToken(t.Context(), RefreshOptions{
		Path: path, Now: func() time.Time { return expiry },
		Request: func(context.Context, Token) (Grant, error) {
			return grant("AT2", "RT2"), os.WriteFile(path, []byte(strings.TrimSuffix(cliFile, "}")+`, "added": 1}`), 0o600)
		},
	})
	if got, _ := os.ReadFile(path); err != nil || !strings.Contains(string(got), `"refreshToken": "RT2", "added": 1}`) {
		t.Errorf("%v; in the file: %s", err, got)
	}
}

func TestRefreshWritesAWSCLIFormat(t *testing.T) {
	path := file(t, strings.TrimSuffix(cliFile, "}")+`, "custom": {"a":1}}`)
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	var calls atomic.Int32
	_, err := RefreshToken(t.Context(), RefreshOptions{
		Path: path, Now: func() time.Time { return expiry.Add(500 * time.Millisecond) }, Request: answer(&calls, grant("AT2", "RT2"), nil),
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"startUrl": "https://my-portal.awsapps.com/start", "region": "us-east-1", "accessToken": "AT2", "expiresAt": "2026-11-23T09:28:21Z", ` +
		`"clientId": "CID", "clientSecret": "CSECRET", "registrationExpiresAt": "2027-02-21T00:28:21Z", "refreshToken": "RT2", "custom": {"a":1}}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
}

// The refresh token must not be used if the new token could not be saved.
func TestRefreshChecksFileBeforeCall(t *testing.T) {
	for _, left := range []time.Duration{0, time.Minute} {
		path := file(t, body("AT", "RT", expiry.Add(left)))
		dir := filepath.Dir(path)
		if err := os.Chmod(dir, 0o500); err != nil {
			t.Fatal(err)
		}
		if f, err := os.CreateTemp(dir, "x"); err == nil {
			f.Close()
			t.Skip("this user can write to read-only files")
		}
		var calls atomic.Int32
		var warned error
		got, err := RefreshToken(t.Context(), RefreshOptions{
			Path: path, Now: func() time.Time { return expiry }, Request: answer(&calls, grant("AT2", "RT2"), nil),
			Warn: func(err error) { warned = err },
		})
		if calls.Load() != 0 {
			t.Error("the refresh token was used")
		}
		if left == 0 && !errors.Is(err, os.ErrPermission) {
			t.Errorf("expired: %v", err)
		}
		if left > 0 && (got.AccessToken.Reveal() != "AT" || !errors.Is(warned, os.ErrPermission)) {
			t.Errorf("a minute left: %v, %v, warned %v", got, err, warned)
		}
		if err := os.Chmod(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
}

// The new token first exists only in memory, and a failed write must not lose it.
func TestRefreshRetriesFailedWrite(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows cannot remove open files")
	}
	path := file(t, cliFile)
	_, err := RefreshToken(t.Context(), RefreshOptions{
		Path: path, Now: func() time.Time { return expiry }, Warn: func(err error) { t.Error(err) },
		Request: func(context.Context, Token) (Grant, error) {
			places, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".tmp-*"))
			if err != nil || len(places) != 1 {
				t.Fatal(places, err)
			}
			return grant("AT2", "RT2"), os.Remove(places[0])
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if kept, err := ReadToken(path); err != nil || kept.RefreshToken.Reveal() != "RT2" {
		t.Errorf("the file contains %v, error %v", kept, err)
	}
}

func TestRefreshReturnsUnsavedToken(t *testing.T) {
	path := file(t, cliFile)
	var warned error
	got, err := RefreshToken(t.Context(), RefreshOptions{
		Path: path, Now: func() time.Time { return expiry }, Warn: func(err error) { warned = err },
		Request: func(context.Context, Token) (Grant, error) {
			// A directory replaces the file, so the file can be neither read nor replaced.
			return grant("AT2", "RT2"), errors.Join(os.Remove(path), os.Mkdir(path, 0o700))
		},
	})
	if err != nil || got.AccessToken.Reveal() != "AT2" {
		t.Errorf("got %v, %v", got, err)
	}
	if !errors.Is(warned, safefile.ErrNotRegular) {
		t.Errorf("warned: %v", warned)
	}
}

var errSignal = errors.New("stopped by a signal")

// callerLeavesCases are the test cases of TestRefreshCallerCanceled.
var callerLeavesCases = map[string]struct {
	leavesAfter, answersAfter time.Duration
	deadline                  bool // canceled by its deadline instead of a signal
	kept                      bool
	took                      time.Duration
}{
	"response arrives at the same time":        {leavesAfter: time.Second, answersAfter: time.Second, kept: true, took: time.Second},
	"response arrives within the grace period": {leavesAfter: time.Second, answersAfter: 1700 * time.Millisecond, kept: true, took: 1700 * time.Millisecond},
	"response arrives too late":                {leavesAfter: time.Second, answersAfter: 2 * time.Second, took: time.Second + cancelGrace},
	"response arrives just after a deadline":   {leavesAfter: time.Second, deadline: true, answersAfter: 1700 * time.Millisecond, kept: true, took: 1700 * time.Millisecond},
	"response arrives long after a deadline":   {leavesAfter: time.Second, deadline: true, answersAfter: time.Hour, took: time.Second + cancelGrace},
	"caller waits and AWS never answers":       {leavesAfter: time.Hour, answersAfter: time.Hour, took: requestTimeout},
}

// The caller is canceled during a call. The response is saved if it arrives within a
// moment, and the call is not canceled.
func TestRefreshCallerCanceled(t *testing.T) {
	signal := errSignal
	for name, c := range callerLeavesCases {
		t.Run(name, func(t *testing.T) {
			path := file(t, cliFile)
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				left := signal
				if c.deadline {
					var end context.CancelFunc
					ctx, end = context.WithTimeout(ctx, c.leavesAfter)
					defer end()
					left = context.DeadlineExceeded
				} else {
					time.AfterFunc(c.leavesAfter, func() { cancel(signal) })
				}
				start := time.Now()
				got, err := RefreshToken(ctx, RefreshOptions{
					Path: path, Now: func() time.Time { return expiry },
					Request: func(ctx context.Context, _ Token) (Grant, error) {
						select {
						case <-ctx.Done():
							return Grant{}, ctx.Err()
						case <-time.After(c.answersAfter):
							return grant("AT2", "RT2"), nil
						}
					},
				})
				if took := time.Since(start); took != c.took {
					t.Errorf("took %v", took)
				}
				if c.took == requestTimeout {
					left = context.DeadlineExceeded
				}
				disk, readErr := ReadToken(path)
				switch {
				case readErr != nil:
					t.Error(readErr)
				case c.kept && (err != nil || got.AccessToken.Reveal() != "AT2" || disk.RefreshToken.Reveal() != "RT2"):
					t.Errorf("got %v; new token in the file: %v", err, disk.RefreshToken.Reveal() == "RT2")
				case !c.kept && !errors.Is(err, left):
					t.Errorf("err = %v", err)
				}
				time.Sleep(2 * time.Hour) // virtual time: all calls and waits have ended
			})
		})
	}
}

func TestRefreshMakesNoCallAfterCancel(t *testing.T) {
	path := file(t, cliFile)
	left := errors.New("stopped by a signal")
	ctx, cancel := context.WithCancelCause(t.Context())
	var looks, calls atomic.Int32
	_, err := RefreshToken(ctx, RefreshOptions{
		Path: path, Request: answer(&calls, grant("AT2", "RT2"), nil),
		Now: func() time.Time {
			if looks.Add(1) == 2 { // by now the temporary file exists
				cancel(left)
			}
			return expiry
		},
	})
	if !errors.Is(err, left) || calls.Load() != 0 {
		t.Errorf("%v after %d calls", err, calls.Load())
	}
}
