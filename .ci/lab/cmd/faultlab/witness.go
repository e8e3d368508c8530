//go:build linux

package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/ecr-sso/docker-credential-ecr-sso/lab"
)

// witness is a file that must not change (invariant I2).
type witness struct {
	path string
	mode os.FileMode
	link string
	text []byte
}

// witnesses reads the files after the fault is set.
func (s *stage) witnesses() []witness {
	var all []witness
	for _, path := range append([]string{
		s.Home.ConfigPath(), s.Path(".aws", "credentials"), s.Path(".docker", "config.json"),
		s.Path(".aws", "cli", "cache", "0123456789abcdef0123456789abcdef01234567.json"),
	}, s.extra...) {
		if w, ok := look(path); ok && !s.ignored[path] {
			all = append(all, w)
		}
	}
	return all
}

func look(path string) (witness, bool) {
	info, err := os.Lstat(path)
	if err != nil {
		return witness{}, false
	}
	w := witness{path: path, mode: info.Mode()}
	w.link, _ = os.Readlink(path)
	if at, err := os.Stat(path); err == nil && at.Mode().IsRegular() && at.Size() < 32<<20 {
		w.text, _ = os.ReadFile(path)
	}
	return w, true
}

// lost describes the change to the file, or returns "" if it is unchanged.
func (w witness) lost() string {
	now, ok := look(w.path)
	switch {
	case !ok:
		return w.path + " is gone"
	case now.mode != w.mode || now.link != w.link:
		return fmt.Sprintf("%s was %v and is %v", w.path, w.mode, now.mode)
	case !bytes.Equal(now.text, w.text):
		return w.path + " was changed"
	}
	return ""
}

// keepsOther reports whether the other registry's login, if any, is still in the cache.
func (s *stage) keepsOther() bool {
	if s.other == "" {
		return false
	}
	forms := []string{s.other, base64.StdEncoding.EncodeToString([]byte("AWS:" + s.other))}
	found := false
	_ = filepath.WalkDir(s.helper.cacheDir(s), func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil
		}
		info, err := d.Info()
		if err != nil || info.Size() > 512<<20 {
			return nil
		}
		text, _ := os.ReadFile(path)
		found = found || strings.Contains(string(text), forms[0]) || strings.Contains(string(text), forms[1])
		return nil
	})
	return found
}

// session describes the loss of the refresh token. It returns "" if the file contains the
// same token, or a newer token that AWS accepts.
func (s *stage) session() string {
	if s.token.RefreshToken == "" || s.ignored[s.Home.TokenPath(lab.Session)] {
		return ""
	}
	text, err := os.ReadFile(s.Home.TokenPath(lab.Session))
	if err != nil {
		return "the SSO token file is gone"
	}
	var file struct {
		RefreshToken string `json:"refreshToken"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return "the SSO token file is damaged"
	}
	if s.AWS.RefreshTokenValid(file.RefreshToken) || file.RefreshToken == s.token.RefreshToken && !s.spent() {
		return ""
	}
	return "the refresh token is used and the new one lost"
}

// spent reports whether the session's refresh token has been used.
func (s *stage) spent() bool { return s.AWS.RefreshTokenUsed(s.token.RefreshToken) }

var tempFile = regexp.MustCompile(`(^|/)(\.tmp-(docker-credential-ecr-sso-)?[0-9a-f]{16}|[^/]*\.tmp|config\.json\d+|cache\.json\d+)$`)

// leftovers describes a temporary file that was left in the home.
func (s *stage) leftovers() string {
	var left string
	_ = filepath.WalkDir(s.Home.Dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && tempFile.MatchString(path) {
			left = "a temporary file is left: " + path
		}
		return nil
	})
	return left
}
