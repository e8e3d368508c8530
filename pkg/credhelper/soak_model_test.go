package credhelper_test

import (
	"maps"
	"testing"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/credhelper"
)

// The soak computes the expected results of each get, and the calls to AWS, from token
// lifetimes alone: what is about to expire is requested again, and everything else is
// reused.

const (
	loginTTL = 2 * time.Hour // short, for many uncached gets a day; AWS's lifetimes otherwise
	// How long before its expiry each of them is no longer used.
	loginMargin, roleMargin, tokenMargin = 10 * time.Minute, 15 * time.Minute, 5 * time.Minute
	// askers is the number of gets that request each registry at once; they share one result.
	askers = 2
	// polls is the number of polls of a sign-in before the user approves it.
	polls = 5
	// near is longer than a tick takes. No decision may depend on a shorter time.
	near = 45 * time.Second
)

// session is the expected state of a sign-in.
type session struct {
	renews          bool // has refresh tokens
	registered      bool
	tokenEnds, ends time.Time // zero: signed out
	signedIn        time.Time // when the last sign-in was
}

type roleState struct{ ends time.Time }

// place is a registry and the expected state of its login.
type place struct {
	host    string
	from    int // the tick of its first get
	session *session
	role    *roleState
	ends    time.Time // of the login
	asked   time.Time // when the token of its session was last needed
}

// weather is the state of AWS at one tick.
type weather int

const (
	fair weather = iota
	down
	portalHangs
	ecrBroken // answers 503
	ecrFloods // responds with more than the client reads
)

type model struct {
	t       *testing.T
	now     time.Time
	weather weather
	calls   map[awstest.Op]int
	armed   map[awstest.Op]bool // one call of these fails and is retried
	seen    map[string]int
}

func newModel(t *testing.T) *model {
	return &model{t: t, calls: map[awstest.Op]int{}, armed: map[awstest.Op]bool{}, seen: map[string]int{}}
}

// takeCalls returns the calls expected since the last time.
func (m *model) takeCalls() map[awstest.Op]int {
	defer clear(m.calls)
	return maps.Clone(m.calls)
}

// lasts reports whether a token with that expiry is still used.
func (m *model) lasts(ends time.Time, margin time.Duration) bool {
	if ends.IsZero() {
		return false
	}
	left := ends.Sub(m.now) - margin
	if left.Abs() < near {
		m.t.Fatalf("the schedule never reaches %v", left)
	}
	return left > 0
}

func (m *model) call(op awstest.Op) {
	m.calls[op]++
	if m.armed[op] {
		m.calls[op]++
		m.armed[op] = false
		m.seen["a call made again: "+string(op)]++
	}
}

// get is the result that all askers of a registry get.
func (m *model) get(p *place) error {
	switch {
	case m.lasts(p.ends, loginMargin):
		m.seen["warm"]++
		return nil
	case m.weather == down:
		m.seen["outage"]++
		return credhelper.ErrNetwork
	case m.lasts(p.role.ends, roleMargin):
		m.seen["role kept"]++
		if p.role.ends.Equal(m.now.Add(time.Hour)) { // requested by another place in this tick
			p.asked = m.now
		}
	default:
		m.live(p.session)
		p.asked = m.now
		if m.weather == portalHangs {
			m.calls[awstest.GetRoleCredentials] += askers
			m.seen["portal hangs"]++
			return credhelper.ErrNetwork
		}
		m.call(awstest.GetRoleCredentials)
		p.role.ends = m.now.Add(time.Hour)
	}
	switch m.weather {
	case ecrBroken:
		m.calls[awstest.GetAuthorizationToken] += 3 * askers // each tries three times
		m.seen["ECR broken"]++
		return credhelper.ErrService
	case ecrFloods:
		m.calls[awstest.GetAuthorizationToken] += askers
		m.seen["ECR floods"]++
		return credhelper.ErrService
	}
	m.call(awstest.GetAuthorizationToken)
	p.ends = m.now.Add(loginTTL)
	return nil
}

// replaced ends everything from before the sign-in of this tick.
func (m *model) replaced(places []*place) {
	for _, p := range places {
		if !p.session.signedIn.Equal(m.now) {
			continue
		}
		if !p.asked.Equal(m.now) {
			p.ends = time.Time{}
		}
		if !p.role.ends.Equal(m.now.Add(time.Hour)) {
			p.role.ends = time.Time{}
		}
	}
}

// live updates a session whose token the portal needs.
func (m *model) live(s *session) {
	margin := time.Duration(0)
	if s.renews {
		margin = tokenMargin
	}
	switch {
	case s.tokenEnds.IsZero():
		m.seen["signed out"]++
		m.signIn(s)
	case m.lasts(s.tokenEnds, margin):
	case !s.renews:
		m.seen["session over, not renewable"]++
		m.signIn(s)
	case m.lasts(s.ends, 0):
		m.call(awstest.CreateToken)
		m.seen["renewed"]++
		s.tokenEnds = m.now.Add(min(time.Hour, s.ends.Sub(m.now)))
	default:
		m.call(awstest.CreateToken) // refused; the askers share the result
		m.seen["session over"]++
		m.signIn(s)
	}
}

func (m *model) signIn(s *session) {
	if !s.registered {
		m.call(awstest.RegisterClient)
		s.registered = true
	}
	m.call(awstest.StartDeviceAuthorization)
	m.calls[awstest.CreateToken] += polls // a failed poll counts too
	m.armed[awstest.CreateToken] = false
	s.ends, s.signedIn = m.now.Add(8*time.Hour), m.now
	s.tokenEnds = s.ends
	if s.renews {
		s.tokenEnds = m.now.Add(time.Hour)
	}
}
