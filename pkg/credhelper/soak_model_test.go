package credhelper_test

import (
	"maps"
	"testing"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/credhelper"
)

// What the soak expects of each get, and of AWS, worked out from the lives of tokens
// alone: whose end is near enough asks for another one, and everything else is kept.

const (
	loginLife = 2 * time.Hour // short, so that a day has many cold gets; the rest live as long as AWS's
	// How long before its end something is no longer used.
	loginMargin, roleMargin, tokenMargin = 10 * time.Minute, 15 * time.Minute, 5 * time.Minute
	// askers want each registry at once: one answer for all of them.
	askers = 2
	// polls is how often a sign-in asks until the person has agreed.
	polls = 5
	// near is what a tick may take: no decision may hang on so little.
	near = 45 * time.Second
)

// session is what is known of a sign-in.
type session struct {
	renews          bool // has refresh tokens
	registered      bool
	tokenEnds, ends time.Time // zero: signed out
	signedIn        time.Time // when the last sign-in was
}

type roleLife struct{ ends time.Time }

// place is a registry, and what is known of its login.
type place struct {
	host    string
	from    int // the tick of its first get
	session *session
	role    *roleLife
	ends    time.Time // of the login
	asked   time.Time // when its session's token was last needed
}

// weather is what AWS is like at one tick.
type weather int

const (
	fair weather = iota
	down
	portalHangs
	ecrBroken // answers 503
	ecrFloods // answers more than anybody reads
)

type model struct {
	t       *testing.T
	now     time.Time
	weather weather
	calls   map[awstest.Op]int
	armed   map[awstest.Op]bool // one call of these fails, and is made again
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

// lasts tells whether what ends then is still used.
func (m *model) lasts(ends time.Time, margin time.Duration) bool {
	if ends.IsZero() {
		return false
	}
	left := ends.Sub(m.now) - margin
	if left.Abs() < near {
		m.t.Fatalf("the schedule hangs on %v", left)
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

// get is what all askers of a registry are answered.
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
		if p.role.ends.Equal(m.now.Add(time.Hour)) { // by another place of this tick
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
	p.ends = m.now.Add(loginLife)
	return nil
}

// replaced ends what came from before the sign-in of this tick.
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

// live sees to a session that the portal is asked with.
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
		m.call(awstest.CreateToken) // refused, once for all
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
	m.calls[awstest.CreateToken] += polls // one that fails is one of them
	m.armed[awstest.CreateToken] = false
	s.ends, s.signedIn = m.now.Add(8*time.Hour), m.now
	s.tokenEnds = s.ends
	if s.renews {
		s.tokenEnds = m.now.Add(time.Hour)
	}
}
