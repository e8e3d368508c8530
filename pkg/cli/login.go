package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/credhelper"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/prompt"
)

// loginOptions are the flags of login.
type loginOptions struct {
	target
	noBrowser, device, ifNeeded, noPrefetch bool
}

// newLogin is `login`. It does what `aws sso login` does, on the same files.
func newLogin(a app) *cobra.Command {
	var o loginOptions
	cmd := &cobra.Command{
		Use:   "login",
		Short: "Sign in to an SSO session through the browser",
		Long: `Signs in to an SSO session and saves the access token where the AWS CLI saves
it, so that both use it. Without a flag it is the session of AWS_PROFILE or of
the default profile, or the only configured session. login then gets the logins
of the session's registries in Docker's configuration, for at most two seconds,
and shows which of them work.`,
		Example: "  " + name + " login --sso-session corp\n" +
			"  " + name + " login --profile prod --if-needed\n" +
			"  " + name + " login --sso-session corp --use-device-code",
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error { return signIn(cmd.Context(), a, o) },
	}
	o.target.flags(cmd)
	cmd.Flags().BoolVar(&o.noBrowser, "no-browser", false, "show the URL and open no browser")
	cmd.Flags().BoolVar(&o.device, "use-device-code", false, "sign in with a code, on any device")
	cmd.Flags().BoolVar(&o.ifNeeded, "if-needed", false, "do not sign in while the session is valid")
	cmd.Flags().BoolVar(&o.noPrefetch, "no-prefetch", false, "do not get the logins of the registries")
	return cmd
}

func signIn(ctx context.Context, a app, o loginOptions) error {
	in := credhelper.SignInOptions{
		Target: credhelper.Target(o.target), IfNeeded: o.ifNeeded, DeviceCode: o.device, NoBrowser: o.noBrowser, Unattended: !prompt.Available(),
		Output: a.streams.err, Waiting: a.screen().Waiting,
	}
	signedIn, err := a.helper(ctx).SignIn(ctx, in)
	if err != nil {
		return err
	}
	startURL := hint.Clean(signedIn.StartURL, 300)
	first := fmt.Sprintf("Successfully logged into Start URL: %s\n", startURL)
	if signedIn.Renewed {
		first = fmt.Sprintf("Already logged into Start URL: %s until %s\n", startURL, clock(signedIn.ExpiresAt))
	}
	if signedIn.Moved {
		first = fmt.Sprintf("SSO region updated to %s\n", hint.Clean(signedIn.Region, 60)) + first
	}
	if err := a.answer([]byte(first)); err != nil {
		return err
	}
	return afterSignIn(ctx, a, o, signedIn)
}

// helper returns the credential helper for a command.
func (a app) helper(ctx context.Context) *credhelper.Helper {
	return credhelper.New(credhelper.WithContext(ctx), credhelper.WithEnv(a.env.List()), credhelper.WithLogger(a.log), credhelper.WithUserAgent(userAgent()))
}

// target selects the session for login and logout.
type target credhelper.Target

func (t *target) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&t.Profile, "profile", "", "use the session of this profile")
	cmd.Flags().StringVar(&t.SSOSession, "sso-session", "", "use this session")
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error {
		if t.Profile != "" && t.SSOSession != "" {
			return usage(cmd, errors.New("--profile and --sso-session can't be used together"))
		}
		// An empty value can come from an unset shell variable. It must not select
		// every session.
		for flag, value := range map[string]string{"profile": t.Profile, "sso-session": t.SSOSession} {
			if value == "" && cmd.Flags().Changed(flag) {
				return usage(cmd, fmt.Errorf("--%s is empty", flag))
			}
		}
		return nil
	}
}
