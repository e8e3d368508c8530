// Package kubelet is an image credential provider. The kubelet calls it to get the login
// for an image's registry. It implements the protocol's wire format and selects the
// credentials for a request, either from the pod's service account or from the node.
//
// It never uses a terminal or a browser, and never writes a service account token. It is
// on layer 4 and uses credhelper to get the login. The kubelet command calls it.
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

	// emptyFor is the time for which the kubelet caches an empty response. It is long
	// enough to avoid a call for each pull, and short enough for new permissions to take
	// effect.
	emptyFor = 10 * time.Minute

	// nodeCacheDir is the cache directory for root without HOME, which is usual on a
	// node.
	nodeCacheDir = "/var/cache/docker-credential-ecr-sso"
)

// Options contains all inputs to a response except the request.
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

// CacheDir returns the environment with the directory for logins. This is dir or, if dir
// is empty, the directory that all commands use. For root without HOME, it uses the node
// directory instead, because /root may be read-only.
func CacheDir(e env.Set, dir string) env.Set {
	if dir == "" {
		if e.Get(env.SSOCacheDir) != "" || e.Get(env.Home) != "" || e.Get(env.XDGCacheHome) != "" || os.Geteuid() != 0 {
			return e
		}
		dir = nodeCacheDir
	}
	return env.FromList(append(e.List(), env.SSOCacheDir.Name()+"="+dir))
}

// Answer returns the response to a request. For a non-ECR host, and for a public registry
// without a login, the response contains no login. The pull then continues anonymously.
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

// withoutLogin returns the response to a request without a login, or the error. The
// kubelet does not cache temporary failures.
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

// webIdentity returns the role of the pod's service account. ok is false if the request
// has no token or there is no role. In this case, the node's credentials are used.
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
