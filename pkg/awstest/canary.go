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
)

// Every secret that the fake AWS ever issued is a canary: no output and no file may
// hold one, but the answer of a get and the files made for it.

// formsOf caches forms: scripts search each log line for each secret, and encoding the
// secrets again took two thirds of their CPU time.
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

// forms are the encodings of a secret that a text may hold. Base64 differs with the
// position in what is encoded (three cases); the characters at its ends also encode
// neighbouring bytes and are left out.
func forms(secret string) []string {
	h := hex.EncodeToString([]byte(secret))
	all := []string{secret, url.QueryEscape(secret), url.PathEscape(secret), h, strings.ToUpper(h)}
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for before := range 3 {
			text := encoding.EncodeToString([]byte("xx"[:before] + secret))
			first := (before*8 + 5) / 6 // the first character without a bit of what stands before
			all = append(all, text[first:(before+len(secret))*8/6])
		}
	}
	return all
}

// Leaks tells whether one of the secrets stands in text: raw, URL-escaped, in hex or
// in base64.
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

// MayHold tells whether a file of the home was made for secrets: the person's keys, the
// AWS CLI's two caches and our own. A temporary file never is.
func MayHold(home *Home, path string) bool {
	if path == filepath.Join(home.Dir, ".aws", "credentials") {
		return true // the person's own keys
	}
	for _, dir := range []string{
		filepath.Join(home.Dir, ".aws", "sso", "cache"),
		filepath.Join(home.Dir, ".aws", "cli", "cache"),
		filepath.Join(home.Dir, ".cache", "docker-credential-ecr-sso"),
	} {
		if filepath.Dir(path) == dir && !strings.HasPrefix(filepath.Base(path), ".tmp-") {
			return true
		}
	}
	return false
}

// ScanFiles looks at every regular file of the home and says where a secret stands that
// does not belong there, or may be read by others.
func ScanFiles(home *Home, secrets []string) []error {
	return ScanTree(home.Dir, secrets, func(path string) bool { return MayHold(home, path) })
}

// ScanTree is ScanFiles for any directory; mayHold names the files that were made for
// secrets.
func ScanTree(dir string, secrets []string, mayHold func(path string) bool) []error {
	var found []error
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil // gone meanwhile, or made unreadable on purpose
		}
		info, err := d.Info()
		if err != nil || info.Size() > scanCap || mayHold(path) && !open(info) {
			return nil // the last are a thousand in a herd, and thousands of secrets
		}
		data, err := os.ReadFile(path)
		if err != nil || !Leaks(secrets, string(data)) {
			return nil
		}
		switch {
		case !mayHold(path):
			found = append(found, fmt.Errorf("a secret in %s", path))
		case open(info):
			found = append(found, fmt.Errorf("%s holds a secret with mode %v", path, info.Mode()))
		}
		return nil
	})
	if err != nil {
		found = append(found, err)
	}
	return found
}

// open tells whether others may read a file.
func open(info fs.FileInfo) bool { return os.PathSeparator == '/' && info.Mode().Perm()&0o077 != 0 }

// scanCap spares the sparse giants that faults plant.
const scanCap = 64 << 20
