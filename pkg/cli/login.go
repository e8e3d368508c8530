package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/credhelper"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/login"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/ssotoken"
)

// loginOptions are the flags of login.
type loginOptions struct {
	target
	noBrowser, device, ifNeeded bool
}

// newLogin is `login`: what `aws sso login` does, on the same files.
func newLogin(a app) *cobra.Command {
	var o loginOptions
	cmd := &cobra.Command{
		Use:   "login",
		Short: "Sign in to an SSO session through the browser",
		Long: `Signs in to an SSO session and keeps the token where the AWS CLI does, so that
both use it. Without a flag it is the session of AWS_PROFILE or of the default
profile, or the only one that is configured.`,
		Example: "  " + name + " login --sso-session corp\n" +
			"  " + name + " login --profile prod --if-needed\n" +
			"  " + name + " login --sso-session corp --use-device-code",
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error { return signIn(cmd.Context(), a, o) },
	}
	o.target.flags(cmd)
	cmd.Flags().BoolVar(&o.noBrowser, "no-browser", false, "show the address instead of opening the browser")
	cmd.Flags().BoolVar(&o.device, "use-device-code", false, "sign in with a code, also on another device")
	cmd.Flags().BoolVar(&o.ifNeeded, "if-needed", false, "do nothing while the session is live")
	return cmd
}

func signIn(ctx context.Context, a app, o loginOptions) error {
	home, err := a.home()
	if err != nil {
		return err
	}
	config, err := a.config()
	if err != nil {
		return err
	}
	session, err := o.target.session(a, config)
	if err != nil {
		return err
	}
	if o.ifNeeded {
		helper := credhelper.New(credhelper.WithContext(ctx), credhelper.WithEnv(a.env), credhelper.WithLogger(a.log), credhelper.WithUserAgent(userAgent()))
		if until, err := helper.SessionUntil(ctx, session, o.target.connection(a, config, session)); err == nil {
			return a.answer(fmt.Appendf(nil, "Already logged into Start URL: %s until %s\n", hint.Clean(session.StartURL, 300), clock(until)))
		}
	}
	client, err := a.client(config, o.target.connection(a, config, session))
	if err != nil {
		return err
	}
	tokenFile, err := ssotoken.Path(home, cmp.Or(session.Name, session.StartURL))
	if err != nil {
		return err
	}
	in := a.signIn(client, session, tokenFile, a.screen())
	in.Config, in.Profile, in.Device, in.NoBrowser = config, o.profile, o.device, o.noBrowser
	token, err := login.Login(ctx, in)
	if err != nil {
		return err
	}
	if token.Region != session.Region {
		if err := moveSession(a, config, o, session, token.Region); err != nil {
			return err
		}
	}
	return a.answer(fmt.Appendf(nil, "Successfully logged into Start URL: %s\n", hint.Clean(session.StartURL, 300)))
}

// moveSession keeps the region that a vanity start URL led to, as the AWS CLI
// does since 2.35.13.
func moveSession(a app, config *awsconfig.Config, o loginOptions, s awsconfig.Session, to string) error {
	change := awsconfig.Change{Section: "sso-session", Name: s.Name, Keys: []awsconfig.Key{{Name: "sso_region", Value: to}}}
	if s.Name == "" {
		change.Section, change.Name = "profile", config.SignInProfile(o.profile)
	}
	if _, err := awsconfig.Edit(config.Paths.Config, change); err != nil {
		return err
	}
	return a.answer(fmt.Appendf(nil, "SSO region updated to %s\n", hint.Clean(to, 60)))
}

// target is the session that login and logout are about.
type target struct {
	profile, ssoSession string
	verb                string // login or logout
	variable            string // that selects profile, "" for none
}

func (t *target) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&t.profile, "profile", "", "the session of this profile")
	cmd.Flags().StringVar(&t.ssoSession, "sso-session", "", "this session")
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error {
		if t.profile != "" && t.ssoSession != "" {
			return usage(cmd, errors.New("--profile and --sso-session exclude each other"))
		}
		// From an unset variable: it must not become every session.
		for flag, value := range map[string]string{"profile": t.profile, "sso-session": t.ssoSession} {
			if value == "" && cmd.Flags().Changed(flag) {
				return usage(cmd, fmt.Errorf("--%s is empty", flag))
			}
		}
		t.verb = cmd.Name()
		return nil
	}
}

// named reports whether a flag says what is meant.
func (t target) named() bool { return t.profile != "" || t.ssoSession != "" }

// session finds the session that is meant.
func (t *target) session(a app, config *awsconfig.Config) (awsconfig.Session, error) {
	if t.ssoSession != "" {
		s, ok := config.Session(t.ssoSession)
		if absent := config.Absent(); !ok && absent != nil {
			return awsconfig.Session{}, absent
		}
		if !ok {
			return awsconfig.Session{}, t.unknown(fmt.Errorf("SSO session %q is not in %s", t.ssoSession, config.Paths.Config),
				hint.Command("configure", "--sso-session", t.ssoSession))
		}
		return *s, nil
	}
	if t.profile == "" {
		if t.profile = selectedProfile(a.env); t.profile != "" {
			t.variable = env.AWSProfile.Name()
			if a.env.Get(env.AWSProfile) == "" {
				t.variable = env.AWSDefaultProfile.Name()
			}
		}
	}
	if t.profile != "" {
		return t.ofProfile(config)
	}
	if s, ok, err := config.SessionOf("default"); ok && err == nil {
		t.profile = "default"
		return s, nil
	}
	return theOnlySession(config)
}

// ofProfile finds the session of a profile, or of the profile whose role it assumes.
func (t *target) ofProfile(config *awsconfig.Config) (awsconfig.Session, error) {
	configure := hint.ConfigureCommand(t.profile)
	if _, ok := config.Profile(t.profile); !ok {
		if absent := config.Absent(); absent != nil {
			return awsconfig.Session{}, absent
		}
		return awsconfig.Session{}, t.unknown(fmt.Errorf("profile %q is not in %s", t.profile, config.Paths.Config), configure)
	}
	s, ok, err := config.SessionOf(config.SignInProfile(t.profile))
	switch {
	case err != nil:
		return s, hint.With(err, configure)
	case !ok:
		return s, notSSO(config, t.profile)
	}
	return s, nil
}

// unknown is the error of a name that is not configured. It is made by configure for a
// login; a logout has other names to choose from.
func (t *target) unknown(err error, configure string) error {
	switch {
	case t.variable != "":
		return hint.With(fmt.Errorf("%s: %w", t.variable, err), hint.UnsetCommand(t.variable), configure)
	case t.verb == "logout":
		return hint.With(err, hint.StatusCommand())
	}
	return hint.With(err, configure)
}

// notSSO says why there is nothing to sign in to with a profile.
func notSSO(config *awsconfig.Config, profile string) error {
	p, _ := config.Profile(profile)
	keys := p.Keys()
	source := keys.Get("source_profile")
	_, found := config.Profile(source)
	switch {
	case keys.Get("login_session") != "":
		return hint.With(fmt.Errorf("profile %q signs in with the AWS CLI's aws login", profile), "aws login --profile "+hint.Arg(profile))
	case keys.Get("role_arn") != "" && source != "" && !found:
		return hint.With(fmt.Errorf("source profile %q of profile %q is not in %s", source, profile, config.Paths.Config),
			hint.ConfigureCommand(source))
	}
	for _, key := range []string{"role_arn", "credential_process", "aws_access_key_id", "web_identity_token_file"} {
		if keys.Get(key) != "" {
			return hint.With(fmt.Errorf("profile %q has %s and no SSO session: there is nothing to sign in to", profile, key), hint.StatusCommand())
		}
	}
	return hint.With(fmt.Errorf("profile %q is not an SSO profile", profile), hint.ConfigureCommand(profile))
}

// connection returns the profile whose endpoint and certificate settings count: the
// selected one, or else one that signs in to the session.
func (t *target) connection(a app, config *awsconfig.Config, s awsconfig.Session) string {
	return cmp.Or(t.profile, config.ConnectionProfile(s, selectedProfile(a.env)))
}

// theOnlySession is what is meant where nothing is said and nothing else fits.
func theOnlySession(config *awsconfig.Config) (awsconfig.Session, error) {
	switch len(config.Sessions) {
	case 1:
		return *config.Sessions[0], nil
	case 0:
		if absent := config.Absent(); absent != nil {
			return awsconfig.Session{}, absent
		}
		return awsconfig.Session{}, hint.With(errors.New("no SSO session is configured"), hint.ConfigureCommand(""))
	}
	var next []string
	for _, s := range config.Sessions {
		next = append(next, hint.LoginCommand(s.Name, ""))
	}
	return awsconfig.Session{}, hint.With(fmt.Errorf("%d SSO sessions are configured", len(config.Sessions)), next...)
}
