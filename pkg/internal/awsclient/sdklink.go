package awsclient

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// metadataTime is for all that the instance metadata service is asked before it
// has answered once: on most machines nobody is there.
const metadataTime = time.Second

// install makes the SDK's own clients send through l. They could not be given it
// as their HTTP client: with AWS_CA_BUNDLE set, the SDK refuses every client but
// its own, and the container credentials would not use it at all.
func (l *link) install(stack *middleware.Stack) error {
	last := middleware.DeserializeMiddlewareFunc("SendThroughLink",
		func(ctx context.Context, in middleware.DeserializeInput, _ middleware.DeserializeHandler) (middleware.DeserializeOutput, middleware.Metadata, error) {
			out, meta, err := smithyhttp.NewClientHandlerWithOptions(sdkClient{l}).Handle(ctx, in.Request)
			return middleware.DeserializeOutput{RawResponse: out}, meta, err
		})
	return stack.Deserialize.Add(last, middleware.After)
}

// sdkClient gives the instance metadata service its own, short rules.
type sdkClient struct{ l *link }

func (s sdkClient) Do(req *http.Request) (*http.Response, error) {
	if !strings.HasPrefix(req.URL.Path, "/latest/") {
		return s.l.Do(req)
	}
	c := callFrom(req.Context())
	if c.silent() {
		return nil, &Fault{Kind: Timeout, cause: "the instance metadata service does not answer"}
	}
	ctx, cancel := context.WithTimeout(req.Context(), metadataTime)
	defer cancel()
	asked := &call{service: "imds", op: "instance metadata", again: metadata, phase: metadataTime}
	resp, err := s.l.Do(req.WithContext(withCall(ctx, asked)))
	if err != nil {
		c.note(func(n *callNotes) { n.noMetadata = true })
	}
	return resp, err
}

func (c *call) silent() bool { return c.notes().noMetadata }
