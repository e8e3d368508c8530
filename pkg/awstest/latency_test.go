package awstest_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sso"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// whenExact measures with longer and longer round trips until one measurement is exact. On a
// busy machine, the machine's own delay can be longer than a short round trip.
func whenExact(t *testing.T, measure func(rtt time.Duration) bool) {
	t.Helper()
	for rtt := 60 * time.Millisecond; rtt < 2*time.Second; rtt *= 4 {
		if measure(rtt) {
			return
		}
	}
	t.Error("each call takes at least one round trip too many")
}

// costs checks that do always takes at least want. It reports whether one of some attempts
// takes less than want plus one round trip.
func costs(t *testing.T, name string, want, rtt time.Duration, do func()) bool {
	t.Helper()
	for range 5 {
		begin := time.Now()
		do()
		switch got := time.Since(begin); {
		case got < want:
			t.Fatalf("%s: %v, want %v", name, got, want)
		case got < want+rtt:
			return true
		default:
			t.Logf("%s: %v, want %v", name, got, want)
		}
	}
	return false
}

func TestConnectHandshakeAndRequestLatency(t *testing.T) {
	const service = 40 * time.Millisecond
	whenExact(t, func(rtt time.Duration) bool {
		a := start(t, awstest.Options{RTT: rtt, ServiceTime: map[awstest.Op]time.Duration{awstest.ListAccounts: service}})
		s := a.SignIn(startURL, region, true)
		ask := func(c *sso.Client) {
			must(c.ListAccounts(t.Context(), &sso.ListAccountsInput{AccessToken: &s.AccessToken}))
		}
		opened := costs(t, "on a new connection", 3*rtt+service, rtt, func() { ask(sso.NewFromConfig(config(t, a))) })
		c := sso.NewFromConfig(config(t, a))
		ask(c)
		return costs(t, "on an open connection", rtt+service, rtt, func() { ask(c) }) && opened
	})
}

func TestLoopbackEndpointLatency(t *testing.T) {
	whenExact(t, func(rtt time.Duration) bool {
		a := start(t, awstest.Options{RTT: rtt})
		return costs(t, "a request", 2*rtt, rtt, func() {
			resp := must(a.Transport().RoundTrip(must(http.NewRequest("GET", a.URL(awstest.Portal)+"/assignment/accounts", nil))))
			resp.Body.Close()
		})
	})
}
