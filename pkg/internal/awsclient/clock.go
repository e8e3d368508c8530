package awsclient

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// inServerTime makes a signed call. When the service refuses the signature and its
// clock is more than five minutes from the time in it, the call is made once more, signed with
// the service's time, and so are all later ones: AWS's other SDKs do the same. The
// error is a *Fault; ClockSkew when that did not help.
func (c *Client) inServerTime(call *call, ask func() error) error {
	err := ask()
	if c.adoptServerTime(call, err) {
		err = ask()
	}
	return call.fault(err)
}

// adoptServerTime reports whether err is such a refusal, and signs with the service's
// time from then on.
func (c *Client) adoptServerTime(call *call, err error) bool {
	f, ok := errors.AsType[*Fault](call.fault(err))
	if !ok || !complains(f) || (f.Skew-c.link.ahead()).Abs() <= maxSkew {
		return false
	}
	c.link.skewed.Store(int64(f.Skew))
	return true
}

// serverTime is how far AWS's clock is ahead of ours, once it has refused ours.
type serverTime struct{ skewed atomic.Int64 }

func (t *serverTime) ahead() time.Duration { return time.Duration(t.skewed.Load()) }

// signer signs with the server's time. The SDK's own correction works between the
// tries of its retryer, which is not used.
func (t *serverTime) signer() *timedSigner { return &timedSigner{v4.NewSigner(), t} }

type timedSigner struct {
	signer *v4.Signer
	time   *serverTime
}

// SignHTTP implements the HTTPSignerV4 of the services.
func (s *timedSigner) SignHTTP(ctx context.Context, keys aws.Credentials, r *http.Request, payloadHash, service, region string,
	now time.Time, options ...func(*v4.SignerOptions)) error {
	return s.signer.SignHTTP(ctx, keys, r, payloadHash, service, region, now.Add(s.time.ahead()), options...)
}
