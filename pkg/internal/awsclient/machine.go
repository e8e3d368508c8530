package awsclient

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
)

const (
	// metadataTime is for all that the instance metadata service is asked before it
	// has answered once: most machines have no such service.
	metadataTime = time.Second

	ecsAddress   = "http://169.254.170.2"
	metadataIPv4 = "http://169.254.169.254"
	metadataIPv6 = "http://[fd00:ec2::254]"
)

// machine gets the container's credentials, or else the instance's.
func (c *Client) machine(ctx context.Context) (aws.Credentials, error) {
	if containerURI(c.o.Env) != "" {
		return c.container(ctx)
	}
	return c.instance(ctx)
}

// containerURI is where the container's credentials are, "" outside of one.
func containerURI(e env.Set) string {
	if path := e.Get(env.AWSContainerRelativeURI); path != "" {
		return ecsAddress + path
	}
	return e.Get(env.AWSContainerFullURI)
}

// container asks ECS, EKS or a local server for credentials.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
func (c *Client) container(ctx context.Context) (aws.Credentials, error) {
	token := c.o.Env.Get(env.AWSContainerToken)
	if path := c.o.Env.Get(env.AWSContainerTokenFile); path != "" {
		data, err := readToken(path, env.AWSContainerTokenFile.Name())
		if err != nil {
			return aws.Credentials{}, err
		}
		token = string(bytes.TrimRight(data, "\r\n"))
	}
	keys, err := endpointcreds.New(containerURI(c.o.Env), func(o *endpointcreds.Options) {
		o.HTTPClient, o.AuthorizationToken, o.Retryer = c.link, token, aws.NopRetryer{}
	}).Retrieve(ctx)
	if f, ok := errors.AsType[*Fault](err); ok && f.Kind == InsecureEndpoint {
		f.Variable = env.AWSContainerFullURI.Name()
		f.cause = f.Variable + " is plain http to another machine, refused"
	}
	if refused := callFrom(ctx).refusal("container credentials endpoint", err); refused != nil {
		return aws.Credentials{}, refused
	}
	return keys, err
}

// refusal is the fault of an endpoint that hands out credentials and whose last
// answer was 401 or 403, else nil. The endpoint refuses the machine, not AWS the
// identity: no ECR permission is missing.
func (c *call) refusal(endpoint string, err error) error {
	n := c.notes()
	if err == nil || n.status != http.StatusUnauthorized && n.status != http.StatusForbidden {
		return nil
	}
	said := cmp.Or(n.answer.message, n.answer.text, "without a message")
	return &Fault{Kind: Other, Service: c.service, cause: fmt.Sprintf("the %s %s refused (%d): %s", endpoint, n.host, n.status, said), Err: err}
}

// instance asks the instance metadata service for credentials.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-imds-credentials.html
func (c *Client) instance(ctx context.Context) (aws.Credentials, error) {
	set := func(v env.Var, key string) string { return cmp.Or(c.o.Env.Get(v), c.o.key(key)) }
	// Nothing is left open: the SDK would look into the process environment.
	link := &metadataClient{l: c.link, last: &call{}}
	o := imds.Options{
		HTTPClient: link, Retryer: aws.NopRetryer{}, ClientEnableState: imds.ClientEnabled,
		Endpoint: set(env.AWSEC2MetadataEndpoint, "ec2_metadata_service_endpoint"),
	}
	if c.o.Env.True(env.AWSEC2MetadataDisabled) {
		o.ClientEnableState = imds.ClientDisabled
	}
	if o.Endpoint == "" {
		o.Endpoint = metadataIPv4
		if strings.EqualFold(set(env.AWSEC2MetadataMode, "ec2_metadata_service_endpoint_mode"), "ipv6") {
			o.Endpoint = metadataIPv6
		}
	}
	if strings.EqualFold(set(env.AWSEC2MetadataV1Disabled, "ec2_metadata_v1_disabled"), "true") {
		o.EnableFallback = aws.FalseTernary
	}
	keys, err := ec2rolecreds.New(func(p *ec2rolecreds.Options) { p.Client = imds.New(o) }).Retrieve(ctx)
	insecure, ok := errors.AsType[*Fault](err)
	switch {
	case err == nil:
		return keys, nil
	case ok && insecure.Kind == InsecureEndpoint, ctx.Err() != nil:
		return aws.Credentials{}, err
	}
	if refused := link.last.refusal("instance metadata service", err); refused != nil {
		return aws.Credentials{}, refused
	}
	return aws.Credentials{}, &Fault{Kind: NoCredentials, Service: "imds", Err: err}
}

// metadataClient gives the instance metadata service its own, short rules.
type metadataClient struct {
	l    *link
	last *call // the last request
}

// Do implements imds.HTTPClient.
func (m *metadataClient) Do(req *http.Request) (*http.Response, error) {
	c := callFrom(req.Context())
	if c.notes().noMetadata {
		return nil, &Fault{Kind: Timeout, cause: "the instance metadata service does not answer"}
	}
	ctx, cancel := context.WithTimeout(req.Context(), metadataTime)
	defer cancel()
	m.last = &call{service: "imds", op: "instance metadata", again: metadata, phase: metadataTime}
	resp, err := m.l.Do(req.WithContext(withCall(ctx, m.last)))
	if err != nil {
		c.note(func(n *callNotes) { n.noMetadata = true })
	}
	return resp, err
}
