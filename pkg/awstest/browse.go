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

// Browse opens a page like the browser of a signed-in user who approves everything. It
// follows the redirect from /authorize to the client's listener, or approves a device code
// on its page. Requests to loopback addresses bypass the proxy.
func (a *AWS) Browse(ctx context.Context, page string) error {
	t := a.Transport()
	t.DisableKeepAlives = true
	return Browse(ctx, &http.Client{Transport: t}, page)
}

// ClientFromEnvironment returns an HTTP client that uses the proxy and the CA file from the
// environment (SSL_CERT_FILE). On macOS and Windows, net/http ignores that variable.
func ClientFromEnvironment() (*http.Client, error) {
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

// Browse is AWS.Browse with a different client, such as ClientFromEnvironment.
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
