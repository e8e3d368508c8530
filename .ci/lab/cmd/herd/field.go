//go:build linux

package main

import (
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/lab"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// runner runs herds.
type runner struct {
	dir, program, browser string
	quick                 bool
	maxRounds             int                         // maximum rounds per herd; 0: no limit
	progress              func(h herd, soFar *result) // after each round
}

// place is the home of one round.
type place struct {
	*lab.World
	runner *runner
	asks   func(process int, host string) (args []string, stdin string) // nil: get
}

// herd is one situation for many concurrent processes.
type herd struct {
	name string
	// size and rounds of a full run and of a quick run.
	size, rounds, quickSize, quickRounds int
	prepare                              func(*place) error
	hosts                                func(*place, int) []string                           // nil: one registry for all
	during                               func(*place, map[int]*member, <-chan struct{}) error // acts on the running processes; nil: nothing
	start                                func(*place, int) ([]*member, error)                 // starts the processes; nil: runner.runAll
	want                                 want
	after                                func(*place, []*member, *result) error
}

// want is the expected result of a round.
type want struct {
	portal, ecr, refresh, authorize int           // calls; -1: any number
	unanswered                      int           // processes without an answer
	within                          time.Duration // 0: a minute
	differ                          bool          // the logins of a registry may differ
}

// result contains the totals of all rounds.
type result struct {
	Herd      string        `json:"herd"`
	Processes int           `json:"processes"`
	Rounds    int           `json:"rounds"`
	Together  int           `json:"together"` // minimum over the rounds: processes running when the first process ended
	Answered  int           `json:"answered"`
	Failed    int           `json:"failed"` // as expected
	Portal    int           `json:"portalCalls"`
	ECR       int           `json:"ecrCalls"`
	Tokens    int           `json:"createToken"`
	Refused   int           `json:"invalidGrant"`
	Browsers  int           `json:"browsers"`
	Longest   time.Duration `json:"longestRoundNanoseconds"`
	Problems  []string      `json:"problems,omitempty"`
}

// rounds runs all rounds of a herd.
func (r *runner) rounds(h herd) (*result, error) {
	size, rounds := h.size, h.rounds
	if r.quick {
		size, rounds = h.quickSize, h.quickRounds
	}
	if r.maxRounds > 0 {
		rounds = min(rounds, r.maxRounds)
	}
	res := &result{Herd: h.name, Processes: size, Together: size}
	for range rounds {
		if err := r.isolated(h, size, res); err != nil {
			return nil, err
		}
		res.Rounds++
		if len(res.Problems) > 20 {
			return res, errors.New("too many problems: " + res.Problems[0])
		}
		if r.progress != nil {
			r.progress(h, res)
		}
	}
	return res, nil
}

// isolated runs one round with its own home and fake, and removes both. The disk then
// contains the files of only one round.
func (r *runner) isolated(h herd, size int, res *result) error {
	fake, err := lab.NewAWS(awstest.Options{})
	if err != nil {
		return err
	}
	defer fake.Close()
	home := filepath.Join(r.dir, "home")
	defer os.RemoveAll(home)
	w, err := lab.NewWorld(fake, home)
	if err != nil {
		return err
	}
	return r.round(h, &place{World: w, runner: r}, size, res)
}

func (r *runner) round(h herd, p *place, size int, res *result) error {
	if err := h.prepare(p); err != nil {
		return err
	}
	p.AWS.ResetLog()
	hosts := make([]string, size)
	for i := range hosts {
		hosts[i] = lab.Host
	}
	if h.hosts != nil {
		hosts = h.hosts(p, size)
	}
	start := time.Now()
	var all []*member
	var err error
	if h.start != nil {
		all, err = h.start(p, size)
	} else {
		all, err = r.runAll(p, hosts, h.during)
	}
	if err != nil {
		return err
	}
	took := time.Since(start)
	res.Longest = max(res.Longest, took)
	if took > cmp.Or(h.want.within, time.Minute) {
		res.problem("the round took %v", took)
	}
	res.count(all, h.want)
	res.calls(p, h.want)
	for _, found := range awstest.ScanFiles(p.Home, p.AWS.Secrets()) {
		res.problem("%v", found)
	}
	if h.after != nil {
		return h.after(p, all, res)
	}
	return nil
}

// count checks that each process has an answer, and that all answers for a registry are
// equal. w contains the exceptions.
func (r *result) count(all []*member, w want) {
	first, unanswered := map[string]string{}, 0
	firstEnd, started := time.Time{}, 0
	for _, m := range all {
		if firstEnd.IsZero() || m.ended.Before(firstEnd) {
			firstEnd = m.ended
		}
	}
	for _, m := range all {
		if m.started.Before(firstEnd) {
			started++
		}
		switch {
		case !m.answered():
			unanswered++
			if m.status.Exited() && strings.Count(m.err, "\n") != 1 || w.unanswered == 0 {
				r.problem("%s: %q", m.host, m.err)
			}
		case !strings.Contains(strings.ToLower(m.out), `"username":"aws"`) || m.err != "":
			r.problem("%s: exit 0 with %d bytes and %q", m.host, len(m.out), m.err)
		case first[m.host] == "":
			first[m.host] = m.out
			r.Answered++
		case m.out != first[m.host] && !w.differ:
			r.problem("%s: different answers", m.host)
		default:
			r.Answered++
		}
	}
	if unanswered != w.unanswered && w.unanswered > 0 {
		r.problem("%d processes have no answer, want %d", unanswered, w.unanswered)
	}
	r.Failed += unanswered
	r.Together = min(r.Together, started)
}

// calls checks the AWS calls.
func (r *result) calls(p *place, w want) {
	refused := 0
	for _, c := range p.AWS.Log() {
		if c.Op == awstest.CreateToken && c.Status != 200 {
			refused++
		}
	}
	for _, c := range []struct {
		op   awstest.Op
		want int
		sum  *int
	}{
		{awstest.GetRoleCredentials, w.portal, &r.Portal}, {awstest.GetAuthorizationToken, w.ecr, &r.ECR},
		{awstest.CreateToken, w.refresh, &r.Tokens}, {awstest.Authorize, w.authorize, &r.Browsers},
	} {
		n := p.AWS.Calls(c.op)
		if c.want >= 0 && n != c.want {
			r.problem("%d calls of %s, want %d", n, c.op, c.want)
		}
		*c.sum += n
	}
	if w.refresh >= 0 && refused > 0 {
		r.problem("%d refresh tokens were refused", refused)
	}
	r.Refused += refused
}
