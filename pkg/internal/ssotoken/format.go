package ssotoken

import (
	"fmt"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/clijson"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/secret"
)

// The fields in the order in which AWS CLI writes them.
const (
	keyStartURL            = "startUrl"
	keyRegion              = "region"
	keyAccessToken         = "accessToken"
	keyExpiresAt           = "expiresAt"
	keyClientID            = "clientId"
	keyClientSecret        = "clientSecret"
	keyRegistrationExpires = "registrationExpiresAt"
	keyRefreshToken        = "refreshToken"
)

// known tells our fields from those that are only carried along.
func known(key string) bool {
	switch key {
	case keyStartURL, keyRegion, keyAccessToken, keyExpiresAt,
		keyClientID, keyClientSecret, keyRegistrationExpires, keyRefreshToken:
		return true
	}
	return false
}

// Marshal returns the bytes of the token file as AWS CLI spells them; fields
// that this program does not know follow, in their order and spelling. Empty
// fields are left out.
func Marshal(t Token) []byte {
	var o clijson.Object
	add := func(key, value string) {
		if value != "" {
			o = append(o, clijson.Member{Key: key, Value: clijson.String(value)})
		}
	}
	add(keyStartURL, t.StartURL)
	add(keyRegion, t.Region)
	add(keyAccessToken, t.AccessToken.Reveal())
	add(keyExpiresAt, clijson.FormatTime(t.ExpiresAt))
	add(keyClientID, t.ClientID)
	add(keyClientSecret, t.ClientSecret.Reveal())
	if !t.RegistrationExpiresAt.IsZero() {
		add(keyRegistrationExpires, clijson.FormatTime(t.RegistrationExpiresAt))
	}
	add(keyRefreshToken, t.RefreshToken.Reveal())
	return append(o, t.extra...).Append(nil)
}

// parse reads a token file. Its errors say which field is wrong, not what is
// in it, and keep io.ErrUnexpectedEOF for a text that is cut short.
func parse(data []byte) (Token, error) {
	o, err := clijson.Parse(data)
	if err != nil {
		return Token{}, err
	}
	texts := map[string]string{}
	var t Token
	for _, m := range o {
		if !known(m.Key) {
			t.extra = append(t.extra, m)
			continue
		}
		if texts[m.Key], err = o.Text(m.Key); err != nil {
			return Token{}, err
		}
	}
	t.StartURL, t.Region, t.ClientID = texts[keyStartURL], texts[keyRegion], texts[keyClientID]
	t.AccessToken = secret.New(texts[keyAccessToken])
	t.ClientSecret = secret.New(texts[keyClientSecret])
	t.RefreshToken = secret.New(texts[keyRefreshToken])
	if t.AccessToken.Empty() {
		return Token{}, fmt.Errorf("no %s", keyAccessToken)
	}
	if t.ExpiresAt, err = date(texts, keyExpiresAt); err != nil {
		return Token{}, err
	}
	if t.ExpiresAt.IsZero() {
		return Token{}, fmt.Errorf("no %s", keyExpiresAt)
	}
	if t.RegistrationExpiresAt, err = date(texts, keyRegistrationExpires); err != nil {
		return Token{}, err
	}
	return t, nil
}

func date(texts map[string]string, key string) (time.Time, error) {
	if texts[key] == "" {
		return time.Time{}, nil
	}
	t, err := clijson.ParseTime(texts[key])
	if err != nil {
		return time.Time{}, fmt.Errorf("%s: %w", key, err)
	}
	return t, nil
}
