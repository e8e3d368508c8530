package login

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/clijson"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/crash"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/rolecache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/ssotoken"
)

// portalTime bounds telling the portal; a person without a network waits for it.
const portalTime = 5 * time.Second

// Portal is the SSO portal's end of a logout; *awsclient.Client is one.
type Portal interface {
	Logout(ctx context.Context, region string, token secret.Secret) error
}

// LogoutInput says of what to sign out.
type LogoutInput struct {
	Home   string            // the directory that holds .aws
	Config *awsconfig.Config // tells which role credentials belong to a session; may be nil
	// Portal returns the portal's client for a session; the settings of the session's
	// profiles say how to reach it. nil: the portal is not told.
	Portal func(awsconfig.Session) (Portal, error)

	// TokenLock names the lock file of a token file's refresh, "" for none; nil:
	// no locks.
	TokenLock func(tokenFile string) string

	// Session is a session's name, StartURL a legacy profile's start URL, as
	// configured. Both empty: everything that is SSO's.
	Session, StartURL string
}

// SignedOut is one token that was removed.
type SignedOut struct {
	File     string
	Session  string // the session's name if the configuration has it, else ""
	StartURL string
	// Portal is nil when the portal was told, or had ended the session
	// already; else the reason why it was not told.
	Portal error
}

// LogoutReport says what a logout removed. Nothing at all is a good report too.
type LogoutReport struct {
	Tokens []SignedOut
	Roles  []string // files of role credentials
}

// tokenName is how token files are named; other tools keep theirs in the same
// directory under names of their own.
var tokenName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9a-f]{40}\.json$`) })

// Logout signs out: it tells the portal, removes the token files of the session
// (or of all) and the role credentials that the AWS CLI keeps from it. Without
// a network it removes them all the same. The error names files that could not
// be removed; what is not there is no error.
func Logout(ctx context.Context, in LogoutInput) (LogoutReport, error) {
	if _, err := env.AWSFile(in.Home); err != nil {
		return LogoutReport{}, hint.With(err, "export HOME=/absolute/path")
	}
	files := in.tokenFiles()
	tokens := make([]SignedOut, len(files))
	var wg sync.WaitGroup
	for i, file := range files {
		wg.Go(crash.Guard(func() { tokens[i] = in.tell(ctx, file) }))
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
	return report, errors.Join(errs...)
}

// tell ends the session at the portal.
func (in LogoutInput) tell(ctx context.Context, file string) SignedOut {
	out := SignedOut{File: file, Session: in.sessionOf(file)}
	token, err := ssotoken.Read(file)
	if err != nil {
		out.Portal = err
		return out
	}
	out.StartURL = token.StartURL
	switch {
	case token.Region == "":
		out.Portal = errors.New("token file names no region")
	case in.Portal == nil:
		out.Portal = errors.New("not asked")
	default:
		portal, err := in.Portal(awsconfig.Session{Name: out.Session, StartURL: token.StartURL, Region: token.Region})
		if err != nil {
			out.Portal = err
			break
		}
		ctx, cancel := context.WithTimeout(ctx, portalTime)
		defer cancel()
		err = portal.Logout(ctx, token.Region, token.AccessToken)
		if fault, ok := errors.AsType[*awsclient.Fault](err); !ok || fault.Kind != awsclient.Unauthorized {
			out.Portal = err
		}
	}
	return out
}

// tokenFiles lists the files to remove: the one of the session, or all that are
// SSO tokens.
func (in LogoutInput) tokenFiles() []string {
	if key := in.key(); key != "" {
		file, err := ssotoken.Path(in.Home, key)
		if err == nil {
			_, err = os.Lstat(file)
		}
		if err != nil {
			return nil
		}
		return []string{file}
	}
	return in.filesWhere("sso", func(o clijson.Object) bool {
		url, urlErr := o.Text("startUrl")
		token, tokenErr := o.Text("accessToken")
		return urlErr == nil && tokenErr == nil && url != "" && token != ""
	})
}

// roleFiles lists the role credentials of the session's profiles, or all that
// came from SSO.
func (in LogoutInput) roleFiles() []string {
	fromSSO := in.filesWhere("cli", func(o clijson.Object) bool {
		kind, err := o.Text("ProviderType")
		return err == nil && kind == "sso"
	})
	key := in.key()
	if key == "" {
		return fromSSO
	}
	var files []string
	for _, s := range in.profiles() {
		if s.CacheKey() != key {
			continue
		}
		file, err := rolecache.Path(in.Home, rolecache.Key{Account: s.Account, Role: s.Role, Session: s.Session, StartURL: s.StartURL})
		if err == nil && slices.Contains(fromSSO, file) && !slices.Contains(files, file) {
			files = append(files, file)
		}
	}
	return files
}

func (in LogoutInput) key() string {
	return awsconfig.SSO{Session: in.Session, StartURL: in.StartURL}.CacheKey()
}

func (in LogoutInput) profiles() []awsconfig.SSO {
	if in.Config == nil {
		return nil
	}
	var all []awsconfig.SSO
	for _, p := range in.Config.Profiles {
		if s, ok, err := in.Config.SSO(p.Name); ok && err == nil {
			all = append(all, s)
		}
	}
	return all
}

// sessionOf finds the configured session whose token file this is.
func (in LogoutInput) sessionOf(file string) string {
	if in.Config != nil {
		for _, s := range in.Config.Sessions {
			if path, err := ssotoken.Path(in.Home, s.Name); err == nil && path == file {
				return s.Name
			}
		}
	}
	return in.Session
}

// filesWhere lists the files in the cache of a tool ("sso", "cli") that have the
// name of a cache file and hold a JSON object that fits.
func (in LogoutInput) filesWhere(tool string, fits func(clijson.Object) bool) []string {
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
		if !tokenName().MatchString(e.Name()) {
			continue
		}
		data, err := safefile.Read(file, 1<<20)
		if err != nil {
			continue
		}
		if o, err := clijson.Parse(data); err == nil && fits(o) {
			files = append(files, file)
		}
	}
	return files
}

// removeToken removes a token file under the lock of its refresh, if that can be
// had soon: a refresh under way would write the file anew.
func (in LogoutInput) removeToken(ctx context.Context, file string) (bool, error) {
	if in.TokenLock != nil {
		short, cancel := context.WithTimeout(ctx, keepWait)
		defer cancel()
		held, _ := ssotoken.Lock(short, file, in.TokenLock(file))
		defer held.Unlock()
	}
	return remove(file)
}

// remove reports whether the file was there and is gone.
func remove(file string) (bool, error) {
	if _, err := os.Lstat(file); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	err := safefile.Remove(file)
	return err == nil, err
}
