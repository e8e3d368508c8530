package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/login"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/tokencache"
)

// newLogout is `logout`: what `aws sso logout` does, but for one session when
// one is named, also without a network, and never to other tools' files.
func newLogout(a app) *cobra.Command {
	var t target
	cmd := &cobra.Command{
		Use:   "logout",
		Short: "Sign out of one SSO session, or of all",
		Long: `Tells the portal, and removes the session's token, the role credentials that the
AWS CLI keeps from it, and our ECR logins. Without a flag: of every session.
Nothing to remove is no error.`,
		Example: "  " + name + " logout\n  " + name + " logout --sso-session corp",
		Args:    exactly(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return signOut(cmd.Context(), a, t) },
	}
	t.flags(cmd)
	return cmd
}

func signOut(ctx context.Context, a app, t target) error {
	home, err := a.home()
	if err != nil {
		return err
	}
	config, err := a.config()
	if err != nil {
		return err
	}
	in := login.LogoutInput{Home: home, Config: config,
		Portal: func(s awsconfig.Session) (login.Portal, error) { return a.client(config, t.connection(a, config, s)) },
		TokenLock: func(tokenFile string) string {
			_, lock := a.locks(tokenFile)
			return lock
		}}
	if t.named() {
		s, err := t.session(a, config)
		if err != nil {
			return err
		}
		if in.Session = s.Name; s.Name == "" {
			in.StartURL = s.StartURL
		}
	}
	report, err := login.Logout(ctx, in)
	// The ECR logins that came from them answer nobody any more; this is about
	// what lies on the disk.
	tokencache.Open(a.env.CacheDir(), time.Now).EraseSessions()
	for _, dir := range []string{"sso", "cli"} { // and what killed processes left
		if cache, err := env.AWSFile(home, dir, "cache"); err == nil {
			safefile.Sweep(cache, time.Now().Add(-time.Minute))
		}
	}
	if said := a.answer([]byte(logoutText(report))); err == nil {
		err = said
	}
	return err
}

func logoutText(report login.LogoutReport) string {
	var b strings.Builder
	for _, t := range report.Tokens {
		what := t.StartURL
		if t.Session != "" {
			what = fmt.Sprintf("session %q, %s", t.Session, t.StartURL)
		}
		fmt.Fprintf(&b, "Signed out of %s\n", hint.Clean(what, 300))
		if t.Portal != nil {
			fmt.Fprintf(&b, "  the portal was not told: %s\n", hint.Clean(t.Portal.Error(), 300))
		}
	}
	return b.String()
}
