package ssotoken

import (
	"fmt"
	"strings"

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
//
// Only the access token and its expiry have to be there. Other tools leave other
// kinds of values in the fields that a refresh needs, such as a number for a date;
// the token is then used as it is, and not refreshed.
func parse(data []byte) (Token, error) {
	o, err := clijson.Parse(data)
	if err != nil {
		return Token{}, err
	}
	var t Token
	for _, m := range o {
		if !known(m.Key) {
			t.extra = append(t.extra, m)
		}
	}
	access, err := o.Text(keyAccessToken)
	if err != nil {
		return Token{}, err
	}
	if access == "" {
		return Token{}, fmt.Errorf("no %s", keyAccessToken)
	}
	t.AccessToken = secret.New(access)
	if t.ExpiresAt, err = o.Time(keyExpiresAt); err != nil {
		return Token{}, err
	}
	if t.ExpiresAt.IsZero() {
		return Token{}, fmt.Errorf("no %s", keyExpiresAt)
	}
	text := func(key string) string {
		s, err := o.Text(key)
		t.foreign = t.foreign || err != nil
		return s
	}
	t.StartURL, t.Region, t.ClientID = text(keyStartURL), text(keyRegion), text(keyClientID)
	t.ClientSecret, t.RefreshToken = secret.New(text(keyClientSecret)), secret.New(text(keyRefreshToken))
	if t.RegistrationExpiresAt, err = o.Time(keyRegistrationExpires); err != nil {
		// Go programs write their zero time when they do not know the date.
		t.foreign = t.foreign || !strings.HasPrefix(string(o.Get(keyRegistrationExpires)), `"0001-01-01T`)
	}
	return t, nil
}
