package credhelper

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/ssotoken"
)

const (
	// refusalLife is how long a refused refresh is not asked for again: the many
	// processes of one docker compose pull need one answer.
	refusalLife = time.Minute
	maxRefusal  = 4 << 10
)

// refusal is what one process leaves beside the session's lock for those who wait
// there with the same refresh token.
type refusal struct {
	Token  string    `json:"token"` // SHA-256 of the refresh token
	At     time.Time `json:"at"`
	Client bool      `json:"client"` // it was the client registration that was refused
	Host   string    `json:"host"`
	Code   string    `json:"code"`
}

// ask spends the refresh token in the region that issued it, unless a process has
// just been refused with the same token. It runs under the session's lock.
func (s sessionToken) ask(ctx context.Context, t ssotoken.Token) (ssotoken.Grant, error) {
	marker := s.lock
	if marker != "" {
		marker += ".refused"
		if err := s.refusedBefore(marker, t); err != nil {
			return ssotoken.Grant{}, err
		}
	}
	grant, err := s.client.Refresh(ctx, cmp.Or(t.Region, s.region), t)
	if fault, ok := errors.AsType[*awsclient.Fault](err); ok && refusesGrant(err) && marker != "" {
		data, _ := json.Marshal(refusal{tokenSum(t), s.h.now().UTC(), fault.Kind == awsclient.InvalidClient, fault.Host, fault.Code})
		s.h.log.Debug("refresh refused", "kept", safefile.WriteOwn(marker, data) == nil)
	}
	return grant, err
}

// refusedBefore returns the fault that another process met with this token.
func (s sessionToken) refusedBefore(marker string, t ssotoken.Token) error {
	data, err := safefile.ReadOwn(marker, maxRefusal)
	if err != nil {
		return nil
	}
	var r refusal
	if json.Unmarshal(data, &r) != nil || r.Token != tokenSum(t) {
		return nil
	}
	if age := s.h.now().Sub(r.At); age < 0 || age > refusalLife {
		return nil
	}
	kind := awsclient.InvalidGrant
	if r.Client {
		kind = awsclient.InvalidClient
	}
	return &awsclient.Fault{Kind: kind, Service: "sso-oidc", Op: "CreateToken", Host: r.Host, Code: r.Code}
}

func tokenSum(t ssotoken.Token) string {
	sum := sha256.Sum256([]byte(t.RefreshToken.Reveal()))
	return hex.EncodeToString(sum[:])
}
