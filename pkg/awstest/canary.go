package awstest

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"

	own "github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
)

// Every secret issued by the fake is a canary: it may appear only in the response to a get
// and in the files that are meant to store it.

// formsOf caches the results of forms. Scripts search each log line for each secret;
// without this cache, computing the forms took two thirds of their CPU time.
var formsOf sync.Map // secret -> []string

// cachedForms returns forms(secret), computed once for each secret.
func cachedForms(secret string) []string {
	if all, ok := formsOf.Load(secret); ok {
		return all.([]string)
	}
	all := forms(secret)
	formsOf.Store(secret, all)
	return all
}

// forms returns the encodings in which a secret can appear in a text. Base64 output depends
// on the offset of the secret in the encoded data (three cases). The characters at both
// ends also encode neighboring bytes and are omitted.
func forms(secret string) []string {
	h := hex.EncodeToString([]byte(secret))
	all := []string{secret, url.QueryEscape(secret), url.PathEscape(secret), h, strings.ToUpper(h)}
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for before := range 3 {
			text := encoding.EncodeToString([]byte("xx"[:before] + secret))
			first := (before*8 + 5) / 6 // the first character that encodes only bits of the secret
			all = append(all, text[first:(before+len(secret))*8/6])
		}
	}
	return all
}

// Leaks reports whether text contains one of the secrets: raw, URL-escaped, in hex or in
// base64.
func Leaks(secrets []string, text string) bool {
	if text == "" {
		return false
	}
	for _, secret := range secrets {
		for _, form := range cachedForms(secret) {
			if strings.Contains(text, form) {
				return true
			}
		}
	}
	return false
}

// MayContainSecrets reports whether a file in the home directory may contain secrets: the
// user's keys, the three AWS CLI caches, and the helper's own cache, except for temporary
// files.
func MayContainSecrets(home *Home, path string) bool {
	if path == filepath.Join(home.Dir, ".aws", "credentials") {
		return true // the user's own keys
	}
	for _, dir := range []string{
		filepath.Join(home.Dir, ".aws", "sso", "cache"),
		filepath.Join(home.Dir, ".aws", "cli", "cache"),
		filepath.Join(home.Dir, ".aws", "login", "cache"),
		own.FromList(home.Env()).CacheDir(), // differs by platform
	} {
		if filepath.Dir(path) == dir && !strings.HasPrefix(filepath.Base(path), ".tmp-") {
			return true
		}
	}
	return false
}

// ScanFiles reads the regular files in the home directory. It reports each file that
// contains a secret but should not, or that contains one and is readable by other users.
func ScanFiles(home *Home, secrets []string) []error {
	return ScanTree(home.Dir, secrets, func(path string) bool { return MayContainSecrets(home, path) })
}

// ScanTree is ScanFiles for any directory. mayContain reports whether a file may contain
// secrets.
func ScanTree(dir string, secrets []string, mayContain func(path string) bool) []error {
	var found []error
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil // deleted in the meantime, or intentionally unreadable
		}
		info, err := d.Info()
		if err != nil || info.Size() > scanCap || mayContain(path) && !open(info) {
			return nil // skip files that may contain secrets: a load test has a thousand of them
		}
		data, err := os.ReadFile(path)
		if err != nil || !Leaks(secrets, string(data)) {
			return nil
		}
		switch {
		case !mayContain(path):
			found = append(found, fmt.Errorf("a secret in %s", path))
		case open(info):
			found = append(found, fmt.Errorf("%s contains a secret and has mode %v", path, info.Mode()))
		}
		return nil
	})
	if err != nil {
		found = append(found, err)
	}
	return found
}

// open reports whether other users may read a file.
func open(info fs.FileInfo) bool { return os.PathSeparator == '/' && info.Mode().Perm()&0o077 != 0 }

// scanCap is the size limit for scanned files: some faults create huge sparse files.
const scanCap = 64 << 20
