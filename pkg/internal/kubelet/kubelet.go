// Package kubelet is an image credential provider. The kubelet calls it to get the login
// for an image's registry. It implements the protocol's wire format and selects the
// credentials for a request, either from the pod's service account or from the node.
//
// It never uses a terminal or a browser, and never writes a service account token. It uses
// credhelper to get the login. The kubelet command calls it.
package kubelet

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/docker/docker-credential-helpers/credentials"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/credhelper"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
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

// The wire format is defined in k8s.io/kubelet/pkg/apis/credentialprovider. Those
// packages would add 2 MB to the program, so this package defines its own structs.
// .ci/kubelet compares them with the originals.
// https://kubernetes.io/docs/reference/config-api/kubelet-credentialprovider.v1/

const (
	requestKind  = "CredentialProviderRequest"
	responseKind = "CredentialProviderResponse"
	group        = "credentialprovider.kubelet.k8s.io/"
)

// versions are the API versions. A response has the version of its request.
var versions = []string{group + "v1", group + "v1beta1", group + "v1alpha1"}

// Request is a CredentialProviderRequest.
type Request struct {
	apiVersion  string
	image       string            // the image name from the kubelet, without a tag in recent versions
	token       secret.Secret     // the pod's service account token; may be empty
	annotations map[string]string // service account annotations requested in the configuration
}

// IsRequest reports whether data looks like a CredentialProviderRequest, for programs that
// expect other input.
func IsRequest(data []byte) bool {
	return bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) && bytes.Contains(data, []byte(requestKind))
}

// Parse parses a request. Like the kubelet's strict decoder, it requires names to match
// exactly and be unique. Unknown names are ignored, because newer kubelets may send more.
// The error contains no values from the request, which may be secrets.
func Parse(data []byte) (Request, error) {
	fields, err := object(data)
	if err != nil {
		return Request{}, fmt.Errorf("stdin is not a %s: %w", requestKind, err)
	}
	var r Request
	var kind, token string
	for _, field := range []struct {
		name  string
		value any
	}{
		{"kind", &kind}, {"apiVersion", &r.apiVersion}, {"image", &r.image},
		{"serviceAccountToken", &token}, {"serviceAccountAnnotations", &r.annotations},
	} {
		raw, ok := fields[field.name]
		if ok && json.Unmarshal(raw, field.value) != nil {
			return Request{}, fmt.Errorf("stdin is not a %s: %s has the wrong type", requestKind, field.name)
		}
	}
	r.token = secret.New(token)
	switch {
	case kind != requestKind:
		return Request{}, fmt.Errorf("stdin is not a %s: its kind is %.60q", requestKind, kind)
	case !slices.Contains(versions, r.apiVersion):
		return Request{}, fmt.Errorf("apiVersion %.80q is not one of %s", r.apiVersion, strings.Join(versions, ", "))
	case r.image == "":
		return Request{}, errors.New("the request names no image")
	}
	return r, nil
}

var (
	errNotObject = errors.New("it is not one JSON object")
	errTwice     = errors.New("a field occurs twice")
)

// object splits a JSON object into its fields.
func object(data []byte) (map[string]json.RawMessage, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, errNotObject
	}
	fields := map[string]json.RawMessage{}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, errNotObject
		}
		var value json.RawMessage
		if dec.Decode(&value) != nil {
			return nil, errNotObject
		}
		if _, twice := fields[name.(string)]; twice {
			return nil, errTwice
		}
		fields[name.(string)] = value
	}
	if _, err := dec.Token(); err != nil {
		return nil, errNotObject
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errNotObject
	}
	return fields, nil
}

// Host returns the registry in the image name. It returns "" if the name contains a
// character that is invalid in image names. It rejects a line break in the path as well
// as in the host.
// https://github.com/distribution/reference/blob/main/reference.go
func (r Request) Host() string {
	if strings.ContainsFunc(r.image, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("-_.:/@+", c))
	}) {
		return ""
	}
	host, _, _ := strings.Cut(strings.TrimPrefix(r.image, "https://"), "/")
	return host
}

// response is a CredentialProviderResponse.
type response struct {
	Kind          string          `json:"kind"`
	APIVersion    string          `json:"apiVersion"`
	CacheKeyType  string          `json:"cacheKeyType"`
	CacheDuration string          `json:"cacheDuration"`
	Auth          map[string]auth `json:"auth"`
}

type auth struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

// answer encodes a response. The kubelet caches it for the duration keep, for all images
// in the registry. If keep is 0, it does not cache the response.
func (r Request) answer(logins map[string]auth, keep time.Duration) ([]byte, error) {
	out, err := json.Marshal(response{
		Kind: responseKind, APIVersion: r.apiVersion, CacheKeyType: "Registry",
		CacheDuration: max(0, keep).Truncate(time.Second).String(), Auth: logins,
	})
	return append(out, '\n'), err
}
