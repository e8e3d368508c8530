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

// Every secret that the fake AWS issues is a canary: it may appear only in the answer of
// a get and in the files made for it, not in any other output or file.

// formsOf caches the results of forms: scripts search each log line for each secret, and
// computing the forms each time took two thirds of their CPU time.
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

// forms returns the encodings of a secret that a text may hold. Base64 depends on the
// offset of the secret in the encoded data (three cases). The characters at its ends also
// encode neighboring bytes and are left out.
func forms(secret string) []string {
	h := hex.EncodeToString([]byte(secret))
	all := []string{secret, url.QueryEscape(secret), url.PathEscape(secret), h, strings.ToUpper(h)}
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for before := range 3 {
			text := encoding.EncodeToString([]byte("xx"[:before] + secret))
			first := (before*8 + 5) / 6 // the first character without a bit of the bytes before
			all = append(all, text[first:(before+len(secret))*8/6])
		}
	}
	return all
}

// Leaks reports whether text holds one of the secrets: raw, URL-escaped, in hex or in
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

// MayHold reports whether a file of the home may contain secrets: the user's keys, the
// three caches of the AWS CLI, and our own. A temporary file is not.
func MayHold(home *Home, path string) bool {
	if path == filepath.Join(home.Dir, ".aws", "credentials") {
		return true // the user's own keys
	}
	for _, dir := range []string{
		filepath.Join(home.Dir, ".aws", "sso", "cache"),
		filepath.Join(home.Dir, ".aws", "cli", "cache"),
		filepath.Join(home.Dir, ".aws", "login", "cache"),
		own.FromList(home.Env()).CacheDir(), // another one on each platform
	} {
		if filepath.Dir(path) == dir && !strings.HasPrefix(filepath.Base(path), ".tmp-") {
			return true
		}
	}
	return false
}

// ScanFiles reads the regular files of the home. It reports each file with a secret that
// may not contain secrets, or that other users can read.
func ScanFiles(home *Home, secrets []string) []error {
	return ScanTree(home.Dir, secrets, func(path string) bool { return MayHold(home, path) })
}

// ScanTree is ScanFiles for any directory. mayHold reports whether a file may
// contain secrets.
func ScanTree(dir string, secrets []string, mayHold func(path string) bool) []error {
	var found []error
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil // deleted meanwhile, or made unreadable on purpose
		}
		info, err := d.Info()
		if err != nil || info.Size() > scanCap || mayHold(path) && !open(info) {
			return nil // skip correct secret files: a load test has a thousand of them
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

// open reports whether other users may read a file.
func open(info fs.FileInfo) bool { return os.PathSeparator == '/' && info.Mode().Perm()&0o077 != 0 }

// scanCap limits the size of a file that is read: some faults create huge sparse files.
const scanCap = 64 << 20
