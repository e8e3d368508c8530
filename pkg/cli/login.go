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
	noBrowser, device, ifNeeded bool
}

// newLogin is `login`. It does what `aws sso login` does, on the same files.
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
	in := credhelper.SignInOptions{
		Target: credhelper.Target(o.target), IfNeeded: o.ifNeeded, DeviceCode: o.device, NoBrowser: o.noBrowser, Unattended: !prompt.Available(),
		Output: a.streams.err, Waiting: a.screen().Waiting,
	}
	signedIn, err := a.helper(ctx).SignIn(ctx, in)
	if err != nil {
		return err
	}
	startURL := hint.Clean(signedIn.StartURL, 300)
	if signedIn.Renewed {
		return a.answer(fmt.Appendf(nil, "Already logged into Start URL: %s until %s\n", startURL, clock(signedIn.ExpiresAt)))
	}
	if signedIn.Moved {
		if err := a.answer(fmt.Appendf(nil, "SSO region updated to %s\n", hint.Clean(signedIn.Region, 60))); err != nil {
			return err
		}
	}
	return a.answer(fmt.Appendf(nil, "Successfully logged into Start URL: %s\n", startURL))
}

// helper returns the credential helper for a command.
func (a app) helper(ctx context.Context) *credhelper.Helper {
	return credhelper.New(credhelper.WithContext(ctx), credhelper.WithEnv(a.env.List()), credhelper.WithLogger(a.log), credhelper.WithUserAgent(userAgent()))
}

// target selects the session for login and logout.
type target credhelper.Target

func (t *target) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&t.Profile, "profile", "", "the session of this profile")
	cmd.Flags().StringVar(&t.SSOSession, "sso-session", "", "this session")
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error {
		if t.Profile != "" && t.SSOSession != "" {
			return usage(cmd, errors.New("--profile and --sso-session exclude each other"))
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
