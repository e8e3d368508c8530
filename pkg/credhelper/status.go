package credhelper

import (
	"slices"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/ssotoken"
)

// SessionStatus is one SSO session of the AWS configuration and what it is worth
// now. It holds no secret.
type SessionStatus struct {
	Session
	// RefreshableUntil is when the client registration ends, the latest that the
	// token can renew itself; the session may be over before. nil: it cannot, or
	// nobody knows.
	RefreshableUntil *time.Time `json:"refreshableUntil,omitempty"`
	// Profiles are the complete SSO profiles on the session, in file order.
	Profiles []SessionProfile `json:"profiles"`
	// Next is the command that signs in, unless the session is live.
	Next []string `json:"next,omitempty"`
}

// SessionProfile is a profile on a session.
type SessionProfile struct {
	Name    string `json:"name"`
	Account string `json:"account"`
	Role    string `json:"role"`
}

// Usable reports whether the session can be asked for credentials, as far as can
// be told offline.
func (s SessionStatus) Usable() bool { return s.State == Live || s.State == Refreshable }

// Sessions returns the SSO sessions of the AWS configuration, in file order, then
// the start URLs of legacy profiles. It does not use the network. The error is
// about files that cannot be read.
func (h *Helper) Sessions() ([]SessionStatus, error) {
	st, err := h.load()
	if err != nil {
		return nil, err
	}
	var found []awsconfig.SSO // one for each session
	for _, s := range st.config.Sessions {
		found = append(found, awsconfig.SSO{Session: s.Name, StartURL: s.StartURL, SSORegion: s.Region})
	}
	profiles := map[string][]SessionProfile{} // by CacheKey
	for _, p := range st.config.Profiles {
		s, ok, err := st.config.SSO(p.Name)
		if !ok || err != nil {
			continue
		}
		key := s.CacheKey()
		profiles[key] = append(profiles[key], SessionProfile{Name: s.Profile, Account: s.Account, Role: s.Role})
		if !slices.ContainsFunc(found, func(f awsconfig.SSO) bool { return f.CacheKey() == key }) {
			found = append(found, s)
		}
	}
	all := make([]SessionStatus, len(found))
	for i, s := range found {
		all[i] = h.sessionStatus(st, s)
		all[i].Profiles = append([]SessionProfile{}, profiles[s.CacheKey()]...)
	}
	return all, nil
}

func (h *Helper) sessionStatus(st *state, s awsconfig.SSO) SessionStatus {
	req := &request{h: h, st: st, sso: s}
	// Without a home directory there is no token file, and the session is missing.
	req.tokenFile, _ = ssotoken.Path(st.home, s.CacheKey())
	out := SessionStatus{Session: *req.sessionState()}
	if !out.Usable() {
		out.Next = []string{hint.LoginCommand(s.Session, s.Profile)}
	}
	if out.Refreshable {
		if t, err := req.token(); err == nil && !t.RegistrationExpiresAt.IsZero() {
			out.RefreshableUntil = &t.RegistrationExpiresAt
		}
	}
	return out
}
