package awstest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"sync"
	"time"
)

// authority is a root certificate that mints leaves on demand. The dates are wide, because a test's clock may stand anywhere.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte

	mu     sync.Mutex
	leaves map[string]*tls.Certificate
}

var (
	longAgo = time.Date(1970, 1, 2, 0, 0, 0, 0, time.UTC)
	farAway = time.Date(2110, 1, 1, 0, 0, 0, 0, time.UTC)
	y2000   = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
)

func newAuthority(name string) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	t := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: name}, NotBefore: longAgo, NotAfter: farAway,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return &authority{cert: cert, key: key, pem: block, leaves: map[string]*tls.Certificate{}}, nil
}

// leaf is the certificate for a host; an expired one ran out in 2000.
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
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	t := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host}, NotBefore: longAgo, NotAfter: end,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, t, c.cert, &key.PublicKey, c.key)
	if err != nil {
		return nil, err
	}
	l := &tls.Certificate{Certificate: [][]byte{der, c.cert.Raw}, PrivateKey: key}
	c.leaves[id] = l
	return l, nil
}

func serial() *big.Int {
	b := make([]byte, 16)
	rand.Read(b)
	b[0] &= 0x7f
	return new(big.Int).SetBytes(b)
}

// certificate answers a TLS handshake, in whatever bad way a fault asks for.
func (a *AWS) certificate(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
	t, ok := parseHost(h.ServerName)
	if !ok {
		return a.ca.leaf("unknown.invalid", false)
	}
	switch f := a.take(t.service, Any, t.host, handshakeFault); f.kind() {
	case WrongCA:
		return a.strange.leaf(t.host, false)
	case ExpiredCert:
		return a.ca.leaf(t.host, true)
	case WrongHost:
		return a.ca.leaf("captive.example", false)
	}
	return a.ca.leaf(t.host, false)
}
