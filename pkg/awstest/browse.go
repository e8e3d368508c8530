package awstest

import (
	"context"
	"fmt"
	"io"
	"net/http"
)

// Browse opens a page like the browser of a signed-in user who agrees to everything. It
// follows the redirect of /authorize to the client's listener, and approves a device code
// on its page. Requests to loopback do not use the proxy.
func (a *AWS) Browse(ctx context.Context, page string) error {
	t := a.Transport()
	t.DisableKeepAlives = true
	return Browse(ctx, &http.Client{Transport: t}, page)
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
