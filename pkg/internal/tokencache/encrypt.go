package tokencache

import (
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"sync"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

// Errors of an encrypted cache.
var (
	// ErrNoKey: the key is not available, so nothing is read or written.
	ErrNoKey = errors.New("no key for the token cache")
	// errSealed: the entry was encrypted with another key, or it was changed.
	errSealed = errors.New("not sealed with this key")
)

// Encrypted returns a cache in the same directory whose passwords are encrypted with
// AES-256-GCM. The other fields of the entry (registry, identity, endpoint, dates) are
// the additional data, so that a password cannot be moved to another entry. key returns
// 32 bytes and is called once, when the first password is read or written. If it fails,
// reads miss and writes return ErrNoKey; nothing is written in plain text instead.
// Encrypted deletes nothing, see EraseOtherForms.
func (c *Cache) Encrypted(key func() (secret.Secret, error)) *Cache {
	sealed := *c
	sealed.vault = &vault{aead: sync.OnceValues(func() (cipher.AEAD, error) {
		k, err := key()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrNoKey, err)
		}
		if len(k.Reveal()) != keySize {
			return nil, fmt.Errorf("%w: it is not %d bytes long", ErrNoKey, keySize)
		}
		block, err := aes.NewCipher([]byte(k.Reveal()))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrNoKey, err)
		}
		return cipher.NewGCMWithRandomNonce(block)
	})}
	return &sealed
}

// keySize selects AES-256. The library accepts shorter keys for AES-128 and AES-192.
const keySize = 32

// vault encrypts and decrypts passwords.
type vault struct{ aead func() (cipher.AEAD, error) }

// seal returns the record with its password encrypted.
func (v *vault) seal(r record) (record, error) {
	aead, err := v.aead()
	if err != nil {
		return record{}, err
	}
	password := r.Password
	r.Password, r.Sealed = "", nil
	around, err := r.marshal()
	if err != nil {
		return record{}, err
	}
	r.Sealed = aead.Seal(nil, nil, []byte(password), label(around)) //nolint:gosec // this AEAD makes a random nonce itself
	return r, nil
}

// open returns the record with its password decrypted.
func (v *vault) open(r record) (record, error) {
	aead, err := v.aead()
	if err != nil {
		return record{}, err
	}
	sealed := r.Sealed
	r.Password, r.Sealed = "", nil
	around, err := r.marshal()
	if err != nil {
		return record{}, errSealed
	}
	password, err := aead.Open(nil, nil, sealed, label(around))
	if err != nil {
		return record{}, errSealed
	}
	r.Password = string(password)
	return r, nil
}

// label adds the version of the format, which is only in the file name.
func label(around []byte) []byte { return append([]byte(sealedVersion+"\x00"), around...) }

// reportNoKey reports that the key is not available. An entry under another key is only a
// miss: the keychain has a new key.
func (c *Cache) reportNoKey(err error) {
	if c.report != nil && errors.Is(err, ErrNoKey) {
		c.report(err)
	}
}
