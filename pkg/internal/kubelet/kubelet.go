// Package kubelet is an image credential provider: the kubelet requests the login for an
// image's registry from it. It implements the wire format of that protocol and selects the
// credentials for a request: those of the pod's service account, or the node's.
//
// It never uses a terminal or a browser, and never writes a service account token. It is on
// layer 4 and uses credhelper, which gets the login. The command calls it.
package kubelet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"runtime"
	"sync"
	"time"

	"github.com/docker/docker-credential-helpers/credentials"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/credhelper"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
)

const (
	// Limit is the time limit of a response. The kubelet kills a provider after 60 s.
	Limit = 45 * time.Second
	// callLimit is the part of Limit available for AWS calls.
	callLimit = 42 * time.Second

	// emptyFor is how long the kubelet caches an empty response: long enough to save a call
	// for each pull, and short enough for permissions that were just added.
	emptyFor = 10 * time.Minute

	// nodeCacheDir is for root without HOME, as on a kubelet's node.
	nodeCacheDir = "/var/cache/docker-credential-ecr-sso"
)

// Options contains everything except the request that a response depends on.
type Options struct {
	Env       env.Set
	Logger    *slog.Logger
	UserAgent string
	Warn      func(error)
	Helper    []credhelper.Option // additional options, for tests
}

// NodeCacheDir returns the login directory on a node, or "" on Windows, where the kubelet's
// user has a cache directory.
func NodeCacheDir() string {
	if runtime.GOOS == "windows" {
		return ""
	}
	return nodeCacheDir
}

// CacheDir returns the environment with the directory for logins: dir or, if that is empty,
// the directory that all commands use. For root without HOME, that would be in /root, which
// may be read-only.
func CacheDir(e env.Set, dir string) env.Set {
	if dir == "" {
		if e.Get(env.SSOCacheDir) != "" || e.Get(env.Home) != "" || e.Get(env.XDGCacheHome) != "" || os.Geteuid() != 0 {
			return e
		}
		dir = nodeCacheDir
	}
	return env.FromList(append(e.List(), env.SSOCacheDir.Name()+"="+dir))
}

// Answer returns the response to a request. For a host that is not an ECR registry, and for
// a public registry without a login, the response contains no login, so that the pull
// continues anonymously.
func Answer(ctx context.Context, r Request, o Options) ([]byte, error) {
	options := []credhelper.Option{
		credhelper.WithContext(ctx), credhelper.WithEnv(o.Env.List()), credhelper.WithLogger(o.Logger),
		credhelper.WithUserAgent(o.UserAgent), credhelper.WithWarning(o.Warn), credhelper.WithRetryLimit(callLimit),
	}
	options = append(options, o.Helper...)
	identity, ok, err := r.webIdentity(o.Env)
	if err != nil {
		return nil, err
	}
	if ok {
		options = append(options, credhelper.WithWebIdentity(identity))
	}
	login, err := credhelper.New(options...).Login(ctx, r.Host())
	if err != nil {
		return r.withoutLogin(err)
	}
	keep := time.Duration(0)
	if !login.CacheUntil.IsZero() {
		keep = time.Until(login.CacheUntil)
	}
	return r.answer(map[string]auth{r.Host(): {login.Username, login.Password}}, keep)
}

// withoutLogin returns the response to a request for which there is no login, or the error.
// Temporary failures are not cached.
func (r Request) withoutLogin(err error) ([]byte, error) {
	_, public := errors.AsType[*credhelper.AnonymousError](err)
	switch {
	case public && (errors.Is(err, credhelper.ErrNetwork) || errors.Is(err, credhelper.ErrService)):
		return r.answer(map[string]auth{}, 0)
	case credentials.IsErrCredentialsNotFound(err):
		return r.answer(map[string]auth{}, emptyFor)
	}
	return nil, err
}

// roleAnnotation contains a service account's role, as in the reference provider of
// kubernetes/cloud-provider-aws.
const roleAnnotation = "eks.amazonaws.com/ecr-role-arn"

// roleARN is compiled on first use, because package initialization delays every command.
var roleARN = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^arn:aws[a-z-]*:iam::[0-9]{12}:role/[\w+=,.@/-]{1,576}$`)
})

// webIdentity returns the role of the pod's service account. ok is false if the request has
// no token or there is no role; the login is then the node's.
func (r Request) webIdentity(e env.Set) (w credhelper.WebIdentity, ok bool, err error) {
	if r.token.Empty() {
		return w, false, nil
	}
	role, source := r.annotations[roleAnnotation], "annotation "+roleAnnotation
	if role == "" {
		role, source = e.Get(env.AWSECRRoleARN), env.AWSECRRoleARN.Name()
	}
	if role == "" {
		return w, false, nil
	}
	if !roleARN().MatchString(role) {
		return w, false, fmt.Errorf("%.100q (%s) is not the ARN of a role", role, source)
	}
	return credhelper.WebIdentity{RoleARN: role, Token: r.token.Reveal()}, true, nil
}
