package login

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
)

// vanityTime bounds the look-up of a vanity start URL.
const vanityTime = 10 * time.Second

// ErrNoRedirect says that a start URL is at no host of AWS's and leads to none.
var ErrNoRedirect = errors.New("is no AWS access portal and does not redirect to one")

// StartURL is where a configured start URL leads.
type StartURL struct {
	URL    string // what the sign-in service is sent: an AWS portal's
	Region string // the SSO region that its host names, "" when it names none
	Vanity bool   // URL was found through a redirect
}

// ResolveStartURL follows a vanity start URL (a company's own name that
// redirects to its portal) as the AWS CLI does since 2.35.13: HEAD, or GET when
// that is answered 405 or 501; one redirect; the target must be https at a host
// of AWS's. An AWS host is returned as it is, without a packet. The errors name
// the start URL; errors.Is ErrNoRedirect when the host answered otherwise.
func ResolveStartURL(ctx context.Context, client *http.Client, startURL string) (StartURL, error) {
	u, err := url.Parse(startURL)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http" {
		return StartURL{}, fmt.Errorf("start URL %q is not a web address", startURL)
	}
	if portalSuffix(u.Hostname()) != "" {
		return StartURL{URL: startURL, Region: hostRegion(u.Hostname())}, nil
	}
	if client == nil {
		return StartURL{}, fmt.Errorf("start URL %s: %w", startURL, ErrNoRedirect)
	}
	ctx, cancel := context.WithTimeout(ctx, vanityTime)
	defer cancel()
	status, target, err := redirect(ctx, client, http.MethodHead, startURL)
	if err == nil && (status == http.StatusMethodNotAllowed || status == http.StatusNotImplemented) {
		_, target, err = redirect(ctx, client, http.MethodGet, startURL)
	}
	if err != nil {
		return StartURL{}, fmt.Errorf("start URL %s: %w", startURL, err)
	}
	if target == nil {
		return StartURL{}, fmt.Errorf("start URL %s %w", startURL, ErrNoRedirect)
	}
	if target.Scheme != "https" || target.User != nil || portalSuffix(target.Hostname()) == "" || target.Port() != "" {
		return StartURL{}, fmt.Errorf("start URL %s redirects to %q, which is no AWS access portal, refused",
			startURL, hint.Clean(target.Scheme+"://"+target.Host, 100))
	}
	return StartURL{URL: target.String(), Region: hostRegion(target.Hostname()), Vanity: true}, nil
}

// redirect asks once and returns the status and, for a redirect, its target.
func redirect(ctx context.Context, client *http.Client, method, from string) (int, *url.URL, error) {
	once := *client
	once.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	req, err := http.NewRequestWithContext(ctx, method, from, nil)
	if err != nil {
		return 0, nil, err
	}
	resp, err := once.Do(req)
	if err != nil {
		// The client repeats method and URL; the caller names the URL.
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err
		}
		return 0, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	switch resp.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		target, err := resp.Location()
		if err != nil {
			return resp.StatusCode, nil, err
		}
		return resp.StatusCode, target, nil
	}
	return resp.StatusCode, nil, nil
}
