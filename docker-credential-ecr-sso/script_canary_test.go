package main

import (
	"encoding/base64"
	"encoding/hex"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// Every secret that the fake AWS ever issued is a canary: no output and no file
// may hold one, but the answer of a get and the files made for it.

// forms are the ways a secret could stand in a text.
func forms(secret string) []string {
	return []string{
		secret, url.QueryEscape(secret), hex.EncodeToString([]byte(secret)),
		strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(secret)), "="),
	}
}

func (s *stage) leaks(text string) bool {
	for _, secret := range s.aws.Secrets() {
		for _, form := range forms(secret) {
			if strings.Contains(text, form) {
				return true
			}
		}
	}
	return false
}

// scanOutput looks at what the last command printed.
func (s *stage) scanOutput(ts *testscript.TestScript, args []string, ok bool) {
	if s.leaks(ts.ReadFile("stderr")) {
		ts.Fatalf("%v: a secret on stderr", args)
	}
	answered := ok && len(args) == 2 && args[0] == "get"
	if !answered && s.leaks(ts.ReadFile("stdout")) {
		ts.Fatalf("%v: a secret on stdout", args)
	}
}

// mayHold are the files made for secrets; all must be the user's alone.
func (s *stage) mayHold(path string) bool {
	if path == filepath.Join(s.home.Dir, ".aws", "credentials") {
		return true // the person's own keys
	}
	for _, dir := range []string{
		filepath.Join(s.home.Dir, ".aws", "sso", "cache"),
		filepath.Join(s.home.Dir, ".aws", "cli", "cache"),
		filepath.Join(s.home.Dir, ".cache", name),
	} {
		if filepath.Dir(path) == dir && !strings.HasPrefix(filepath.Base(path), ".tmp-") {
			return true
		}
	}
	return false
}

// scanFiles looks at every file that is left in the home.
func (s *stage) scanFiles(t *testing.T) {
	err := filepath.WalkDir(s.home.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return nil // a file that a script made unreadable
		}
		if !s.leaks(string(data)) {
			return nil
		}
		if !s.mayHold(path) {
			t.Errorf("a secret in %s", path)
		} else if exeSuffix() == "" && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s holds a secret with mode %v", path, info.Mode())
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
