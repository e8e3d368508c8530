package cli

import (
	"cmp"
	"context"
	"errors"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/credhelper"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awscache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/configure"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/login"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/prompt"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/tokencache"
)

// configureOptions contains the flags of configure, one per question.
type configureOptions struct {
	profile, session, startURL, ssoRegion, scopes string
	account, role, region, output                 string
	noBrowser, device, noDocker                   bool
	all                                           allOptions
}

// newConfigure returns the command `configure`. It asks the questions of `aws configure
// sso` and also sets up Docker.
func newConfigure(a app) *cobra.Command {
	var o configureOptions
	cmd := &cobra.Command{
		Use:   "configure",
		Short: "Set up an SSO profile and Docker",
		Long: `Prompts for the same values as aws configure sso, signs in, and writes the
profile and its SSO session to the AWS configuration. Then it adds the registry
of the profile's account and region to Docker's configuration and tests a login.

Each question has a flag. If all flags are set, no terminal is needed.

With --all, it writes a profile for each account and role of the session that
does not have one yet. It adds no registries and does not change other profiles.`,
		Example: "  " + name + " configure\n" +
			"  " + name + " configure --profile prod --sso-session corp\n" +
			"  " + name + " configure --sso-session corp \\\n" +
			"      --start-url https://corp.awsapps.com/start --sso-region us-east-1 \\\n" +
			"      --account-id 123456789012 --role-name Push --region us-east-1\n" +
			"  " + name + " configure --all --sso-session corp --role Push\n" +
			"  " + name + " configure --all --name '{account_name}-{role}'",
		Args: exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.all.check(cmd.Flags().Changed); err != nil {
				return usage(cmd, err)
			}
			run := runConfigure
			if o.all.all {
				run = runConfigureAll
			}
			err := run(cmd.Context(), a, o, cmd.Flags().Changed)
			if errors.Is(err, prompt.ErrInterrupted) {
				a.printError(err)
				return exitStatus(exitSignal + int(syscall.SIGINT))
			}
			_, missing := errors.AsType[*configure.MissingAnswersError](err)
			_, wrong := errors.AsType[*configure.AnswerError](err)
			if missing || wrong {
				return usage(cmd, err)
			}
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.profile, "profile", "", "name of the profile to write")
	f.StringVar(&o.session, "sso-session", "", "name of the SSO session; empty: legacy format without a session")
	f.StringVar(&o.startURL, "start-url", "", "start URL of the AWS access portal")
	f.StringVar(&o.ssoRegion, "sso-region", "", "region of IAM Identity Center")
	f.StringVar(&o.scopes, "registration-scopes", configure.DefaultScopes, "scopes of the session, separated by commas")
	f.StringVar(&o.account, "account-id", "", "AWS account ID")
	f.StringVar(&o.role, "role-name", "", "role name in that account")
	f.StringVar(&o.region, "region", "", "default region and region of the registry")
	f.StringVar(&o.output, "output", "", "output format of the AWS CLI")
	f.BoolVar(&o.noBrowser, "no-browser", false, "print the URL instead of opening a browser")
	f.BoolVar(&o.device, "use-device-code", false, "sign in with a code, on this or another device")
	f.BoolVar(&o.noDocker, "no-docker", false, "do not change Docker's configuration")
	o.all.flags(cmd)
	return cmd
}

func runConfigure(ctx context.Context, a app, o configureOptions, given func(flag string) bool) error {
	return withConfigureInput(ctx, a, o, given, func(in configureInput) error { return configure.Run(ctx, in.Input) })
}

// withConfigureInput runs configure or configure --all with its input.
func withConfigureInput(ctx context.Context, a app, o configureOptions, given func(flag string) bool, run func(configureInput) error) error {
	if _, err := a.env.FindHome(); err != nil {
		return err
	}
	config, err := a.config()
	if err != nil {
		return err
	}
	clients := clientsOf(a, config, o)
	answer := func(flag, value string) configure.Answer { return configure.Answer{Value: value, Given: given(flag)} }
	in := configure.Input{
		Profile: answer("profile", o.profile), Session: answer("sso-session", o.session),
		StartURL: answer("start-url", o.startURL), SSORegion: answer("sso-region", o.ssoRegion),
		Scopes: answer("registration-scopes", o.scopes), Account: answer("account-id", o.account),
		Role: answer("role-name", o.role), Region: answer("region", o.region), Output: answer("output", o.output),
		Env: a.env, Config: config, NoDocker: o.noDocker, Flags: o.flags(given),
		Say:    a.note,
		SignIn: signInTo(a, config, clients, o), Resolve: resolver(clients),
		Portal: func(s awsconfig.Session) (configure.Portal, error) { return clients(s) },
		Verify: verifier(a),
	}
	// configure prints its result line by line. If a write to stdout fails, it continues
	// and returns the error at the end.
	var lost error
	in.Answer = func(line string) {
		r := a.lines()
		r.result(line)
		lost = cmp.Or(lost, a.answer(r.Bytes()))
	}
	if a.env.Get(env.CI) == "" {
		if terminal, err := prompt.Open(a.env); err == nil {
			defer func() { _ = terminal.Close() }()
			in.Ask = terminal
		}
	}
	err = run(configureInput{in, clients})
	return cmp.Or(err, lost) // lost is read after run has ended
}

// clientsOf returns a function that creates a session's client. The endpoint and
// certificate settings come from the profile that is being configured, if it exists, or
// from a profile that uses the session.
func clientsOf(a app, config *awsconfig.Config, o configureOptions) clientOf {
	made := map[string]*awsclient.Client{}
	return func(s awsconfig.Session) (*awsclient.Client, error) {
		selected, _ := a.env.Profile()
		profile := cmp.Or(o.profile, selected)
		if _, ok := config.Profile(profile); !ok {
			profile = config.ConnectionProfile(s, "")
		}
		var err error
		if made[profile] == nil {
			made[profile], err = a.client(config, profile)
		}
		return made[profile], err
	}
}

type clientOf = func(awsconfig.Session) (*awsclient.Client, error)

func signInTo(a app, config *awsconfig.Config, client clientOf, o configureOptions) func(context.Context, awsconfig.Session) (awscache.Token, error) {
	return func(ctx context.Context, s awsconfig.Session) (awscache.Token, error) {
		c, err := client(s)
		if err != nil {
			return awscache.Token{}, err
		}
		tokenFile, err := awscache.TokenPath(a.env.HomeDir(), s.CacheKey())
		if err != nil {
			return awscache.Token{}, err
		}
		in := a.signIn(c, s, tokenFile, a.screen())
		in.Config, in.Profile, in.Device, in.NoBrowser = config, o.profile, o.device, o.noBrowser
		return login.Login(ctx, in)
	}
}

// resolver follows vanity start URLs. A start URL without a redirect may belong to an
// unknown type of portal, so it is used unchanged.
func resolver(client clientOf) func(context.Context, awsconfig.Session) (configure.Resolved, error) {
	return func(ctx context.Context, s awsconfig.Session) (configure.Resolved, error) {
		c, err := client(s)
		if err != nil {
			return configure.Resolved{}, err
		}
		to, err := login.ResolveStartURL(ctx, c.Web(), s.StartURL)
		if errors.Is(err, login.ErrNoRedirect) {
			return configure.Resolved{}, nil
		}
		return configure.Resolved{Region: to.Region, Vanity: to.Vanity}, err
	}
}

// verifier gets a login the way Docker will, using the files on disk.
func verifier(a app) func(context.Context, string, string) (configure.Verified, error) {
	return func(ctx context.Context, host, profile string) (configure.Verified, error) {
		helper := a.helper(ctx)
		login, err := helper.Login(ctx, host)
		if errors.Is(err, credhelper.ErrAmbiguous) {
			return configure.Verified{}, hint.With(err, hint.MapCommand(host, profile))
		}
		if err != nil {
			return configure.Verified{}, err
		}
		id := login.Identity
		got := configure.Verified{User: login.Username, Until: login.ExpiresAt,
			Profile: id.Profile, Source: id.Source, Account: id.Account, Role: id.Role}
		if login.Stored {
			got.Source = "docker login"
		}
		return got, nil
	}
}

// config reads the AWS configuration.
func (a app) config() (*awsconfig.Config, error) {
	return awsconfig.Load(awsconfig.DefaultPaths(a.env, a.env.HomeDir()))
}

// client returns an AWS client with the endpoint and certificate settings of a profile; ""
// means the profile selected by the environment.
func (a app) client(config *awsconfig.Config, profile string) (*awsclient.Client, error) {
	return awsclient.New(awsclient.Options{
		Env: a.env, Home: a.env.HomeDir(), Config: config, Profile: profile, UserAgent: userAgent(), Logger: a.log,
	})
}

// cache returns the cache of get, for its locks and for logins to erase.
func (a app) cache() *tokencache.Cache { return tokencache.Open(a.env.CacheDir(), time.Now) }

// signIn returns the input for signing in to the session.
func (a app) signIn(client *awsclient.Client, session awsconfig.Session, tokenFile string, screen login.Screen) login.Input {
	cache := a.cache()
	return login.Input{
		Session: session, Home: a.env.HomeDir(), OIDC: client, Screen: screen,
		Browser: login.Browser{Env: a.env, Terminal: prompt.Available()}, Now: time.Now,
		HTTP: client.Web(), Logins: cache, LoginLock: cache.SignInLock(tokenFile), TokenLock: cache.TokenLock(tokenFile),
	}
}
