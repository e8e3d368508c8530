package awsclient

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/logincreds"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
)

// LoginFile is the file of an `aws login` session, "" without a home directory.
func LoginFile(o Options, session string) string {
	dir := o.Env.Get(env.AWSLoginCache)
	if dir == "" {
		if o.Home == "" {
			return ""
		}
		dir = filepath.Join(o.Home, ".aws", "login", "cache")
	}
	path, err := logincreds.StandardCachedTokenFilepath(session, dir)
	if err != nil {
		return ""
	}
	return path
}

// loginCredentials gets the keys of an `aws login` session, which the provider
// renews when they have expired.
func (c *Client) loginCredentials(ctx context.Context, o awsconfig.Origin, region string) (aws.Credentials, error) {
	path := LoginFile(c.o, o.LoginSession)
	// The provider would read a file of any kind and size.
	if _, err := readToken(path, "`aws login` session"); errors.Is(err, fs.ErrNotExist) || path == "" {
		return aws.Credentials{}, NoLoginSession(o)
	} else if err != nil {
		return aws.Credentials{}, err
	}
	api, err := c.signin(region)
	if err != nil {
		return aws.Credentials{}, err
	}
	keys, err := logincreds.New(api, path, func(p *logincreds.Options) { p.RestrictPermissions = true }).Retrieve(ctx)
	n := callFrom(ctx).notes()
	switch {
	case err == nil:
		return keys, nil
	case n.tries == 0 && ctx.Err() == nil:
		return aws.Credentials{}, noLoginSession(o, "has an `aws login` session that cannot be read", err)
	case n.status >= http.StatusBadRequest && n.status < http.StatusInternalServerError && !throttled(n.status, n.answer.code):
		return aws.Credentials{}, noLoginSession(o, "has an `aws login` session that has expired", err)
	}
	return aws.Credentials{}, err
}

// NoLoginSession is the fault of a profile of `aws login` that is not signed in.
func NoLoginSession(o awsconfig.Origin) *Fault {
	return noLoginSession(o, "has no `aws login` session", nil)
}

// noLoginSession says that only a new `aws login` helps.
func noLoginSession(o awsconfig.Origin, why string, err error) *Fault {
	return &Fault{Kind: Expired, Service: signinService.name, cause: fmt.Sprintf("profile %q %s", o.Profile, why), Err: err}
}
