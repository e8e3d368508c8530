package awstest_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sso"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// costs checks that do always takes at least want, and that at least one of many attempts
// takes less than want plus one round trip. The other attempts may be slow because the
// machine is busy.
func costs(t *testing.T, name string, want, rtt time.Duration, do func()) {
	t.Helper()
	var got time.Duration
	for range 50 {
		begin := time.Now()
		do()
		got = time.Since(begin)
		if got < want {
			t.Fatalf("%s: %v, want %v", name, got, want)
		}
		if got < want+rtt {
			return
		}
	}
	t.Errorf("%s: last attempt took %v, want %v", name, got, want)
}

func TestConnectHandshakeAndRequestLatency(t *testing.T) {
	const rtt = 60 * time.Millisecond
	a := start(t, awstest.Options{RTT: rtt, ServiceTime: map[awstest.Op]time.Duration{awstest.ListAccounts: 40 * time.Millisecond}})
	s := a.SignIn(startURL, region, true)
	ask := func(c *sso.Client) {
		must(c.ListAccounts(t.Context(), &sso.ListAccountsInput{AccessToken: &s.AccessToken}))
	}
	costs(t, "on a new connection", 3*rtt+40*time.Millisecond, rtt, func() { ask(sso.NewFromConfig(config(t, a))) })
	c := sso.NewFromConfig(config(t, a))
	ask(c)
	costs(t, "on an open connection", rtt+40*time.Millisecond, rtt, func() { ask(c) })
}

func TestLoopbackEndpointLatency(t *testing.T) {
	const rtt = 60 * time.Millisecond
	a := start(t, awstest.Options{RTT: rtt})
	costs(t, "a request", 2*rtt, rtt, func() {
		resp := must(a.Transport().RoundTrip(must(http.NewRequest("GET", a.URL(awstest.Portal)+"/assignment/accounts", nil))))
		resp.Body.Close()
	})
}
