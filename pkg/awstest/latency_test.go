package awstest_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sso"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

func TestConnectHandshakeAndRequestCostOneRoundTripEach(t *testing.T) {
	const rtt = 60 * time.Millisecond
	a := start(t, awstest.Options{RTT: rtt, ServiceTime: map[awstest.Op]time.Duration{awstest.ListAccounts: 40 * time.Millisecond}})
	s := a.SignIn(startURL, region, true)
	c := sso.NewFromConfig(config(t, a))
	for name, want := range map[string]time.Duration{"1 on a new connection": 3*rtt + 40*time.Millisecond} {
		if got := timed(t, c, s); got < want || got > want+rtt {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	if got, want := timed(t, c, s), rtt+40*time.Millisecond; got < want || got > want+rtt {
		t.Errorf("on an open connection: %v, want %v", got, want)
	}
}

func timed(t *testing.T, c *sso.Client, s awstest.SSOToken) time.Duration {
	t.Helper()
	begin := time.Now()
	must(c.ListAccounts(t.Context(), &sso.ListAccountsInput{AccessToken: &s.AccessToken}))
	return time.Since(begin)
}

func TestLoopbackEndpointCostsTwoRoundTrips(t *testing.T) {
	const rtt = 60 * time.Millisecond
	a := start(t, awstest.Options{RTT: rtt})
	begin := time.Now()
	resp := must(a.Transport().RoundTrip(must(http.NewRequest("GET", a.URL(awstest.Portal)+"/assignment/accounts", nil))))
	if got := time.Since(begin); got < 2*rtt || got > 3*rtt {
		t.Errorf("%v, want %v; %s", got, 2*rtt, resp.Status)
	}
}
