package awstest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"sync"
	"time"
)

// authority is a root certificate that issues leaf certificates on demand. Certificates are
// valid for many years because a test clock can be set to any date.
type authority struct {
	cert      *x509.Certificate // the root
	pem       []byte
	issuer    *x509.Certificate // of the leaves: the root, or an intermediate
	issuerKey crypto.Signer
	leafKey   func() (crypto.Signer, error)

	mu     sync.Mutex
	leaves map[string]*tls.Certificate
}

var (
	longAgo = time.Date(1970, 1, 2, 0, 0, 0, 0, time.UTC)
	farAway = time.Date(2110, 1, 1, 0, 0, 0, 0, time.UTC)
	y2000   = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
)

// newAuthority creates a short chain, or one like AWS's (see Options.AWSChain).
func newAuthority(name string, likeAWS bool) (*authority, error) {
	newKey := func() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }
	if likeAWS {
		newKey = func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, 2048) }
	}
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	root, err := sign(authorityTemplate(name), nil, key, key)
	if err != nil {
		return nil, err
	}
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Raw})
	c := &authority{cert: root, pem: block, issuer: root, issuerKey: key, leafKey: newKey, leaves: map[string]*tls.Certificate{}}
	if likeAWS {
		if c.issuerKey, err = newKey(); err != nil {
			return nil, err
		}
		if c.issuer, err = sign(authorityTemplate(name+", intermediate"), root, c.issuerKey, key); err != nil {
			return nil, err
		}
		c.leafKey = sync.OnceValues(newKey) // RSA keys are slow to generate
	}
	return c, nil
}

func authorityTemplate(name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: name}, NotBefore: longAgo, NotAfter: farAway,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
}

// sign issues a certificate for key. Without a parent, the certificate is self-signed.
func sign(t, parent *x509.Certificate, key, with crypto.Signer) (*x509.Certificate, error) {
	if parent == nil {
		parent = t
	}
	der, err := x509.CreateCertificate(rand.Reader, t, parent, key.Public(), with)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// leaf returns a certificate for a host. With expired, the certificate expired in 2000.
func (c *authority) leaf(host string, expired bool) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	id, end := host, farAway
	if expired {
		id, end = "expired "+host, y2000
	}
	if l := c.leaves[id]; l != nil {
		return l, nil
	}
	key, err := c.leafKey()
	if err != nil {
		return nil, err
	}
	cert, err := sign(&x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host}, NotBefore: longAgo, NotAfter: end,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, c.issuer, key, c.issuerKey)
	if err != nil {
		return nil, err
	}
	l := &tls.Certificate{Certificate: [][]byte{cert.Raw, c.issuer.Raw}, PrivateKey: key}
	c.leaves[id] = l
	return l, nil
}

func serial() *big.Int {
	b := make([]byte, 16)
	rand.Read(b)
	b[0] &= 0x7f
	return new(big.Int).SetBytes(b)
}

// certificate returns the certificate for a TLS handshake: a valid one, or the one that a
// fault requires.
func (a *AWS) certificate(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
	t, ok := a.hostOf(h.ServerName)
	if !ok {
		return a.ca.leaf("unknown.invalid", false)
	}
	switch f := a.take(t.service, Any, t.host, handshakePhase); f.kind() {
	case WrongCA:
		untrusted, err := a.untrustedCA()
		if err != nil {
			return nil, err
		}
		return untrusted.leaf(t.host, false)
	case ExpiredCert:
		return a.ca.leaf(t.host, true)
	case WrongHost:
		return a.ca.leaf("captive.example", false)
	}
	return a.ca.leaf(t.host, false)
}
