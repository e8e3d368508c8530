package awsclient

import (
	"strings"
	"testing"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/ssotoken"
)

// A container's endpoint that refuses is named, with what it said.
func TestTheContainersEndpointRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		fault awstest.Fault
		says  string
	}{
		"in plain text":    {awstest.Fault{Status: 403, Body: "no\n"}, " refused (403): no"},
		"in JSON":          {awstest.Fault{Status: 401, Code: "AccessDenied", Message: "invalid token"}, " refused (401): invalid token"},
		"in HTML":          {awstest.Fault{Status: 403, Body: "<html>no"}, " refused (403): without a message"},
		"in control codes": {awstest.Fault{Status: 403, Body: "no\x1b[31m"}, " refused (403): no?[31m"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, awstest.Options{})
			uri, token := w.AddContainer(account, role)
			w.env = append(w.env, "AWS_CONTAINER_CREDENTIALS_FULL_URI="+uri, "AWS_CONTAINER_AUTHORIZATION_TOKEN="+token)
			w.Fail(awstest.Container, tt.fault)
			_, err := w.client(t).ChainCredentials(t.Context(), region)
			f := faultOf(t, err)
			if f.Kind != Other || !strings.HasPrefix(f.Error(), "the container credentials endpoint 127.0.0.1:") || !strings.HasSuffix(f.Error(), tt.says) {
				t.Errorf("kind %d: %v", f.Kind, f)
			}
		})
	}
}

// STS refuses a clock that is off as ECR does.
func TestARoleIsAssumedInTheServersTime(t *testing.T) {
	w := newWorld(t, awstest.Options{})
	k := w.AddKeys(account)
	config := w.config(t, "[profile r]\nregion = eu-west-1\nrole_arn = arn:aws:iam::"+account+":role/"+role+"\nsource_profile = k\n"+
		"[profile k]\naws_access_key_id = "+k.AccessKeyID+"\naws_secret_access_key = "+k.SecretAccessKey+"\n")
	w.Advance(10 * time.Minute)
	c := w.client(t, func(o *Options) { o.Config = config })
	if _, err := c.ProfileCredentials(t.Context(), "r", ssotoken.Token{}, region); err != nil {
		t.Fatal(err)
	}
	if n := w.Calls(awstest.AssumeRole); n != 2 {
		t.Errorf("%d calls, want 2", n)
	}
}
