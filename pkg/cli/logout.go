package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/credhelper"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
)

// newLogout is `logout`. Unlike `aws sso logout`, it can sign out of a single session
// and works without a network. In the AWS CLI's caches, it leaves files of other tools
// alone.
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
	sessions, err := a.helper(ctx).SignOut(ctx, credhelper.Target(t))
	if outErr := a.answer([]byte(logoutText(sessions))); err == nil {
		err = outErr
	}
	return err
}

func logoutText(sessions []credhelper.SignedOut) string {
	var b strings.Builder
	for _, s := range sessions {
		name := s.StartURL
		if s.Session != "" {
			name = fmt.Sprintf("session %q, %s", s.Session, s.StartURL)
		}
		fmt.Fprintf(&b, "Signed out of %s\n", hint.Clean(name, 300))
		if s.Portal != nil {
			fmt.Fprintf(&b, "  the portal was not told: %s\n", hint.Clean(s.Portal.Error(), 300))
		}
	}
	return b.String()
}
