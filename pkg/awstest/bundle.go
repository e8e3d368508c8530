package awstest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"sync"
)

// SystemBundle returns a CA file as large as a real system's: 150 other CAs, one of them
// with the name of Amazon's, and the fake's own CA at the end.
func (a *AWS) SystemBundle() ([]byte, error) {
	others, err := otherAuthorities()
	return append(bytes.Clone(others), a.ca.pem...), err
}

var otherAuthorities = sync.OnceValues(func() ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	for i := range 150 {
		name := fmt.Sprintf("Authority %d", i)
		if i == 0 {
			name = "Amazon Root CA 1"
		}
		t := authorityTemplate(name)
		// Pad the certificate to the size of one with a 4096-bit RSA key and signature.
		t.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 99999, 1}, Value: make([]byte, 700)}}
		cert, err := sign(t, nil, key, key)
		if err != nil {
			return nil, err
		}
		out.WriteString("# " + name + "\n")
		if err := pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), nil
})
