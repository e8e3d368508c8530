package credhelper

import (
	"errors"
	"slices"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awscache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
)

// State is the state of an SSO session.
type State string

// Session states.
const (
	StateLive        State = "live"        // the token is valid
	StateRefreshable State = "refreshable" // the token expired but can be refreshed without a sign-in
	StateExpired     State = "expired"     // a sign-in is needed
	StateMissing     State = "missing"     // there is no token: a sign-in is needed
	StateDamaged     State = "damaged"     // the token file cannot be read
	StateBusy        State = "busy"        // another program has the token file open (Windows)
)

// Session is the SSO session of an identity.
type Session struct {
	Name        string     `json:"name,omitempty"` // empty for a legacy profile
	StartURL    string     `json:"startUrl"`
	Region      string     `json:"region"`
	State       State      `json:"state"`
	ExpiresAt   *time.Time `json:"expiresAt,omitempty"`
	Refreshable bool       `json:"refreshable"`
}

// SessionStatus is an SSO session in the AWS configuration and its current state. It
// contains no secrets.
type SessionStatus struct {
	Session
	// RefreshableUntil is when the client registration expires. After that, the token
	// cannot be refreshed. The session may end earlier. It is nil if the token cannot be
	// refreshed or the time is unknown.
	RefreshableUntil *time.Time `json:"refreshableUntil,omitempty"`
	// Profiles lists the session's complete SSO profiles in file order.
	Profiles []SessionProfile `json:"profiles"`
	// Next is the sign-in command. It is empty if the session is live.
	Next []string `json:"next,omitempty"`
}

// SessionProfile is a profile of a session.
type SessionProfile struct {
	Name    string `json:"name"`
	Account string `json:"account"`
	Role    string `json:"role"`
}

// Usable reports whether the session can provide credentials, as far as the helper can tell
// without calling AWS.
func (s SessionStatus) Usable() bool { return s.State == StateLive || s.State == StateRefreshable }

// Sessions returns the SSO sessions in the AWS configuration in file order, followed by the
// start URLs of legacy profiles. It does not use the network. The error reports files that
// cannot be read.
func (h *Helper) Sessions() ([]SessionStatus, error) {
	st, err := h.state()
	if err != nil {
		return nil, err
	}
	var found []awsconfig.SSO // one per session
	for _, session := range st.config.Sessions {
		found = append(found, awsconfig.SSO{Session: session.Name, StartURL: session.StartURL, SSORegion: session.Region})
	}
	profiles := map[string][]SessionProfile{} // by CacheKey
	complete, _ := st.config.SSOProfiles()
	for _, s := range complete {
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

func (h *Helper) sessionStatus(st *state, sso awsconfig.SSO) SessionStatus {
	req := &request{h: h, st: st, sso: sso}
	// Without a home directory, there is no token file, so the session is missing.
	req.tokenFile, _ = awscache.TokenPath(st.home, sso.CacheKey())
	out := SessionStatus{Session: *req.sessionState()}
	if !out.Usable() {
		out.Next = []string{hint.LoginCommand(sso.Session, sso.Profile)}
	}
	if out.Refreshable {
		if token, err := req.token(); err == nil && !token.RegistrationExpiresAt.IsZero() {
			out.RefreshableUntil = &token.RegistrationExpiresAt
		}
	}
	return out
}

// sessionState reads the state of the identity's session from its token file.
func (r *request) sessionState() *Session {
	s := &Session{Name: r.sso.Session, StartURL: r.sso.StartURL, Region: r.sso.SSORegion}
	token, err := r.token()
	now := r.h.now()
	switch {
	case errors.Is(err, awscache.ErrMissing), errors.Is(err, awscache.ErrOtherStartURL):
		s.State = StateMissing
		return s
	case safefile.Busy(err):
		s.State = StateBusy
		return s
	case err != nil:
		s.State = StateDamaged
		return s
	case token.Live(now):
		s.State = StateLive
	case token.Refreshable(now):
		s.State = StateRefreshable
	default:
		s.State = StateExpired
	}
	s.ExpiresAt, s.Refreshable = &token.ExpiresAt, token.Refreshable(now)
	return s
}

// token reads the session's token.
func (r *request) token() (awscache.Token, error) {
	return awscache.ReadTokenFor(r.tokenFile, r.sso.StartURL)
}

// LoginSession is a session of `aws login` and its state.
type LoginSession struct {
	ARN      string   `json:"arn"` // the value of login_session
	Account  string   `json:"account,omitempty"`
	Profiles []string `json:"profiles"` // in file order
	State    State    `json:"state"`    // live, refreshable, missing or damaged
	// ExpiresAt is when the session's keys expire and are renewed. Only AWS knows when the
	// session itself ends.
	ExpiresAt *time.Time `json:"expiresAt,omitempty"`
	// Next is the sign-in command. It is empty if there is a session.
	Next []string `json:"next,omitempty"`
}

// Usable reports whether the session can provide credentials, as far as the helper can tell
// without calling AWS.
func (s LoginSession) Usable() bool { return s.State == StateLive || s.State == StateRefreshable }

// LoginSessions returns the `aws login` sessions used by profiles, in file order. It does
// not use the network. The error reports files that cannot be read.
func (h *Helper) LoginSessions() ([]LoginSession, error) {
	st, err := h.state()
	if err != nil {
		return nil, err
	}
	var all []LoginSession
	for _, p := range st.config.LoginProfiles() {
		if i := slices.IndexFunc(all, func(s LoginSession) bool { return s.ARN == p.Session }); i >= 0 {
			all[i].Profiles = append(all[i].Profiles, p.Profile)
			continue
		}
		s := LoginSession{ARN: p.Session, Account: p.Account, Profiles: []string{p.Profile}}
		switch expires, found, err := awsclient.LoginExpiry(awsclient.LoginFile(st.options(p.Profile), p.Session)); {
		case err != nil:
			s.State = StateDamaged
		case !found:
			s.State = StateMissing
		case expires.After(h.now()):
			s.State, s.ExpiresAt = StateLive, &expires
		default:
			s.State, s.ExpiresAt = StateRefreshable, &expires
		}
		if !s.Usable() {
			s.Next = []string{hint.AWSLoginCommand(p.Profile)}
		}
		all = append(all, s)
	}
	return all, nil
}
