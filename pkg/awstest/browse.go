package awstest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
)

// Browse opens a page like the browser of a signed-in user who agrees to everything. It
// follows the redirect of /authorize to the client's listener, and approves a device code
// on its page. Requests to loopback do not use the proxy.
func (a *AWS) Browse(ctx context.Context, page string) error {
	t := a.Transport()
	t.DisableKeepAlives = true
	return Browse(ctx, &http.Client{Transport: t}, page)
}

// EnvironmentClient returns a client with the proxy and the certificate authority that the
// environment names (SSL_CERT_FILE). Package http alone ignores that variable on macOS and
// Windows.
func EnvironmentClient() (*http.Client, error) {
	t := http.DefaultTransport.(*http.Transport).Clone()
	if file := os.Getenv("SSL_CERT_FILE"); file != "" {
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("no certificate in %s", file)
		}
		t.TLSClientConfig = &tls.Config{RootCAs: pool}
	}
	return &http.Client{Transport: t}, nil
}

// Browse is AWS.Browse with another client, such as one with the fake's proxy and CA from
// its environment.
func Browse(ctx context.Context, c *http.Client, page string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, page, nil)
	if err != nil {
		return err
	}
	resp, err := c.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20)); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", resp.Request.URL.Host, resp.Status)
	}
	return nil
}
