//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/lab"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// This file runs the helper as the kubelet's image credential provider and checks its
// output.

const providerAPI = "credentialprovider.kubelet.k8s.io/v1"

// imageRequest is a CredentialProviderRequest.
type imageRequest struct {
	Kind        string            `json:"kind"`
	APIVersion  string            `json:"apiVersion"`
	Image       string            `json:"image"`
	Token       string            `json:"serviceAccountToken,omitempty"`
	Annotations map[string]string `json:"serviceAccountAnnotations,omitempty"`
}

// kubelet runs the command kubelet with a request for an image.
func (s *stage) kubelet(r imageRequest) {
	r.Kind, r.APIVersion = "CredentialProviderRequest", providerAPI
	text, err := json.Marshal(r)
	s.must(err)
	s.call.Args, s.call.Stdin = []string{"kubelet"}, string(text)+"\n"
}

const podRole = "arn:aws:iam::" + lab.Account + ":role/" + lab.Role

// podToken returns the token of a service account that may assume podRole.
func (s *stage) podToken(life time.Duration) string {
	return s.AWS.ServiceAccountToken(awstest.ServiceAccount{
		Issuer: "https://cluster.example.com", Name: "team:app", Audience: "sts.amazonaws.com", Roles: []string{podRole},
	}, life)
}

// pod requests an image for a pod with that token.
func (s *stage) pod(token string) {
	s.kubelet(imageRequest{Image: lab.Host + "/team/app", Token: token, Annotations: map[string]string{"eks.amazonaws.com/ecr-role-arn": podRole}})
}

// judgeProvider checks that the output follows the kubelet's protocol. The output must be
// a response in the request's version, or exit status 1 with one line on stderr. The
// kubelet logs this line.
func (s *stage) judgeProvider(r *row) {
	res, w := r.result, s.fault.want
	if what := dirty(res.Stderr); what != "" {
		r.bad(protocol, "stderr has %s", what)
	}
	switch {
	case res.TimedOut, s.grown.Load(): // killed by the lab; I3 reports that
	case res.Code == 0 && w.ending != unprovided:
		s.judgeResponse(r)
	case res.Code != 1 || w.ending != unprovided:
		r.bad(protocol, "status %d, signal %d: %q", res.Code, res.Signal, head(res.Stderr))
	case res.Stdout != "" || strings.Count(res.Stderr, "\n") != 1:
		r.bad(protocol, "a failure is one line on stderr: %q, %q", head(res.Stdout), res.Stderr)
	default:
		s.judgeMessage(r, res.Stderr)
	}
}

func (s *stage) judgeResponse(r *row) {
	res, w := r.result, s.fault.want
	var response struct {
		Kind, APIVersion, CacheKeyType, CacheDuration string
		Auth                                          map[string]struct{ Username, Password string }
	}
	d := json.NewDecoder(strings.NewReader(res.Stdout))
	d.DisallowUnknownFields()
	if err := d.Decode(&response); err != nil {
		r.bad(protocol, "the answer is not a response: %v", err)
		return
	}
	if _, err := d.Token(); err != io.EOF {
		r.bad(protocol, "more than one JSON object")
	}
	keep, err := time.ParseDuration(response.CacheDuration)
	if response.Kind != "CredentialProviderResponse" || response.APIVersion != providerAPI || response.CacheKeyType != "Registry" || err != nil || keep < 0 {
		r.bad(protocol, "the response has kind %q, version %q, key %q, duration %q", response.Kind, response.APIVersion, response.CacheKeyType, response.CacheDuration)
	}
	var asked imageRequest
	s.must(json.Unmarshal([]byte(s.call.Stdin), &asked))
	host, _, _ := strings.Cut(asked.Image, "/")
	login, found := response.Auth[host]
	switch {
	case w.ending == anonymous && len(response.Auth) > 0:
		r.bad(protocol, "a login, and none is due")
	case w.ending == provided && (!found || len(response.Auth) != 1):
		r.bad(protocol, "not one login for %s", host)
	case w.ending == provided && (login.Username != "AWS" || !s.AWS.PasswordValid(login.Password)):
		r.bad(protocol, "AWS does not accept the login")
	}
	if res.Stderr != "" && (w.warns == "" || strings.Count(res.Stderr, "\n") != 1 || !regexp.MustCompile(w.warns).MatchString(res.Stderr)) {
		r.bad(protocol, "an answer and %q on stderr", head(res.Stderr))
	}
}

// hugeRequest returns a fault with a 100 MB request. It checks the number of bytes that
// the provider read.
func hugeRequest() fault {
	const size, most = 100_000_000, 2 << 20
	var file *os.File
	return fault{what: "the request has 100 MB", want: unserved("stdin has more than"), limit: local,
		set: func(s *stage) {
			path := s.Path("request")
			s.write(path, `{"kind":"CredentialProviderRequest","image":"`)
			s.must(os.Truncate(path, size))
			s.opened(&s.call.StdinFrom, path, os.O_RDONLY)
			file = s.call.StdinFrom
		},
		after: func(*stage) error { // the provider shares the file offset
			read, err := file.Seek(0, io.SeekCurrent)
			if err == nil && read > most {
				err = fmt.Errorf("%d bytes were read", read)
			}
			return err
		}}
}
