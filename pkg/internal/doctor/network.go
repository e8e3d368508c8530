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

// maxSkew is the clock difference that AWS accepts in a signature.
const maxSkew = 5 * time.Minute

// endpoint is an endpoint that a login needs.
type endpoint struct {
	name       string // check name
	url        string
	err        error // why there is no URL
	signInOnly bool  // not needed while the session is live
	getsToken  bool  // receives the access token
	setting    awsclient.EndpointSetting
}

// probe is the result of a connection to an endpoint.
type probe struct {
	endpoint
	skew time.Duration
	err  error
}

// client creates a client for the endpoints of a profile.
func (x *checkup) client(profile string) (*awsclient.Client, error) {
	c, err := awsclient.New(awsclient.Options{
		Env: x.Env, Home: x.home, Config: x.config, Now: x.Now, UserAgent: x.UserAgent, Logger: x.Log,
	})
	if err != nil {
		return nil, err
	}
	return c.WithProfile(profile)
}

// ssoEndpoints returns the endpoints of the sign-in service and the portal in a region.
func ssoEndpoints(c *awsclient.Client, region string) []endpoint {
	oidc, oidcErr := c.OIDCEndpoint(region)
	portal, portalErr := c.PortalEndpoint(region)
	return []endpoint{
		{name: "sign-in", url: oidc, err: oidcErr, signInOnly: true, getsToken: true, setting: c.OIDCSetting()},
		{name: "portal", url: portal, err: portalErr, getsToken: true, setting: c.PortalSetting()},
	}
}

// probeAll connects to all endpoints at the same time.
func probeAll(ctx context.Context, c *awsclient.Client, endpoints []endpoint) []probe {
	out := make([]probe, len(endpoints))
	var wg sync.WaitGroup
	for i, p := range endpoints {
		out[i] = probe{endpoint: p, err: p.err}
		if p.err == nil {
			wg.Go(crash.Guard(func() { out[i].skew, out[i].err = c.Reach(ctx, p.url) }))
		}
	}
	wg.Wait()
	return out
}

// probeChecks reports whether each endpoint responds, and the setting that selects it.
// alive means that the session is live and does not need the sign-in service now.
func (x *checkup) probeChecks(all []probe, alive bool) []Check {
	var out []Check
	for _, r := range all {
		v, detail, next := OK, hostOf(r.url)+" answers", []string(nil)
		if r.err != nil {
			v = Problem
			if r.signInOnly && alive {
				v = Warning
			}
			detail, next = x.describeFault(r.err)
		}
		if r.setting.Name != "" && r.url != "" {
			effect := "selects this host"
			if r.getsToken && !registry.IsAWSHost(hostname(r.url)) {
				effect = "sends the access token to this host, which is not an AWS host"
				if v == OK {
					v = Warning
				}
			}
			detail += "; " + r.setting.Name + " " + effect
			if v != OK && r.setting.Next != "" {
				next = append([]string{r.setting.Next}, next...)
			}
		}
		out = append(out, check(r.name, v, next, "%s", detail))
	}
	return out
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

// describeFault returns the cause of a failed connection, and the commands that may fix it.
func (x *checkup) describeFault(err error) (cause string, next []string) {
	f, ok := errors.AsType[*awsclient.Fault](err)
	if !ok {
		return err.Error(), nil
	}
	switch {
	case f.Roots() != "":
		cause = f.Error() + "; " + f.Roots() + " replaces the system's certificates"
		next = []string{hint.EditCommand(x.config.Paths.Config, x.home, 0)}
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

// clock compares the local clock with the clocks of the services that responded.
func clock(all []probe) Check {
	const title = "clock"
	all = slices.DeleteFunc(slices.Clone(all), func(r probe) bool { return r.err != nil })
	if len(all) == 0 {
		return check(title, Skipped, nil, "no AWS service answered")
	}
	// Use the smallest difference: it is unlikely that all services are wrong.
	best := slices.MinFunc(all, func(a, b probe) int { return cmp.Compare(a.skew.Abs(), b.skew.Abs()) })
	if best.skew.Abs() <= maxSkew {
		return check(title, OK, nil, "it agrees with AWS")
	}
	side := "behind"
	if best.skew < 0 {
		side = "ahead of"
	}
	var next []string
	if runtime.GOOS == "linux" && exists("/usr/bin/timedatectl") && exists("/run/systemd/system") {
		next = []string{"sudo timedatectl set-ntp true"}
	}
	return check(title, Warning, next, "this computer's clock is %s %s AWS, which rejects a difference of more than 5m; logins use AWS's time, but other programs can fail",
		hint.Remaining(best.skew.Abs()), side)
}

// sessions checks the connections to the services of all sessions. It runs without a host.
func (x *checkup) sessions(ctx context.Context) []Check {
	if x.configErr != nil || len(x.config.Sessions) == 0 {
		return []Check{check("network", Skipped, nil, "no SSO session is configured")}
	}
	c, err := x.client("")
	if err != nil {
		cause, next := x.describeFault(err)
		return []Check{check("network", Problem, next, "%s", cause)}
	}
	defer c.Close()
	var endpoints []endpoint
	for _, session := range x.config.Sessions {
		for _, p := range ssoEndpoints(c, session.Region) {
			if session.Region != "" && !slices.ContainsFunc(endpoints, func(q endpoint) bool { return q.url == p.url && q.name == p.name }) {
				endpoints = append(endpoints, p)
			}
		}
	}
	endpoints = endpoints[:min(len(endpoints), maxEndpoints)]
	all := probeAll(ctx, c, endpoints)
	return append([]Check{clock(all)}, x.probeChecks(all, false)...)
}

// maxEndpoints limits the number of connections if the configuration has many sessions.
const maxEndpoints = 16
