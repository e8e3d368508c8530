package credhelper_test

import (
	"maps"
	"testing"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/credhelper"
)

// The soak test computes the expected result of each get and the expected AWS calls from
// token lifetimes alone: tokens that are about to expire are requested again, all others
// are reused.

const (
	loginTTL = 2 * time.Hour // short, for many uncached gets per day; all other lifetimes are AWS's
	// How long before their expiry they are no longer used.
	loginMargin, roleMargin, tokenMargin = 10 * time.Minute, 15 * time.Minute, 5 * time.Minute
	// parallel is the number of concurrent gets for each registry; they share one result.
	parallel = 2
	// polls is the number of sign-in polls before the user approves.
	polls = 5
	// near is longer than a tick takes. No decision may depend on a shorter duration.
	near = 45 * time.Second
)

// session is the expected state of a sign-in.
type session struct {
	renews          bool // has refresh tokens
	registered      bool
	tokenEnds, ends time.Time // zero: signed out
	signedIn        time.Time // time of the last sign-in
}

type roleState struct{ ends time.Time }

// place is a registry and the expected state of its login.
type place struct {
	host    string
	from    int // tick of the first get
	session *session
	role    *roleState
	ends    time.Time // expiry of the login
	asked   time.Time // when its session's token was last needed
}

// weather is the state of AWS at one tick.
type weather int

const (
	fair weather = iota
	down
	portalHangs
	ecrBroken // returns 503
	ecrFloods // response too large for the client
)

type model struct {
	t       *testing.T
	now     time.Time
	weather weather
	calls   map[awstest.Op]int
	armed   map[awstest.Op]bool // operations of which one call fails and is retried
	seen    map[string]int
}

func newModel(t *testing.T) *model {
	return &model{t: t, calls: map[awstest.Op]int{}, armed: map[awstest.Op]bool{}, seen: map[string]int{}}
}

// takeCalls returns the expected calls since its last call.
func (m *model) takeCalls() map[awstest.Op]int {
	defer clear(m.calls)
	return maps.Clone(m.calls)
}

// lasts reports whether a token with this expiry is still used.
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

// get returns the result for all concurrent gets of a registry.
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
		if p.role.ends.Equal(m.now.Add(time.Hour)) { // already requested in this tick
			p.asked = m.now
		}
	default:
		m.live(p.session)
		p.asked = m.now
		if m.weather == portalHangs {
			m.calls[awstest.GetRoleCredentials] += parallel
			m.seen["portal hangs"]++
			return credhelper.ErrNetwork
		}
		m.call(awstest.GetRoleCredentials)
		p.role.ends = m.now.Add(time.Hour)
	}
	switch m.weather {
	case ecrBroken:
		m.calls[awstest.GetAuthorizationToken] += 3 * parallel // three tries each
		m.seen["ECR broken"]++
		return credhelper.ErrService
	case ecrFloods:
		m.calls[awstest.GetAuthorizationToken] += parallel
		m.seen["ECR floods"]++
		return credhelper.ErrService
	}
	m.call(awstest.GetAuthorizationToken)
	p.ends = m.now.Add(loginTTL)
	return nil
}

// replaced invalidates everything from before this tick's sign-in.
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
		m.seen["session ended, not refreshable"]++
		m.signIn(s)
	case m.lasts(s.ends, 0):
		m.call(awstest.CreateToken)
		m.seen["renewed"]++
		s.tokenEnds = m.now.Add(min(time.Hour, s.ends.Sub(m.now)))
	default:
		m.call(awstest.CreateToken) // rejected; all gets share the result
		m.seen["session ended"]++
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
