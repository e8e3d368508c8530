package awstest_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecrpublic"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// oci is a minimal client that pushes and pulls one blob and one manifest.
type oci struct {
	t    *testing.T
	rt   http.RoundTripper
	host string
	auth string
}

func (c oci) do(method, path, contentType, body string) (int, http.Header, string) {
	c.t.Helper()
	if strings.HasPrefix(path, "/") {
		path = "https://" + c.host + path
	}
	r := must(http.NewRequest(method, path, strings.NewReader(body)))
	if c.auth != "" {
		r.Header.Set("Authorization", c.auth)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	resp, err := c.rt.RoundTrip(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode, resp.Header, string(must(io.ReadAll(resp.Body)))
}

const manifestType = "application/vnd.oci.image.manifest.v1+json"

// push returns the status of the first rejected step, or 201.
func (c oci) push(repo, tag string) int {
	status, h, _ := c.do("POST", "/v2/"+repo+"/blobs/uploads/", "", "")
	if status != http.StatusAccepted {
		return status
	}
	blob := "{}"
	digest := fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(blob)))
	if status, _, _ = c.do("PUT", h.Get("Location")+"?digest="+digest, "application/octet-stream", blob); status != http.StatusCreated {
		return status
	}
	part := `{"mediaType":"application/vnd.oci.image.config.v1+json","size":2,"digest":"` + digest + `"}`
	status, _, _ = c.do("PUT", "/v2/"+repo+"/manifests/"+tag, manifestType, `{"schemaVersion":2,"mediaType":"`+manifestType+`","config":`+part+`,"layers":[`+part+`]}`)
	return status
}

func (c oci) pull(repo, tag string) int {
	status, _, _ := c.do("GET", "/v2/"+repo+"/manifests/"+tag, "", "")
	return status
}

func basic(pw string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte("AWS:"+pw))
}

func TestPushAndPull(t *testing.T) {
	a := start(t, awstest.Options{})
	auth := basic(password(t, roleConfig(t, a)))
	tr := a.Transport()
	t.Cleanup(tr.CloseIdleConnections)
	own, dual := acct+".dkr.ecr.eu-west-1.amazonaws.com", acct+".dkr-ecr.eu-west-1.on.aws"
	if status := (oci{t, tr, own, auth}).push("team/app", "v1"); status != http.StatusCreated {
		t.Fatalf("push: %d", status)
	}
	for _, host := range []string{own, dual} {
		if status := (oci{t, tr, host, auth}).pull("team/app", "v1"); status != http.StatusOK {
			t.Errorf("pull from %s: %d", host, status)
		}
	}
	if status := (oci{t, tr, own, ""}).push("team/app", "v2"); status != http.StatusUnauthorized {
		t.Errorf("push without a password: %d", status)
	}
}

func TestPublicRegistry(t *testing.T) {
	a := start(t, awstest.Options{})
	tr := a.Transport()
	t.Cleanup(tr.CloseIdleConnections)
	bearer := func(auth string) string {
		status, _, body := oci{t, tr, "public.ecr.aws", auth}.do("GET", "/token/?service=public.ecr.aws&scope=aws", "", "")
		var out struct{ Token string }
		if err := json.Unmarshal([]byte(body), &out); err != nil || status != http.StatusOK {
			t.Fatalf("token: %d, %v", status, err)
		}
		return "Bearer " + out.Token
	}
	anonymous := oci{t, tr, "public.ecr.aws", bearer("")}
	if status := anonymous.push("team/app", "v1"); status != http.StatusForbidden {
		t.Errorf("anonymous push: %d", status)
	}
	cfg := roleConfig(t, a)
	cfg.Region = "us-east-1"
	out := must(ecrpublic.NewFromConfig(cfg).GetAuthorizationToken(t.Context(), &ecrpublic.GetAuthorizationTokenInput{}))
	signedIn := oci{t, tr, "public.ecr.aws", bearer("Basic " + *out.AuthorizationData.AuthorizationToken)}
	if status := signedIn.push("team/app", "v1"); status != http.StatusCreated {
		t.Errorf("push: %d", status)
	}
	if status := anonymous.pull("team/app", "v1"); status != http.StatusOK {
		t.Errorf("anonymous pull: %d", status)
	}
	if status := (oci{t, tr, "public.ecr.aws", ""}).pull("team/app", "v1"); status != http.StatusUnauthorized {
		t.Errorf("pull without a bearer token: %d", status)
	}
}

func TestRegistryChecksPassword(t *testing.T) {
	a := start(t, awstest.Options{})
	a.AllowCrossAccount(acct, "222222222222")
	pw := password(t, roleConfig(t, a))
	tr := a.Transport()
	t.Cleanup(tr.CloseIdleConnections)
	ask := func(host, user, pw string) (int, string) {
		r := must(http.NewRequest("GET", "https://"+host+"/v2/", nil))
		if user != "" {
			r.SetBasicAuth(user, pw)
		}
		resp := must(tr.RoundTrip(r))
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		return resp.StatusCode, resp.Header.Get("Www-Authenticate")
	}
	own := acct + ".dkr.ecr.eu-west-1.amazonaws.com"
	for _, c := range []struct {
		name, host, user, pw string
		status               int
	}{
		{"valid password", own, "AWS", pw, 200},
		{"another account's registry, allowed", "222222222222.dkr.ecr.eu-west-1.amazonaws.com", "AWS", pw, 200},
		{"no password", own, "", "", 401},
		{"unknown password", own, "AWS", "x", 401},
		{"wrong user name", own, "root", pw, 401},
		{"another region's registry", acct + ".dkr.ecr.us-east-1.amazonaws.com", "AWS", pw, 401},
		{"another account's registry", "333333333333.dkr.ecr.eu-west-1.amazonaws.com", "AWS", pw, 403},
	} {
		status, challenge := ask(c.host, c.user, c.pw)
		if status != c.status {
			t.Errorf("%s: %d, want %d", c.name, status, c.status)
		}
		if want := `Basic realm="https://` + c.host + `/",service="ecr.amazonaws.com"`; status == 401 && challenge != want {
			t.Errorf("%s: challenge %s", c.name, challenge)
		}
	}
	a.Advance(12*time.Hour + time.Second)
	if status, _ := ask(own, "AWS", pw); status != 401 {
		t.Errorf("expired password: %d", status)
	}
}
