// Package credhelper owns what happens between a registry's name and its login:
// the steps of get, store, erase, list and explain, and the text of their errors.
//
// It has no global state and prints nothing. The only programs that it starts are
// those that the user's files name (a profile's credential_process, a keychain).
// All input comes through options, so that crane, ko or any other Go program can
// embed it. It may import the floors below it (registry and hint; safefile; the file
// formats; awsclient) and the credentials package of docker-credential-helpers,
// whose Helper interface it implements (floor 4). The command calls it.
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
	// deadline limits a whole call. BuildKit and kubelet stop a helper after 60 s;
	// docker has no limit.
	deadline = 30 * time.Second

	// lockWait limits the total wait for other processes. A process that holds a lock
	// for longer is stuck (stopped, or on a file system that lost the lock). Without
	// the lock this process makes one more call to AWS. If it kept waiting, it would fail.
	lockWait = 12 * time.Second
)

// Helper returns logins to Amazon ECR registries. It implements credentials.Helper of
// docker-credential-helpers. Several goroutines may use one Helper. Make one with New.
type Helper struct {
	ctx       context.Context // the methods of the interface have none
	env       env.Set
	settings  *Settings // nil: use the settings file
	now       func() time.Time
	transport http.RoundTripper
	log       *slog.Logger
	userAgent string
	signIn    func(context.Context, SignInRequest) error // nil: never sign in
	warn      func(error)
	client    func() string // the name of the calling program

	patience    time.Duration // the limit of WithPatience; 0 without it
	webIdentity *webIdentity  // nil: the user's credentials

	base func() (base, error)
	load func() (*state, error)
}

var _ credentials.Helper = (*Helper)(nil)

// Option changes how New makes a Helper.
type Option func(*Helper)

// WithContext ends the calls that have no context of their own (Get, List, ...) when
// ctx ends. Each call also has a limit of 30 s.
func WithContext(ctx context.Context) Option { return func(h *Helper) { h.ctx = ctx } }

// WithEnv sets the environment, as "NAME=value" like os.Environ. It says where the AWS
// files, the settings and the cache are, and which credentials to use. By default it is
// empty, and the home directory comes from the user database. The environment of the
// process selects no credentials; only a credential_process inherits it.
func WithEnv(environ []string) Option { return func(h *Helper) { h.env = env.FromList(environ) } }

// Settings replace the user's settings file. The zero value has the defaults.
type Settings struct {
	// Profiles maps registry hosts to AWS profiles. In a pattern, * matches any part of
	// a label, such as "*.dkr.ecr.*.amazonaws.com".
	Profiles map[string]string
	// Aliases maps other host names of registries (a CNAME, a VPC endpoint) to their ECR
	// registry. A name is exact, with a port if clients write one.
	Aliases map[string]string
	// Roles are the roles to prefer when several profiles of a registry's account match:
	// the first that leaves exactly one decides. * matches any characters, ? one.
	Roles []string
	// Cache is where logins are cached; "" is CacheFile.
	Cache Cache
	// Keychain selects the program docker-credential-NAME for CacheKeychain; "" selects
	// the one for the operating system.
	Keychain string
}

// Cache is where logins are cached.
type Cache string

// The values of Settings.Cache.
const (
	CacheFile     Cache = settings.CacheFile     // one file for each login, readable only by the user
	CacheKeychain Cache = settings.CacheKeychain // the same, encrypted with a key in the keychain
	CacheNone     Cache = settings.CacheNone     // logins are not cached
)

// WithSettings replaces the settings file, which is then not read. With an invalid value
// every call fails.
func WithSettings(s Settings) Option { return func(h *Helper) { h.settings = &s } }

// WithClock sets the function that returns the current time; the default is time.Now.
func WithClock(now func() time.Time) Option { return func(h *Helper) { h.now = now } }

// WithTransport sets the transport of the calls to AWS. The default honors proxies and
// AWS_CA_BUNDLE and limits every response to 1 MiB.
func WithTransport(rt http.RoundTripper) Option { return func(h *Helper) { h.transport = rt } }

// WithLogger sets the logger. It gets a line for each step and call, and never a secret.
// By default there is no log.
func WithLogger(l *slog.Logger) Option { return func(h *Helper) { h.log = l } }

// WithUserAgent sets the program's name in calls to AWS.
func WithUserAgent(name string) Option { return func(h *Helper) { h.userAgent = name } }

// WithWarning sets a function that is called at most once, with the reason why logins
// are not cached although they should be (other users can write to the cache directory,
// the keychain does not respond), why a List is empty (a file cannot be read), or why the
// mappings of the settings file do not count (other users can write it). The call itself
// still succeeds. By default warnings are dropped.
func WithWarning(warn func(error)) Option { return func(h *Helper) { h.warn = warn } }

// WithClient sets the function that returns the name of the calling program: its
// executable file in lower case. The Helper calls it at most once for a request, and only
// if there is no login. Some clients ask about every registry in their configuration
// before they start to work (docs/decisions/0015). They get docker's "not found" for a
// login that cannot be had, as an *AnonymousError with the reason, and a Get for them
// starts no sign-in. The setting on_error overrides this decision. By default the client
// is unknown and gets the error.
func WithClient(name func() string) Option { return func(h *Helper) { h.client = name } }

// WithSignIn lets a Get sign the user in if the SSO session is missing, expired or
// revoked. ask decides whether a user can sign in: it calls r.SignIn, or returns ErrNoUser.
// After ErrNoUser, Get returns the session's error. Any other error of ask is Get's error.
// ask is not called
//   - for ECR Public, unless a mapping or AWS_PROFILE names the profile,
//   - for a client that asks about every registry (WithClient),
//   - if CI is set,
//   - if ECR_SSO_LOGIN or the settings file says never.
func WithSignIn(ask func(ctx context.Context, r SignInRequest) error) Option {
	return func(h *Helper) { h.signIn = ask }
}

// Login is a login to a registry.
type Login struct {
	Username  string // "AWS"
	Password  string
	ExpiresAt time.Time
	// Stored reports whether `docker login` saved the login (Add).
	Stored bool
	// CacheUntil is when a caller that keeps the login has to call again; zero if the
	// settings forbid to keep logins. It is 10 minutes before ExpiresAt or, with
	// WithPatience, at a random earlier time.
	CacheUntil time.Time
	// Identity is the owner of the login's credentials; zero if Stored.
	Identity Identity
}

// String describes the login without its password.
func (l Login) String() string {
	return fmt.Sprintf("login as %s by profile %q until %s", l.Username, l.Identity.Profile, l.ExpiresAt.Format(time.RFC3339))
}

// GoString returns String, so that no format verb prints the password by accident.
func (l Login) GoString() string { return l.String() }

// New makes a Helper. It reads no file. The first call reads the files, and the Helper
// uses their contents for the rest of its life.
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
	h.load = sync.OnceValues(h.read)
	return h
}

// base is what every call needs: the settings and the login cache.
type base struct {
	home       string
	settings   settings.Settings
	cache      *tokencache.Cache
	fileStates fileStates
	skipped    []error // unreadable files that only some logins need
}

// readBase loads the settings. If it fails, it still returns the default cache, so that
// erase works with a broken settings file.
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
			b.cache = tokencache.Open("", h.now) // the unreadable settings may forbid logins on disk
			return b, err
		}
	}
	if err != nil {
		err = fileError(err)
	}
	if b.settings.Ignored != nil { // this depends on modes and on the working directory
		b.fileStates.unsure = true
	}
	b.cache = h.cache(b.settings)
	return b, err
}

// state is what a get needs: also the AWS configuration, and the client that calls AWS.
type state struct {
	base
	config  *awsconfig.Config
	options func(profile string) awsclient.Options
	client  func() (*awsclient.Client, error) // made on first use
}

func (h *Helper) read() (*state, error) {
	b, err := h.base()
	if err != nil {
		return nil, err
	}
	paths := awsconfig.DefaultPaths(h.env, b.home)
	if strings.ContainsAny(h.env.Get(env.AWSConfigFile)+h.env.Get(env.AWSSharedCredentialsFile), "$%") {
		b.fileStates.unsure = true // a warm entry does not cover the variables in such a path
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

// clientOptions returns the options of a client with the settings of a profile.
func (h *Helper) clientOptions(home string, config *awsconfig.Config, profile string) awsclient.Options {
	return h.patient(awsclient.Options{
		Env: h.env, Home: home, Config: config, Profile: profile, Now: h.now,
		Transport: h.transport, Logger: h.log, UserAgent: h.userAgent,
	})
}

// Not every login needs the settings file and the two AWS files: keys in the environment
// and web identity need none, and an SSO profile needs only the config file. For these
// logins an unreadable file (in another user's home, or a directory that `docker -v`
// made) is skipped. For all others it is an error, because the file might select other
// credentials.

// skip records files that cannot be read.
func (b *base) skip(h *Helper, why ...error) {
	for _, err := range why {
		h.log.Debug("file skipped", "error", err)
	}
	b.skipped = append(slices.Clip(b.skipped), why...)
}

// choose returns the credentials to use for the registry, and the steps that led to
// them. The error is ready to show to the user.
func (h *Helper) choose(st *state, reg registry.Registry) (profile.Choice, []profile.Step, error) {
	if h.webIdentity != nil {
		return h.webIdentity.choice(), nil, nil
	}
	choice, err := profile.Choose(reg, h.env, st.settings, st.config)
	steps := choice.Steps
	if err != nil {
		steps, err = profile.StepsOf(err), choiceError(err, reg, st.config)
	}
	if len(st.skipped) > 0 && (err != nil || !selfSufficient(choice)) {
		err = fileError(st.skipped[0])
	}
	if err != nil && st.settings.Ignored != nil {
		err = st.settings.Ignored // the mappings might have prevented the error
	}
	return choice, steps, err
}

// selfSufficient reports whether no skipped file can change the choice.
func selfSufficient(choice profile.Choice) bool {
	return choice.Kind == profile.SSO || choice.Source == profile.SourceKeys || choice.Source == profile.SourceWebIdentity
}

// recordState records the state of files before they are read. A warm entry later compares the
// files with this state. The comparison is reliable only if the state was recorded before
// the read and the files had not changed for a while. Otherwise this get writes no warm
// entry.
func (h *Helper) recordState(s *fileStates, paths ...string) {
	for _, path := range paths {
		if s.unsure {
			return
		}
		file, ok := warmfile.LookSettled(path, h.now().UnixNano())
		s.files, s.unsure = append(s.files, file), !ok
	}
}

// fileStates is the recorded state of the files that decide the result of a get.
type fileStates struct {
	files  []warmfile.File
	unsure bool
}

// writeWarm writes the warm entry for a login to host, and returns the login.
func (h *Helper) writeWarm(st *state, from fileStates, host string, entry tokencache.Entry) tokencache.Entry {
	// A warm get is for the user alone, and does not look at the working directory.
	if from.unsure || h.patience > 0 || h.webIdentity != nil || st.settings.ByDirectory {
		return entry
	}
	environment, dir, ok := warmfile.Environment(h.env.Named)
	if !ok || filepath.Clean(dir) != filepath.Clean(h.env.CacheDir()) {
		return entry
	}
	if err := st.cache.RememberFor(host, entry, environment, from.files); err != nil {
		h.log.Debug("not warm", "registry", entry.Host, "error", err)
	}
	return entry
}

// registry parses a server URL: a registry, or an alias of one in the settings. The alias is
// "" for a registry. For all other hosts the error is that of registry.Parse.
func (h *Helper) registry(serverURL string) (reg registry.Registry, alias string, err error) {
	if reg, err = registry.Parse(serverURL); err == nil {
		return reg, "", nil
	}
	if _, plain := registry.Host(serverURL); !plain { // no file is read for such a name
		return reg, "", err
	}
	b, baseErr := h.base()
	if baseErr != nil {
		return reg, "", err
	}
	return b.settings.Registry(serverURL)
}

// notRegistry returns the error of a get for a host that is not a registry: docker's "not
// found", unless the host is an alias that does not count.
func notRegistry(err error) error {
	if errors.Is(err, registry.ErrNotECR) {
		return credentials.NewErrCredentialsNotFound()
	}
	return err
}
