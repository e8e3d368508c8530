package awstest_test

import (
	"crypto/rsa"
	"net/http"
	"testing"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

func TestAWSChainIsRootIntermediateAndRSALeaf(t *testing.T) {
	a := start(t, awstest.Options{AWSChain: true})
	resp := must(a.Transport().RoundTrip(must(http.NewRequest("GET", "https://portal.sso."+region+".amazonaws.com/", nil))))
	resp.Body.Close()
	chain := resp.TLS.VerifiedChains[0]
	if len(chain) != 3 || len(resp.TLS.PeerCertificates) != 2 {
		t.Fatalf("%d certificates in the chain, %d sent", len(chain), len(resp.TLS.PeerCertificates))
	}
	for _, c := range chain {
		if key, ok := c.PublicKey.(*rsa.PublicKey); !ok || key.N.BitLen() != 2048 {
			t.Errorf("%s: %T", c.Subject, c.PublicKey)
		}
	}
}
