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

// The instance metadata service that refuses is named too, whichever of its requests it
// refuses and whether or not version 1 may be tried. Any other answer means that the
// machine has no credentials.
func TestTheInstanceMetadataServiceRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		op    awstest.Op
		fault awstest.Fault
		env   string
		kind  Kind
		says  string
	}{
		"everything":          {awstest.Metadata, awstest.Fault{Status: 403, Body: "turned off"}, "", Other, " refused (403): turned off"},
		"the token":           {awstest.MetadataToken, awstest.Fault{Status: 403}, "AWS_EC2_METADATA_V1_DISABLED=true", Other, " refused (403): "},
		"version 1 too":       {awstest.MetadataToken, awstest.Fault{Status: 403}, "", Other, " refused (401): without a message"},
		"the credentials":     {awstest.MetadataCredentials, awstest.Fault{Status: 401, Code: "Unauthorized", Message: "no"}, "", Other, " refused (401): no"},
		"an instance without": {awstest.MetadataCredentials, awstest.Fault{Status: 404}, "", NoCredentials, "no AWS credentials found"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, awstest.Options{})
			w.with(t, "AWS_EC2_METADATA_SERVICE_ENDPOINT="+w.AddMetadata(account, role, region), "AWS_EC2_METADATA_DISABLED=false", tt.env)
			w.Fail(tt.op, tt.fault)
			_, err := w.client(t).ChainCredentials(t.Context(), region)
			f := faultOf(t, err)
			if f.Kind != tt.kind || !strings.Contains(f.Error(), tt.says) || tt.kind == Other && !strings.HasPrefix(f.Error(), "the instance metadata service 127.0.0.1:") {
				t.Errorf("kind %d: %v (%v)", f.Kind, f, f.Err)
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
	if _, err := c.ProfileCredentials(t.Context(), "r", "", ssotoken.Token{}, region); err != nil {
		t.Fatal(err)
	}
	if n := w.Calls(awstest.AssumeRole); n != 2 {
		t.Errorf("%d calls, want 2", n)
	}
}
