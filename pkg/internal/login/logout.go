package login

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awscache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/crash"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

// portalTimeout is the limit for the portal request. A user without a network waits this
// long.
const portalTimeout = 5 * time.Second

// Portal is the part of the SSO portal that a sign-out needs. *awsclient.Client implements
// it.
type Portal interface {
	Logout(ctx context.Context, region string, token secret.Secret) error
}

// LogoutInput selects the sessions to sign out of.
type LogoutInput struct {
	Home   string            // the directory that contains .aws
	Config *awsconfig.Config // identifies the role credentials of a session; may be nil
	// Portal returns a session's portal client with the settings of the session's profiles.
	// nil: do not end sessions at the portal.
	Portal func(awsconfig.Session) (Portal, error)

	// TokenLock returns the lock file for refreshing a token file; "": none. nil: no locks.
	TokenLock func(tokenFile string) string

	// Session is the name of a session, StartURL the configured start URL of a legacy
	// profile. If both are empty, all sessions are signed out.
	Session, StartURL string
}

// SignedOut is a removed token.
type SignedOut struct {
	File     string
	Session  string // the session's name; "" if it is not in the configuration
	StartURL string
	// PortalErr is nil if the session has ended at the portal, now or earlier. Otherwise,
	// it is the reason why that is unknown.
	PortalErr error
}

// LogoutReport lists the files that a sign-out removed. It may be empty.
type LogoutReport struct {
	Tokens []SignedOut
	Roles  []string // files with role credentials
}

// cacheFileName matches the names of the AWS CLI's cache files. Other tools have files with
// other names in the same directory.
var cacheFileName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9a-f]{40}\.json$`) })

// Logout ends one or all sessions at the portal, and removes the token files and the cached
// role credentials. Without a network, it still removes the files. The error names the
// files that could not be removed; missing files are not errors.
func Logout(ctx context.Context, in LogoutInput) (LogoutReport, error) {
	if _, err := env.AWSFile(in.Home); err != nil {
		return LogoutReport{}, hint.With(err, env.HomeCommand())
	}
	files := in.tokenFiles()
	tokens := make([]SignedOut, len(files))
	var wg sync.WaitGroup
	for i, file := range files {
		wg.Go(crash.Guard(func() { tokens[i] = in.endAtPortal(ctx, file) }))
	}
	wg.Wait()
	var report LogoutReport
	var errs []error
	for _, t := range tokens {
		removed, err := in.removeToken(ctx, t.File)
		if removed {
			report.Tokens = append(report.Tokens, t)
		}
		errs = append(errs, err)
	}
	for _, file := range in.roleFiles() {
		removed, err := remove(file)
		if removed {
			report.Roles = append(report.Roles, file)
		}
		errs = append(errs, err)
	}
	return report, oneLine(errs)
}

// oneLine joins errors like errors.Join, without repetitions and line breaks.
func oneLine(errs []error) error {
	var all error
	var texts []string
	for _, err := range errs {
		if err != nil && !slices.Contains(texts, err.Error()) {
			texts = append(texts, err.Error())
			if all == nil {
				all = err
			} else {
				all = fmt.Errorf("%w; %w", all, err)
			}
		}
	}
	return all
}

// endAtPortal ends a token file's session at the portal.
func (in LogoutInput) endAtPortal(ctx context.Context, file string) SignedOut {
	session := in.sessionOf(file)
	out := SignedOut{File: file, Session: session.Name}
	token, err := awscache.ReadToken(file)
	if err != nil {
		out.PortalErr = err
		return out
	}
	out.StartURL = token.StartURL
	session.StartURL, session.Region = token.StartURL, cmp.Or(token.Region, session.Region)
	switch {
	case session.Region == "":
		out.PortalErr = errors.New("neither the token file nor the AWS configuration has the region")
	case in.Portal == nil:
		out.PortalErr = errors.New("not called")
	default:
		portal, err := in.Portal(session)
		if err != nil {
			out.PortalErr = err
			break
		}
		ctx, cancel := context.WithTimeout(ctx, portalTimeout)
		defer cancel()
		err = portal.Logout(ctx, session.Region, token.AccessToken)
		if fault, ok := errors.AsType[*awsclient.Fault](err); !ok || fault.Kind != awsclient.Unauthorized {
			out.PortalErr = err
		}
	}
	return out
}

// tokenFiles lists the token files to remove.
func (in LogoutInput) tokenFiles() []string {
	if key := in.key(); key != "" {
		file, err := awscache.TokenPath(in.Home, key)
		if err == nil {
			_, err = os.Lstat(file)
		}
		if err != nil {
			return nil
		}
		return []string{file}
	}
	return in.cacheFiles("sso", func(o awscache.Object) bool {
		url, urlErr := o.Text("startUrl")
		token, tokenErr := o.Text("accessToken")
		return urlErr == nil && tokenErr == nil && url != "" && token != ""
	})
}

// roleFiles lists the files with role credentials of the session's profiles, or all that
// came from SSO.
func (in LogoutInput) roleFiles() []string {
	fromSSO := in.cacheFiles("cli", func(o awscache.Object) bool {
		kind, err := o.Text("ProviderType")
		return err == nil && kind == "sso"
	})
	key := in.key()
	if key == "" {
		return fromSSO
	}
	var files []string
	for _, sso := range in.profiles() {
		if sso.CacheKey() != key {
			continue
		}
		file, err := awscache.RolePath(in.Home, awscache.RoleKey{Account: sso.Account, Role: sso.Role, Session: sso.Session, StartURL: sso.StartURL})
		if err == nil && slices.Contains(fromSSO, file) && !slices.Contains(files, file) {
			files = append(files, file)
		}
	}
	return files
}

func (in LogoutInput) key() string {
	return awsconfig.Session{Name: in.Session, StartURL: in.StartURL}.CacheKey()
}

func (in LogoutInput) profiles() []awsconfig.SSO {
	if in.Config == nil {
		return nil
	}
	all, _ := in.Config.SSOProfiles()
	return all
}

// sessionOf returns the configured session that has this token file, or else the selected
// name.
func (in LogoutInput) sessionOf(file string) awsconfig.Session {
	if in.Config != nil {
		for _, session := range in.Config.Sessions {
			if in.isTokenOf(*session, file) {
				return *session
			}
		}
		for _, p := range in.Config.Profiles { // legacy profiles
			if session, ok, err := in.Config.SessionOf(p.Name); ok && err == nil && in.isTokenOf(session, file) {
				return session
			}
		}
	}
	return awsconfig.Session{Name: in.Session}
}

func (in LogoutInput) isTokenOf(session awsconfig.Session, file string) bool {
	path, err := awscache.TokenPath(in.Home, session.CacheKey())
	return err == nil && path == file
}

// cacheFiles lists the cache files of a tool ("sso", "cli") with a JSON object that fits
// accepts.
func (in LogoutInput) cacheFiles(tool string, fits func(awscache.Object) bool) []string {
	dir, err := env.AWSFile(in.Home, tool, "cache")
	if err != nil {
		return nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var files []string
	for _, e := range entries {
		file := filepath.Join(dir, e.Name())
		if !cacheFileName().MatchString(e.Name()) {
			continue
		}
		data, err := safefile.Read(file, 1<<20)
		if err != nil {
			continue
		}
		if o, err := awscache.ParseObject(data); err == nil && fits(o) {
			files = append(files, file)
		}
	}
	return files
}

// removeToken removes a token file with its refresh lock, if that is available soon: a
// refresh in progress would write the file again.
func (in LogoutInput) removeToken(ctx context.Context, file string) (bool, error) {
	if in.TokenLock != nil {
		short, cancel := context.WithTimeout(ctx, tokenLockTimeout)
		defer cancel()
		held, _ := awscache.LockToken(short, file, in.TokenLock(file))
		defer held.Unlock()
	}
	return remove(file)
}

// remove reports whether it removed the file. A missing file is not an error.
func remove(file string) (bool, error) {
	if _, err := os.Lstat(file); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	err := safefile.Remove(file)
	return err == nil, err
}
