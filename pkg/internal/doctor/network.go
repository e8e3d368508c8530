package doctor

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/crash"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

// maxSkew is how far AWS lets a clock be off.
const maxSkew = 5 * time.Minute

// place is an endpoint that a login needs.
type place struct {
	name     string // of the check
	endpoint string
	err      error // it has none
	spare    bool  // needed at a sign-in only
	setting  awsclient.EndpointSetting
}

// reached is what came of asking it.
type reached struct {
	place
	skew time.Duration
	err  error
}

// client makes a client of our own for a profile's endpoints.
func (x *examination) client(profile string) (*awsclient.Client, error) {
	c, err := awsclient.New(awsclient.Options{
		Env: x.Env, Home: x.home, Config: x.config, Now: x.Now, UserAgent: x.UserAgent, Logger: x.Log,
	})
	if err != nil {
		return nil, err
	}
	return c.WithProfile(profile)
}

// ssoPlaces are the sign-in service and the portal of a region.
func ssoPlaces(c *awsclient.Client, region string) []place {
	oidc, oidcErr := c.OIDCEndpoint(region)
	portal, portalErr := c.PortalEndpoint(region)
	return []place{
		{name: "sign-in", endpoint: oidc, err: oidcErr, spare: true, setting: c.OIDCSetting()},
		{name: "portal", endpoint: portal, err: portalErr, setting: c.PortalSetting()},
	}
}

// reach asks all places at once.
func reach(ctx context.Context, c *awsclient.Client, places []place) []reached {
	out := make([]reached, len(places))
	var wg sync.WaitGroup
	for i, p := range places {
		out[i] = reached{place: p, err: p.err}
		if p.err == nil {
			wg.Go(crash.Guard(func() { out[i].skew, out[i].err = c.Reach(ctx, p.endpoint) }))
		}
	}
	wg.Wait()
	return out
}

// checks says of each place whether it answers. A spare one is not needed while
// the session lives.
func (x *examination) reachChecks(all []reached, alive bool) []Check {
	var out []Check
	for _, r := range all {
		v, detail, next := OK, hostOf(r.endpoint)+" answers", []string(nil)
		if r.err != nil {
			v = Problem
			if r.spare && alive {
				v = Warning
			}
			detail, next = x.fault(r.err)
		}
		if elsewhere := r.elsewhere(); elsewhere != "" {
			detail += "; " + elsewhere
			if r.setting.Variable != "" {
				next = []string{hint.UnsetCommand(r.setting.Variable)}
			}
			if v == OK {
				v = Warning
			}
		}
		out = append(out, check(r.name, v, next, "%s", detail))
	}
	return out
}

// elsewhere says that a setting has the SSO token sent to a host that is not AWS's; ""
// otherwise.
func (p place) elsewhere() string {
	if p.setting.Name == "" || p.endpoint == "" || registry.IsAWSHost(hostname(p.endpoint)) {
		return ""
	}
	return p.setting.Name + " sends the SSO token there, and it is not a host of AWS"
}

func hostname(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

func hostOf(endpoint string) string {
	_, host, _ := strings.Cut(endpoint, "://")
	host, _, _ = strings.Cut(host, "/")
	return host
}

// fault words what keeps us from a service.
func (x *examination) fault(err error) (cause string, next []string) {
	f, ok := errors.AsType[*awsclient.Fault](err)
	if !ok {
		return err.Error(), nil
	}
	switch {
	case f.Roots() != "":
		cause = f.Error() + "; " + f.Roots() + " replaces the system's certificates"
		if f.Roots() == env.AWSCABundle.Name() || f.Roots() == env.RequestsCABundle.Name() {
			next = []string{hint.UnsetCommand(f.Roots())}
		}
		return cause, next
	case f.Kind == awsclient.TLS:
		return f.Error() + f.Aside(), nil
	case f.Next() != "":
		return f.Error(), []string{f.Next()}
	}
	return f.Error(), nil
}

// clock compares ours with those of the services that answered.
func clock(all []reached) Check {
	const title = "clock"
	all = slices.DeleteFunc(slices.Clone(all), func(r reached) bool { return r.err != nil })
	if len(all) == 0 {
		return check(title, Skipped, nil, "nobody answered to compare it with")
	}
	// They would all have to be wrong: the one nearest to ours counts.
	best := slices.MinFunc(all, func(a, b reached) int { return cmp.Compare(a.skew.Abs(), b.skew.Abs()) })
	if best.skew.Abs() <= maxSkew {
		return check(title, OK, nil, "as AWS's, to the minute")
	}
	side := "behind"
	if best.skew < 0 {
		side = "ahead of"
	}
	var next []string
	if runtime.GOOS == "linux" && exists("/usr/bin/timedatectl") && exists("/run/systemd/system") {
		next = []string{"sudo timedatectl set-ntp true"}
	}
	return check(title, Warning, next, "%s %s %s: AWS refuses what is signed more than 5m off; logins are signed with AWS's time, other programs may fail",
		left(best.skew.Abs()), side, hostOf(best.endpoint))
}

// sessions checks, without a host, the ways to the sessions' services.
func (x *examination) sessions(ctx context.Context) []Check {
	if x.configErr != nil || len(x.config.Sessions) == 0 {
		return []Check{check("network", Skipped, nil, "no SSO session to ask for")}
	}
	c, err := x.client("")
	if err != nil {
		cause, next := x.fault(err)
		return []Check{check("network", Problem, next, "%s", cause)}
	}
	defer c.Close()
	var places []place
	for _, s := range x.config.Sessions {
		for _, p := range ssoPlaces(c, s.Region) {
			if s.Region != "" && !slices.ContainsFunc(places, func(q place) bool { return q.endpoint == p.endpoint && q.name == p.name }) {
				places = append(places, p)
			}
		}
	}
	places = places[:min(len(places), mostPlaces)]
	all := reach(ctx, c, places)
	return append([]Check{clock(all)}, x.reachChecks(all, false)...)
}

// mostPlaces bounds what a long configuration makes us ask.
const mostPlaces = 16
