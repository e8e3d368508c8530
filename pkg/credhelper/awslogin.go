package credhelper

import (
	"slices"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
)

// LoginSession is a session of `aws login` and its state.
type LoginSession struct {
	ARN      string   `json:"arn"` // the value of login_session
	Account  string   `json:"account,omitempty"`
	Profiles []string `json:"profiles"` // in file order
	State    State    `json:"state"`    // Live, Refreshable, Missing or Damaged
	// ExpiresAt is when the session's keys expire and are renewed. Only AWS knows when the
	// session itself ends.
	ExpiresAt *time.Time `json:"expiresAt,omitempty"`
	// Next is the sign-in command. It is empty if there is a session.
	Next []string `json:"next,omitempty"`
}

// Usable reports whether the session can provide credentials, as far as the helper can tell
// without calling AWS.
func (s LoginSession) Usable() bool { return s.State == Live || s.State == Refreshable }

// LoginSessions returns the `aws login` sessions used by profiles, in file order. It does
// not use the network. The error reports files that cannot be read.
func (h *Helper) LoginSessions() ([]LoginSession, error) {
	st, err := h.load()
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
			s.State = Damaged
		case !found:
			s.State = Missing
		case expires.After(h.now()):
			s.State, s.ExpiresAt = Live, &expires
		default:
			s.State, s.ExpiresAt = Refreshable, &expires
		}
		if !s.Usable() {
			s.Next = []string{hint.AWSLoginCommand(p.Profile)}
		}
		all = append(all, s)
	}
	return all, nil
}
