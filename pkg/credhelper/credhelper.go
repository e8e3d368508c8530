// Package credhelper returns logins for ECR registries. It implements get, store, erase,
// list and explain, and defines the text of their errors.
//
// It has no global state and prints nothing. It starts only programs that are configured in
// the user's files (a profile's credential_process, a keychain). All input comes from
// options, so any Go program (such as crane or ko) can embed it. Helper implements the
// interface of that name in docker-credential-helpers.
package credhelper

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/docker/docker-credential-helpers/credentials"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/profile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/settings"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/tokencache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/warmfile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

const (
	// deadline is the time limit of a call. BuildKit and the kubelet stop a helper after 60
	// s; docker has no limit.
	deadline = 30 * time.Second

	// lockWait limits the total wait for other processes. A process that holds a lock
	// longer than this is stuck (it was stopped, or the file system lost the lock). After
	// the wait, this process continues without the lock and may make a duplicate AWS call,
	// which is better than failing.
	lockWait = 12 * time.Second
)

// Helper returns logins for Amazon ECR registries. It implements credentials.Helper of
// docker-credential-helpers. A Helper is safe for concurrent use. Create one with New.
type Helper struct {
	ctx       context.Context // credentials.Helper methods have no context parameter
	env       env.Set
	settings  *Settings // nil: use the settings file
	now       func() time.Time
	transport http.RoundTripper
	log       *slog.Logger
	userAgent string
	signIn    func(context.Context, SignInRequest) error // nil: never sign in
	warn      func(error)
	client    func() string // returns the name of the calling program

	retryLimit  time.Duration // set by WithRetryLimit; 0: no retries
	webIdentity *webIdentity  // nil: use the user's credentials

	base  func() (base, error)   // readBase, once
	state func() (*state, error) // readState, once
}

var _ credentials.Helper = (*Helper)(nil)

// Option configures a Helper.
type Option func(*Helper)

// WithContext sets the context for calls that do not take one (Get, List, ...). Each call
// also has a time limit of 30 s.
func WithContext(ctx context.Context) Option { return func(h *Helper) { h.ctx = ctx } }

// WithEnv sets the environment as a list of "NAME=value", like os.Environ. It determines
// the location of the AWS files, the settings and the cache, and the credentials to use. A
// credential_process, the keychain's program and the browser are found in its PATH and get
// this environment, the last two without AWS keys and tokens. By default, the environment
// is empty and the home directory comes from the user database. The environment of the
// process has no effect.
func WithEnv(environ []string) Option { return func(h *Helper) { h.env = env.FromList(environ) } }

// Settings replaces the user's settings file. The zero value contains the defaults.
type Settings struct {
	// Profiles maps registry hosts to AWS profiles. In a host pattern, * matches any part
	// of a label, for example "*.dkr.ecr.*.amazonaws.com".
	Profiles map[string]string
	// Aliases maps other host names of a registry (a CNAME, a VPC endpoint) to the ECR
	// registry. Names match exactly, including the port if clients use one.
	Aliases map[string]string
	// Roles lists the preferred roles, for accounts with several matching profiles. The
	// first pattern that matches exactly one of the profiles selects it. * matches any
	// characters, ? matches one.
	Roles []string
	// Cache selects where logins are cached; "" means CacheFile.
	Cache Cache
	// Keychain selects the program docker-credential-NAME for CacheKeychain; "" means the
	// default of the operating system.
	Keychain string
}

// Cache is a storage type for cached logins.
type Cache string

// Values of Settings.Cache.
const (
	CacheFile     Cache = settings.CacheFile     // one file per login, readable only by the user
	CacheKeychain Cache = settings.CacheKeychain // like CacheFile, but encrypted with a key from the keychain
	CacheNone     Cache = settings.CacheNone     // logins are not cached
)

// WithSettings replaces the settings file, which the Helper then does not read. If a value
// is invalid, every call fails.
func WithSettings(s Settings) Option { return func(h *Helper) { h.settings = &s } }

// WithClock sets the clock. The default is time.Now.
func WithClock(now func() time.Time) Option { return func(h *Helper) { h.now = now } }

// WithTransport sets the transport for AWS calls. The default one uses the configured proxy
// and AWS_CA_BUNDLE, and limits responses to 1 MiB.
func WithTransport(rt http.RoundTripper) Option { return func(h *Helper) { h.transport = rt } }

// WithLogger sets the logger for steps and calls. Log lines never contain secrets. By
// default, nothing is logged.
func WithLogger(l *slog.Logger) Option { return func(h *Helper) { h.log = l } }

// WithUserAgent sets the program name that is sent with AWS calls.
func WithUserAgent(name string) Option { return func(h *Helper) { h.userAgent = name } }

// WithWarning sets a function that is called at most once, with the reason why logins are
// not cached (for example, other users can write to the cache directory, or the keychain
// does not respond), why List is empty (a file cannot be read), or why the settings file's
// mappings are ignored (other users can write to the file). The call itself still succeeds.
// By default, warnings are discarded.
func WithWarning(warn func(error)) Option { return func(h *Helper) { h.warn = warn } }

// WithClientName sets a function that returns the name of the calling program: its executable
// file, in lower case. The Helper calls it at most once per request, and only if there is
// no login. Some clients request a login for every registry in their configuration before
// they start (docs/decisions/0015). For these clients, a failed Get returns docker's "not
// found" as an *AnonymousError with the reason, and does not start a sign-in. The on_error
// setting overrides this behavior. By default, the client is unknown and receives the
// error.
func WithClientName(name func() string) Option { return func(h *Helper) { h.client = name } }

// WithSignIn allows Get to sign in the user if the SSO session is missing, expired or
// revoked. The Helper calls ask, which either calls r.SignIn or returns ErrNoUser if no
// user is present. After ErrNoUser, Get returns the session's error; it returns other
// errors from ask as they are. The Helper does not call ask
//   - for ECR Public, unless a mapping or AWS_PROFILE selects the profile,
//   - for a client that requests a login for every registry (WithClientName),
//   - if CI is set,
//   - if ECR_SSO_LOGIN or the settings file disables sign-ins.
func WithSignIn(ask func(ctx context.Context, r SignInRequest) error) Option {
	return func(h *Helper) { h.signIn = ask }
}

// Login is a login to a registry.
type Login struct {
	Username  string // "AWS"
	Password  string
	ExpiresAt time.Time
	// Stored reports whether the login was saved by `docker login` (Add).
	Stored bool
	// CacheUntil is when a caller that caches the login must call again; zero if the
	// settings disable caching. It is 10 minutes before ExpiresAt, or a random earlier time
	// with WithRetryLimit.
	CacheUntil time.Time
	// Identity is the identity that the login belongs to; zero if Stored.
	Identity Identity
}

// String describes the login without its password.
func (l Login) String() string {
	return fmt.Sprintf("login as %s by profile %q until %s", l.Username, l.Identity.Profile, l.ExpiresAt.Format(time.RFC3339))
}

// GoString returns String, so that no format verb prints the password.
func (l Login) GoString() string { return l.String() }

// New returns a Helper. It does not read files. The first call reads them, and the Helper
// keeps their contents.
func New(options ...Option) *Helper {
	h := &Helper{
		ctx:    context.Background(),
		now:    time.Now,
		log:    slog.New(slog.DiscardHandler),
		warn:   func(error) {},
		client: func() string { return "" },
	}
	for _, option := range options {
		option(h)
	}
	h.warn = onlyFirst(h.warn)
	h.base = sync.OnceValues(h.readBase)
	h.state = sync.OnceValues(h.readState)
	return h
}

// base is the state that every call needs: the settings and the login cache.
type base struct {
	home       string
	settings   settings.Settings
	cache      *tokencache.Cache
	fileStates fileStates
	skipped    []error // unreadable files that not every login needs
}

// readBase loads the settings. If that fails, it still returns the default cache, so that
// erase works even if the settings file is broken.
func (h *Helper) readBase() (base, error) {
	b := base{home: h.env.HomeDir()}
	var err error
	if h.settings != nil {
		b.settings, err = settings.Settings{
			Registries: h.settings.Profiles, Aliases: h.settings.Aliases, Roles: h.settings.Roles, Cache: string(h.settings.Cache), Keychain: h.settings.Keychain,
		}.Checked()
		b.fileStates.unsure = true
	} else {
		path := settings.Path(h.env)
		h.recordState(&b.fileStates, path)
		b.settings, err = settings.LoadFor(h.env)
		if safefile.Unreadable(err) && h.env.Get(env.SSOConfig) == "" {
			b.skip(h, err)
			b.settings, err = settings.Load("")
			b.cache = tokencache.Open("", h.now) // the unreadable settings may disable caching on disk
			return b, err
		}
	}
	if err != nil {
		err = fileError(err)
	}
	if b.settings.Ignored != nil { // depends on file modes and the working directory
		b.fileStates.unsure = true
	}
	b.cache = h.cache(b.settings)
	return b, err
}

// state is the state that a get needs: base, the AWS configuration and the AWS client.
type state struct {
	base
	config  *awsconfig.Config
	options func(profile string) awsclient.Options
	client  func() (*awsclient.Client, error) // created on first use
}

func (h *Helper) readState() (*state, error) {
	b, err := h.base()
	if err != nil {
		return nil, err
	}
	paths := awsconfig.DefaultPaths(h.env, b.home)
	if strings.ContainsAny(h.env.Get(env.AWSConfigFile)+h.env.Get(env.AWSSharedCredentialsFile), "$%") {
		b.fileStates.unsure = true // warm entries do not depend on the variables in such a path
	}
	h.recordState(&b.fileStates, paths.Config, paths.Credentials)
	config, skipped, err := awsconfig.LoadReadable(paths)
	if err != nil {
		return nil, fileError(err)
	}
	b.skip(h, skipped...)
	options := func(profile string) awsclient.Options { return h.clientOptions(b.home, config, profile) }
	client := sync.OnceValues(func() (*awsclient.Client, error) { return awsclient.New(options("")) })
	return &state{base: b, config: config, options: options, client: client}, nil
}

// clientOptions returns the client options for a profile.
func (h *Helper) clientOptions(home string, config *awsconfig.Config, profile string) awsclient.Options {
	return h.withRetries(awsclient.Options{
		Env: h.env, Home: home, Config: config, Profile: profile, Now: h.now,
		Transport: h.transport, Logger: h.log, UserAgent: h.userAgent,
	})
}

// Not every login needs the settings file and both AWS files: keys in the environment and
// web identity need none, and an SSO profile needs only the config file. For these logins,
// a file that cannot be read (in another user's home directory, or a directory created by
// `docker -v`) is skipped. For all other logins it is an error, because the file might
// select other credentials.

// skip records files that cannot be read.
func (b *base) skip(h *Helper, why ...error) {
	for _, err := range why {
		h.log.Debug("file skipped", "error", err)
	}
	b.skipped = append(slices.Clip(b.skipped), why...)
}

// choose returns the credentials for the registry and the steps that led to them. The error
// is ready to display.
func (h *Helper) choose(st *state, reg registry.Registry) (profile.Choice, []profile.Step, error) {
	if h.webIdentity != nil {
		return h.webIdentity.choice(), nil, nil
	}
	choice, err := profile.Choose(reg, h.env, st.settings, st.config)
	steps := choice.Steps
	if err != nil {
		steps, err = profile.StepsOf(err), choiceError(err, reg, st.config)
	}
	if len(st.skipped) > 0 && (err != nil || !needsNoSkippedFile(choice)) {
		err = fileError(st.skipped[0])
	}
	if err != nil && st.settings.Ignored != nil {
		err = st.settings.Ignored // the ignored mappings might have prevented the error
	}
	return choice, steps, err
}

// needsNoSkippedFile reports whether the choice does not depend on any skipped file.
func needsNoSkippedFile(choice profile.Choice) bool {
	return choice.Kind == profile.SSO || choice.Source == profile.SourceKeys || choice.Source == profile.SourceWebIdentity
}

// recordState records the state of files before they are read. A warm entry is valid while
// the files have this state. The state is reliable only if it was recorded before the read
// and if the files had not just changed. Otherwise, this get writes no warm entry.
func (h *Helper) recordState(s *fileStates, paths ...string) {
	for _, path := range paths {
		if s.unsure {
			return
		}
		file, ok := warmfile.LookSettled(path, h.now().UnixNano())
		s.files, s.unsure = append(s.files, file), !ok
	}
}

// fileStates is the recorded state of the files that determine the result of a get.
type fileStates struct {
	files  []warmfile.File
	unsure bool
}

// writeWarm writes the warm entry for a login to host.
func (h *Helper) writeWarm(st *state, from fileStates, host string, entry tokencache.Entry) {
	// Warm entries are only for Docker clients and do not depend on the working directory.
	if from.unsure || h.retryLimit > 0 || h.webIdentity != nil || st.settings.ByDirectory {
		return
	}
	environment, dir, ok := warmfile.Environment(h.env.Named)
	if !ok || filepath.Clean(dir) != filepath.Clean(h.env.CacheDir()) {
		return
	}
	if err := st.cache.PutWarm(host, entry, environment, from.files); err != nil {
		h.log.Debug("not warm", "registry", entry.Host, "error", err)
	}
}

// registry parses a server URL that names a registry or an alias from the settings. alias
// is "" for a registry. For other hosts, it returns the error of registry.Parse.
func (h *Helper) registry(serverURL string) (reg registry.Registry, alias string, err error) {
	if reg, err = registry.Parse(serverURL); err == nil {
		return reg, "", nil
	}
	if _, plain := registry.Host(serverURL); !plain { // do not read files for such a name
		return reg, "", err
	}
	b, baseErr := h.base()
	if baseErr != nil {
		return reg, "", err
	}
	return b.settings.Registry(serverURL)
}

// notRegistry returns the error of a get for a host that is not a registry: docker's "not
// found", unless the host is an ignored alias.
func notRegistry(err error) error {
	if errors.Is(err, registry.ErrNotECR) {
		return credentials.NewErrCredentialsNotFound()
	}
	return err
}
