package awstest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// The synctest clock advances when all goroutines are blocked, so a hang takes no real time.
func TestInMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, err := awstest.New(awstest.Options{InMemory: true})
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		client := &http.Client{Transport: a.Transport()}
		get := func(limit time.Duration, host string) (int, error) {
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+host+"/assignment/accounts", nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := client.Do(req)
			if err != nil {
				return 0, err
			}
			defer resp.Body.Close()
			_, err = io.Copy(io.Discard, resp.Body)
			return resp.StatusCode, err
		}
		const portal = "portal.sso.eu-west-1.amazonaws.com"
		if status, err := get(time.Second, portal); status != http.StatusUnauthorized || err != nil {
			t.Errorf("without a token: %d, %v", status, err)
		}
		if status, _ := get(time.Second, "evil.example.com"); status != http.StatusMisdirectedRequest {
			t.Errorf("another host: %d", status)
		}
		a.Fail(awstest.Portal, awstest.Fault{Kind: awstest.Hang})
		if _, err := get(time.Hour, portal); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("hanging: %v", err)
		}
		a.Fail(awstest.Any, awstest.Fault{Kind: awstest.Down})
		if _, err := get(time.Second, portal); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("down: %v", err)
		}
		a.ClearFaults()
		if status, err := get(time.Second, portal); status != http.StatusUnauthorized || err != nil {
			t.Errorf("healed: %d, %v", status, err)
		}
		if n := a.OpenConnections(); n != 1 {
			t.Errorf("%d open connections, want the idle one", n)
		}
		time.Sleep(time.Minute)
		if n := a.OpenConnections(); n != 0 {
			t.Errorf("%d open connections after a minute", n)
		}
	})
}
