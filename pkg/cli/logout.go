package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/credhelper"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/doctor"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
)

// newLogout returns the command `logout`. Unlike `aws sso logout`, it can sign out of a
// single session and works offline. It does not remove other tools' files from the AWS CLI
// caches.
func newLogout(a app) *cobra.Command {
	var t target
	cmd := &cobra.Command{
		Use:   "logout",
		Short: "Sign out of one or all SSO sessions",
		Long: `Notifies AWS and removes the session's access token, its role credentials in the
AWS CLI's cache, and the cached ECR logins. Without flags, it signs out of all
sessions. It is not an error if no session is signed in. It does not remove
logins saved by docker login; use docker logout for these.`,
		Example: "  " + name + " logout\n  " + name + " logout --sso-session corp",
		Args:    exactArgs(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return signOut(cmd.Context(), a, t) },
	}
	t.flags(cmd)
	return cmd
}

func signOut(ctx context.Context, a app, t target) error {
	sessions, err := a.helper(ctx).SignOut(ctx, credhelper.Target(t))
	r := a.lines()
	switch {
	case len(sessions) > 0:
		r.signedOut(sessions)
	case err == nil && t.SSOSession != "":
		r.line("", "SSO session %q is not signed in", t.SSOSession)
	case err == nil && t.Profile != "":
		r.line("", "The SSO session of profile %q is not signed in", t.Profile)
	case err == nil:
		r.line("", "No SSO session is signed in")
	}
	if err == nil {
		r.stored(a.helper(ctx), time.Now())
	}
	if outErr := a.answer(r.Bytes()); err == nil {
		err = outErr
	}
	return err
}

func (r *report) signedOut(sessions []credhelper.SignedOut) {
	for _, s := range sessions {
		name := s.StartURL
		if s.Session != "" {
			name = fmt.Sprintf("session %q, %s", s.Session, s.StartURL)
		}
		r.line("", "Signed out of %s", name)
		if s.PortalErr != nil {
			r.line(step, "could not notify AWS: %v", s.PortalErr)
		}
	}
}

// stored lists the logins saved by `docker login`, which do not belong to a session.
func (r *report) stored(helper *credhelper.Helper, now time.Time) {
	hosts, err := helper.CachedRegistries()
	if err != nil {
		return // signing out does not depend on these files
	}
	for _, host := range hosts {
		if x, err := helper.Explain(host); err == nil && x.Stored != nil {
			r.line("", "docker login saved a login for %s, which expires %s", host, doctor.In(*x.Stored, now))
			r.next(step, []string{hint.LogoutCommand("docker", host)})
		}
	}
}
