package awsclient

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"
	"github.com/aws/aws-sdk-go-v2/credentials/processcreds"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/programs"
)

const (
	// nodeMetadataTimeout is the limit of a call to the metadata service on a node, which has the service but may be busy.
	nodeMetadataTimeout = 5 * time.Second

	ecsAddress   = "http://169.254.170.2"
	metadataIPv4 = "http://169.254.169.254"
	metadataIPv6 = "http://[fd00:ec2::254]"
)

// machineCredentials gets the container's credentials or, outside a container, the
// instance's.
func (c *Client) machineCredentials(ctx context.Context) (aws.Credentials, error) {
	if containerURI(c.o.Env) != "" {
		return c.containerCredentials(ctx)
	}
	return c.instanceCredentials(ctx)
}

// containerURI returns the URL of the container's credentials, or "" outside a container.
func containerURI(e env.Set) string {
	if path := e.Get(env.AWSContainerRelativeURI); path != "" {
		return ecsAddress + path
	}
	return e.Get(env.AWSContainerFullURI)
}

// containerCredentials gets credentials from ECS, EKS or a local server.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
func (c *Client) containerCredentials(ctx context.Context) (aws.Credentials, error) {
	token := c.o.Env.Get(env.AWSContainerToken)
	if path := c.o.Env.Get(env.AWSContainerTokenFile); path != "" {
		variable := env.AWSContainerTokenFile.Name()
		data, err := readToken(path, variable, hint.UnsetCommand(variable, env.AWSContainerFullURI.Name()))
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
		f.cause = f.Variable + " is plain http to another machine, which is not allowed"
	}
	if refused := callFrom(ctx).refusal("container credentials endpoint", err); refused != nil {
		return aws.Credentials{}, refused
	}
	return keys, err
}

// refusal returns the fault for a credentials endpoint whose last response was 401 or
// 403, or nil. The endpoint denied access to the machine. This is not a missing ECR
// permission.
func (c *call) refusal(endpoint string, err error) error {
	n := c.notes()
	if err == nil || n.status != http.StatusUnauthorized && n.status != http.StatusForbidden {
		return nil
	}
	said := cmp.Or(n.answer.message, n.answer.text, "without a message")
	return &Fault{Kind: Other, Service: c.service, cause: fmt.Sprintf("the %s %s refused (%d): %s", endpoint, n.host, n.status, said), Err: err}
}

// instanceCredentials gets credentials from the instance metadata service.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-imds-credentials.html
func (c *Client) instanceCredentials(ctx context.Context) (aws.Credentials, error) {
	set := func(v env.Var, key string) string { return cmp.Or(c.o.Env.Get(v), c.o.key(key)) }
	// Set all options, because the SDK reads missing ones from the process environment.
	link := &metadataClient{l: c.link, last: &call{}, limit: c.o.steps.metadata, retry: c.o.Unattended}
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

// metadataClient limits the time of calls to the instance metadata service.
type metadataClient struct {
	l     *link
	last  *call // last request
	limit time.Duration
	retry bool // retry failed requests
}

// Do implements imds.HTTPClient.
func (m *metadataClient) Do(req *http.Request) (*http.Response, error) {
	c := callFrom(req.Context())
	if c.notes().noMetadata {
		return nil, &Fault{Kind: Timeout, cause: "the instance metadata service does not respond"}
	}
	m.last = &call{service: "imds", op: "instance metadata", retry: retryNever, tryLimit: m.limit}
	if m.retry {
		m.last.retry, m.last.tryLimit = retryAlways, nodeMetadataTimeout
	}
	resp, err := m.l.Do(req.WithContext(withCall(req.Context(), m.last)))
	if err != nil {
		c.note(func(n *callNotes) { n.noMetadata = true })
	}
	return resp, err
}

const (
	maxProcessOutput = 64 << 10
	maxProcessStderr = 4 << 10
	// processWaitDelay is the time limit for a grandchild that holds the pipes open after
	// the program has exited.
	processWaitDelay = time.Second
	// processMargin is the time between killing the program and the caller's deadline. It
	// allows the error to be returned in time.
	processMargin = processWaitDelay + 500*time.Millisecond
)

// process runs a credential_process. Unlike the AWS CLI, the SDK's builder would start a
// shell. It would also pass our stderr and our stdin, which belongs to Docker, to the
// program. The SDK's errors contain the program's output, including secrets.
type process struct {
	sdk      *processcreds.Provider
	env      env.Set
	command  string
	terminal bool // the user may have a terminal
	stderr   programs.Output
}

func newProcess(e env.Set, command string, terminal bool) *process {
	p := &process{env: e, command: command, terminal: terminal, stderr: programs.Output{Max: maxProcessStderr}}
	p.sdk = processcreds.NewProviderCommand(p, func(o *processcreds.Options) { o.Timeout = processTimeout })
	return p
}

// NewCommand implements processcreds.NewCommandBuilder. The program gets the
// client's environment, with its secrets, as with the AWS CLI. NewCommand searches for the
// program on that PATH.
func (p *process) NewCommand(ctx context.Context) (*exec.Cmd, error) {
	words, err := programs.SplitWords(p.command)
	if err != nil {
		return nil, &processError{reason: "credential_process could not be run: " + err.Error()}
	}
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Env = programs.Environ(p.env)
	// Find does not search the working directory, unlike package exec on Windows.
	if cmd.Path, cmd.Err = programs.Find(p.env, words[0]); cmd.Err != nil {
		return nil, &processError{reason: "credential_process could not be run: " + clean(cmd.Err.Error())}
	}
	cmd.Stdin, cmd.Stderr = nil, &p.stderr
	cmd.Stdout = &programs.Output{Max: maxProcessOutput, Strict: true}
	// On a terminal, the program stays in our process group. In a different group, it
	// could not read a code from the terminal.
	if !p.terminal || !hasTerminal() {
		programs.Group(cmd)
	}
	cmd.WaitDelay = processWaitDelay
	return cmd, nil
}

func hasTerminal() bool {
	tty, err := os.OpenFile("/dev/tty", os.O_RDONLY, 0)
	if err != nil {
		return false
	}
	_ = tty.Close()
	return true
}

// Retrieve implements aws.CredentialsProvider.
func (p *process) Retrieve(ctx context.Context) (aws.Credentials, error) {
	if end, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, end.Add(-processMargin))
		defer cancel()
	}
	creds, err := p.sdk.Retrieve(ctx)
	if err == nil && creds.CanExpire && creds.Expired() {
		return aws.Credentials{}, &processError{reason: "credential_process printed expired credentials"}
	}
	if err == nil && !printable(creds.AccessKeyID+creds.SecretAccessKey+creds.SessionToken) {
		return aws.Credentials{}, &processError{reason: "credential_process printed keys with blanks or other characters that are not allowed"}
	}
	if err == nil {
		return creds, nil
	}
	if own, ok := errors.AsType[*processError](err); ok {
		return aws.Credentials{}, own
	}
	reason, stderr := "credential_process printed no credentials", ""
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), "timed out"):
		reason = "credential_process did not finish in time"
	case errors.As(err, &exit):
		reason = fmt.Sprintf("credential_process exited with status %d", exit.ExitCode())
		stderr = lastLine(p.stderr.Bytes())
	case errors.Is(err, exec.ErrWaitDelay):
		reason = "credential_process left a program running that keeps its output open"
	case strings.Contains(err.Error(), "error in credential_process"):
		reason = "credential_process could not be run"
	}
	return aws.Credentials{}, &processError{reason, stderr}
}

// processError is a credential_process failure: the reason, and the last line of its
// stderr, which may contain a secret.
type processError struct{ reason, stderr string }

func (e *processError) Error() string {
	if e.stderr == "" {
		return e.reason
	}
	return e.reason + ": " + e.stderr
}

// Quiet returns the text of err without the output of a credential_process. Only the
// command's error line shows that output. Logs and reports do not. Quiet(nil) is "".
func Quiet(err error) string {
	if err == nil {
		return ""
	}
	process, ok := errors.AsType[*processError](err)
	if !ok || process.stderr == "" {
		return err.Error()
	}
	return strings.ReplaceAll(err.Error(), ": "+process.stderr, "")
}

// lastLine returns the last line of a program's output.
func lastLine(printed []byte) string {
	text := strings.TrimSpace(string(printed))
	if i := strings.LastIndexByte(text, '\n'); i >= 0 {
		text = text[i+1:]
	}
	return clean(strings.TrimSpace(text))
}
