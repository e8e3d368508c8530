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

// newLogout is `logout`. Unlike `aws sso logout`, it can sign out of a single session
// and works without a network. In the AWS CLI's caches, it leaves files of other tools
// alone.
func newLogout(a app) *cobra.Command {
	var t target
	cmd := &cobra.Command{
		Use:   "logout",
		Short: "Sign out of one SSO session, or of all of them",
		Long: `Notifies AWS, and removes the access token of the session, the role credentials
that the AWS CLI cached from it, and the cached ECR logins. Without a flag, it
signs out of every session. It is not an error if no session is signed in.
Logins that docker login saved stay until docker logout.`,
		Example: "  " + name + " logout\n  " + name + " logout --sso-session corp",
		Args:    exactly(),
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

// stored lists the logins that `docker login` saved. They belong to no session.
func (r *report) stored(helper *credhelper.Helper, now time.Time) {
	hosts, err := helper.CachedRegistries()
	if err != nil {
		return // the sign-out does not depend on these files
	}
	for _, host := range hosts {
		if x, err := helper.Explain(host); err == nil && x.Stored != nil {
			r.line("", "docker login saved a login for %s, which expires %s", host, doctor.In(*x.Stored, now))
			r.next(step, []string{hint.LogoutCommand("docker", host)})
		}
	}
}
