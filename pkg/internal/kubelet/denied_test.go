package kubelet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/credhelper"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

const testPublicImage = "public.ecr.aws/nginx/nginx"

// together pulls an image concurrently, with the service accounts in turn, or with the
// node's identity if there are none. AWS responds after a second. It returns the errors.
func (n *node) together(op awstest.Op, image string, accounts ...Request) []error {
	n.aws.ResetLog()
	n.aws.Fail(op, awstest.Fault{Kind: awstest.Delay, Delay: time.Second})
	errs := make([]error, *pulls)
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() {
			r := Request{apiVersion: versions[0]}
			if len(accounts) > 0 {
				r = accounts[i%len(accounts)]
			}
			r.image = image
			_, errs[i] = n.answer(r)
		})
	}
	all.Wait()
	return errs
}

// account returns a service account's request for a role. If trusted is set, the role
// trusts the service account.
func (n *node) account(name string, trusted bool) Request {
	role := "arn:aws:iam::" + testAccount + ":role/pull"
	of := awstest.ServiceAccount{Issuer: "https://c.example.com", Name: "team:" + name, Audience: "sts.amazonaws.com"}
	if trusted {
		of.Roles = []string{role}
	}
	return Request{
		apiVersion: versions[0], token: secret.New(n.aws.ServiceAccountToken(of, time.Hour)),
		annotations: map[string]string{roleAnnotation: role},
	}
}

// If AWS denies concurrent pulls, they make one call per identity. The waiting
// processes use the same response. A later process calls AWS again.
func TestDenialIsSharedWithWaitingProcesses(t *testing.T) {
	for _, tt := range []struct {
		name, image string
		op          awstest.Op
		calls       int
		err         error // nil: a response without a login
		accounts    func(n *node) []Request
		deny        func(n *node)
	}{
		{"ECR", testImage, awstest.GetAuthorizationToken, 1, credhelper.ErrDenied, nil, (*node).denyECR},
		{"ECR Public", testPublicImage, awstest.GetPublicAuthorizationToken, 1, nil, nil, (*node).denyECR},
		{"portal", testImage, awstest.GetRoleCredentials, 1, credhelper.ErrNotAssigned, nil, (*node).denyRole},
		{"portal, for ECR Public", testPublicImage, awstest.GetRoleCredentials, 1, nil, nil, (*node).denyRole},
		{"STS, three service accounts", testImage, awstest.AssumeRoleWithWebIdentity, 3, credhelper.ErrDenied, func(n *node) []Request {
			return []Request{n.account("a", false), n.account("b", false), n.account("c", false)}
		}, func(*node) {}},
		{"ECR, two service accounts of a role", testImage, awstest.GetAuthorizationToken, 2, credhelper.ErrDenied, func(n *node) []Request {
			return []Request{n.account("a", true), n.account("b", true)}
		}, (*node).denyECR},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNode(t)
				n.aws.AddAccount(testAccount, "A", "a@example.com", "pull")
				tt.deny(n)
				var accounts []Request
				if tt.accounts != nil {
					accounts = tt.accounts(n)
				}
				for round := 1; round <= 2; round++ {
					for _, err := range n.together(tt.op, tt.image, accounts...) {
						if !errors.Is(err, tt.err) || (err == nil) != (tt.err == nil) {
							t.Fatalf("err = %v", err)
						}
					}
					if calls := n.aws.Calls(tt.op); calls != tt.calls {
						t.Errorf("round %d: %d calls", round, calls)
					}
					time.Sleep(time.Second)
				}
			})
		})
	}
}

func (n *node) denyECR() { n.aws.DenyECR(testAccount) }

// denyRole replaces the node's keys with an SSO session and denies its role.
func (n *node) denyRole() {
	const start, region = "https://corp.awsapps.com/start", "us-east-1"
	n.aws.AddInstance(start, region)
	home := n.aws.Home(n.env.HomeDir())
	home.SSOProfile("prod", "corp", start, region, testAccount, "pull")
	home.WriteToken("corp", n.aws.SignIn(start, region, true))
	n.env = env.FromList(append(home.Env(), "AWS_PROFILE=prod"))
	n.aws.DenyRole(testAccount, "pull")
}

// A denial does not affect other identities. Concurrent processes for an allowed service
// account and for the node get their logins.
func TestDenialIsPerIdentity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		n.aws.AddAccount(testAccount, "A", "a@example.com", "pull")
		requests := []Request{n.account("denied", false), n.account("allowed", true), {apiVersion: versions[0]}}
		for i, err := range n.together(awstest.AssumeRoleWithWebIdentity, testImage, requests...) {
			if denied := i%3 == 0; errors.Is(err, credhelper.ErrDenied) != denied || (err != nil) != denied {
				t.Errorf("request %d: %v", i, err)
			}
		}
	})
}

// An added permission applies to the next process, even if it starts immediately.
func TestDenialEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		n.aws.Fail(awstest.GetAuthorizationToken, awstest.Fault{Kind: awstest.Deny})
		if _, err := n.pull(testImage); !errors.Is(err, credhelper.ErrDenied) {
			t.Fatalf("err = %v", err)
		}
		time.Sleep(time.Nanosecond)
		n.aws.ClearFaults()
		if out, err := n.pull(testImage); err != nil || login(t, out) == "" {
			t.Errorf("got %s, error %v", out, err)
		}
	})
}

// AWS repeats invalid values in its errors. Neither the error nor the log may contain the
// token.
func TestErrorsDoNotContainToken(t *testing.T) {
	for _, code := range []string{"ValidationError", "InvalidIdentityToken", "AccessDenied", "ExpiredTokenException", "Other"} {
		synctest.Test(t, func(t *testing.T) {
			n := newNode(t)
			r := n.account("app", true)
			r.image = testImage
			begin := r.token.Reveal()[:20]
			n.aws.Fail(awstest.AssumeRoleWithWebIdentity, awstest.Fault{Kind: awstest.Status, Status: 400, Code: code,
				Message: fmt.Sprintf("1 validation error detected: Value '%s' at 'webIdentityToken' failed", r.token.Reveal())})
			var log bytes.Buffer
			_, err := Answer(context.Background(), r, Options{
				Env: n.env, Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})), Warn: func(error) {},
				Helper: []credhelper.Option{credhelper.WithTransport(n.aws.Transport())},
			})
			if err == nil || strings.Contains(err.Error(), begin) {
				t.Errorf("%s: err = %v", code, err)
			}
			if log.Len() == 0 || strings.Contains(log.String(), begin) {
				t.Errorf("%s: the log is %q", code, log.String())
			}
			if found := awstest.ScanTree(n.env.HomeDir(), []string{begin}, func(string) bool { return false }); len(found) > 0 {
				t.Errorf("%s: found %v", code, found)
			}
		})
	}
}
