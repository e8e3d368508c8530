// Package credhelper owns what happens between a registry's name and its login:
// the steps of get, store, erase, list and explain, in the order of the design,
// and the words of every error that a person can meet on the way.
//
// It reads no globals and prints nothing, and starts no program but those that the
// person's files name (a profile's credential_process, a keychain): what it needs
// comes in through options, so that crane, ko or any other Go program can embed
// it. It may import the floors below it (registry and hint; safefile; the file
// formats; awsclient) and the credentials package of docker-credential-helpers,
// whose Helper interface it implements (floor 4). The command calls it.
package credhelper

import (
	"context"
	"log/slog"
	"net/http"
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
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

const (
	// deadline bounds a whole call. BuildKit gives a helper 60 s, kubelet kills
	// it after 60 s, docker waits for ever.
	deadline = 30 * time.Second

	// lockWait bounds all waiting for other processes together. Whoever holds a
	// lock longer than this is stuck (stopped, or on a file system that lost the
	// lock); going on alone costs a call, waiting on costs the login.
	lockWait = 12 * time.Second
)

// Helper answers a Docker client's questions for Amazon ECR registries. It
// implements credentials.Helper of docker-credential-helpers. A Helper may be
// used by several goroutines; make one with New.
type Helper struct {
	ctx       context.Context // the interface's methods take none
	env       env.Set
	settings  *Settings // nil: the settings file's
	now       func() time.Time
	transport http.RoundTripper
	log       *slog.Logger
	userAgent string
	signIn    func(context.Context, SignInRequest) error // nil: no user is asked
	warn      func(error)
	client    func() string // the name of the program that asks
	base      func() (base, error)
	load      func() (*state, error)
}

var _ credentials.Helper = (*Helper)(nil)

// Option changes how New makes a Helper.
type Option func(*Helper)

// WithContext ends the calls that have no context of their own (Get, List, ...) when
// ctx ends. Each call has a limit of 30 s besides.
func WithContext(ctx context.Context) Option { return func(h *Helper) { h.ctx = ctx } }

// WithEnv sets the environment, as "NAME=value" like os.Environ: where the AWS files,
// the settings and the cache are, and what chooses credentials. By default it is empty,
// and the home directory comes from the user database. Only a credential_process
// inherits the environment of the process.
func WithEnv(environ []string) Option { return func(h *Helper) { h.env = env.FromList(environ) } }

// Settings take the place of the user's settings file. The zero value has the defaults.
type Settings struct {
	// Profiles maps registry hosts to AWS profiles. A pattern may have * for any part
	// of a label, such as "*.dkr.ecr.*.amazonaws.com".
	Profiles map[string]string
	// Cache is where logins are cached; "" is CacheFile.
	Cache Cache
	// Keychain selects the program docker-credential-NAME for CacheKeychain; "" is the
	// one for the operating system.
	Keychain string
}

// Cache is where logins are cached.
type Cache string

// The values of Settings.Cache.
const (
	CacheFile     Cache = settings.CacheFile     // a file that only its user can read for each login
	CacheKeychain Cache = settings.CacheKeychain // the same, encrypted with a key in the keychain
	CacheNone     Cache = settings.CacheNone     // logins are not cached
)

// WithSettings replaces the settings file, which is then not read. An invalid value is
// the error of every call.
func WithSettings(s Settings) Option { return func(h *Helper) { h.settings = &s } }

// WithClock tells the time; the default is time.Now.
func WithClock(now func() time.Time) Option { return func(h *Helper) { h.now = now } }

// WithTransport carries the calls to AWS; by default one of our own, which
// honours proxies and AWS_CA_BUNDLE and keeps every answer under 1 MiB.
func WithTransport(rt http.RoundTripper) Option { return func(h *Helper) { h.transport = rt } }

// WithLogger receives a line for each step and call, never a secret. The
// default drops them.
func WithLogger(l *slog.Logger) Option { return func(h *Helper) { h.log = l } }

// WithUserAgent names the program in calls to AWS.
func WithUserAgent(name string) Option { return func(h *Helper) { h.userAgent = name } }

// WithWarning tells, once at the most, why logins are not cached although they
// should be (a cache that others could have written to, a keychain that does not
// answer), or why a List is empty (a file that cannot be read). The answer is given
// all the same. The default drops it.
func WithWarning(warn func(error)) Option { return func(h *Helper) { h.warn = warn } }

// New makes a Helper. It reads nothing yet: files are read at the first call
// and then kept for the life of the Helper.
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
	h.warn = once(h.warn)
	h.base = sync.OnceValues(h.readBase)
	h.load = sync.OnceValues(h.read)
	return h
}

// base is what every call needs: our settings and the token cache.
type base struct {
	home     string
	settings settings.Settings
	cache    *tokencache.Cache
	looks    looks
	skipped  []error // files that cannot be read, and are needed only by some
}

// readBase loads the settings. With an error the cache is the default one, so
// that erase works beside a broken settings file.
func (h *Helper) readBase() (base, error) {
	b := base{home: h.env.HomeDir()}
	var err error
	if h.settings != nil {
		b.settings, err = settings.Settings{
			Registries: h.settings.Profiles, Cache: string(h.settings.Cache), Keychain: h.settings.Keychain,
		}.Checked()
		b.looks.unsure = true
	} else {
		path := settings.Path(h.env)
		h.look(&b.looks, path)
		b.settings, err = settings.LoadFor(h.env)
		if safefile.Unreadable(err) && h.env.Get(env.SSOConfig) == "" {
			b.skip(h, err)
			b.settings, err = settings.Load("")
			b.cache = tokencache.Open("", h.now) // the settings may want no login on the disk
			return b, err
		}
	}
	if err != nil {
		err = adviseFiles(err)
	}
	b.cache = h.cache(b.settings)
	return b, err
}

// state is all that a get needs: the AWS configuration too, and the client that
// asks AWS.
type state struct {
	base
	config  *awsconfig.Config
	options func(profile string) awsclient.Options
	client  func() (*awsclient.Client, error) // made at the first use
}

func (h *Helper) read() (*state, error) {
	b, err := h.base()
	if err != nil {
		return nil, err
	}
	paths := awsconfig.DefaultPaths(h.env, b.home)
	if strings.ContainsAny(h.env.Get(env.AWSConfigFile)+h.env.Get(env.AWSSharedCredentialsFile), "$%") {
		b.looks.unsure = true // a warm entry does not repeat the variables that such a path names
	}
	h.look(&b.looks, paths.Config, paths.Credentials)
	config, skipped, err := awsconfig.LoadReadable(paths)
	if err != nil {
		return nil, adviseFiles(err)
	}
	b.skip(h, skipped...)
	options := func(profile string) awsclient.Options { return h.clientOptions(b.home, config, profile) }
	client := sync.OnceValues(func() (*awsclient.Client, error) { return awsclient.New(options("")) })
	return &state{base: b, config: config, options: options, client: client}, nil
}

// clientOptions are those of a client with the settings of a profile.
func (h *Helper) clientOptions(home string, config *awsconfig.Config, profile string) awsclient.Options {
	return awsclient.Options{
		Env: h.env, Home: home, Config: config, Profile: profile, Now: h.now,
		Transport: h.transport, Logger: h.log, UserAgent: h.userAgent,
	}
}

// Our settings and the two AWS files are not needed by every login: keys in the
// environment, web identity, and an SSO profile for what the config file does not say.
// One that cannot be read (the home of another user, a directory that `docker -v`
// made) is skipped for these, and an error for all others: what is in it might choose
// other credentials.

// skip notes files that cannot be read.
func (b *base) skip(h *Helper, why ...error) {
	for _, err := range why {
		h.log.Debug("file skipped", "error", err)
	}
	b.skipped = append(slices.Clip(b.skipped), why...)
}

// choose returns whose credentials answer for the registry, and the steps that led
// there. The error has the person's words.
func (h *Helper) choose(st *state, reg registry.Registry) (profile.Choice, []profile.Step, error) {
	choice, err := profile.Choose(reg, h.env, st.settings, st.config)
	walk := choice.Steps
	if err != nil {
		walk, err = profile.Walk(err), adviseChoice(err, reg, st.config)
	}
	if len(st.skipped) > 0 && (err != nil || !selfSufficient(choice)) {
		err = adviseFiles(st.skipped[0])
	}
	return choice, walk, err
}

// selfSufficient reports whether a file that was skipped cannot change the choice.
func selfSufficient(choice profile.Choice) bool {
	return choice.Kind == profile.SSO || choice.Source == profile.SourceKeys || choice.Source == profile.SourceWebIdentity
}
