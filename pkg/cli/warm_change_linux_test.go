package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/tokencache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/warmfile"
)

// A change to anything that a result depends on invalidates its warm entry.
func TestChangedDependencyInvalidatesWarmEntry(t *testing.T) {
	t.Parallel()
	config := func(s *stage) string { return s.home.ConfigPath() }
	checkWays(t, false, map[string]func(*testing.T, *stage) question{
		"config touched": then(func(_ *testing.T, s *stage) error { return os.Chtimes(config(s), time.Time{}, time.Now()) }),
		"config changed, same size and time": then(func(t *testing.T, s *stage) error {
			return inPlace(config(s), func(old []byte) []byte { return bytes.Replace(old, []byte("Push"), []byte("Pull"), 1) })
		}),
		"config replaced, same content and time": then(func(_ *testing.T, s *stage) error {
			return replaced(config(s), func(old []byte) []byte { return old })
		}),
		"another profile matches": then(func(_ *testing.T, s *stage) error {
			s.home.SSOProfile("second", "corp", startURL, region, "123456789012", "ReadOnly")
			s.ageInputs(t)
			return nil
		}),
		"config removed": then(func(_ *testing.T, s *stage) error { return os.Remove(config(s)) }),
		"config is a directory": then(func(_ *testing.T, s *stage) error {
			return errors.Join(os.Remove(config(s)), os.Mkdir(config(s), 0o700))
		}),
		"config directory is a link loop": then(func(_ *testing.T, s *stage) error { return looped(filepath.Dir(config(s))) }),
		"credentials file added": then(func(_ *testing.T, s *stage) error {
			s.home.WriteCredentials("[prod]\naws_access_key_id = AKIAEXAMPLE\naws_secret_access_key = x\n")
			s.ageInputs(t)
			return nil
		}),
		"mapping":         then(settingsOf("[registries]\n\"" + host + "\" = \"other\"\n")),
		"no cache":        then(settingsOf("cache = \"none\"\n")),
		"broken settings": then(settingsOf("[[[")),
		"map":             then(own("map", host, "prod")),
		"map --remove": then(func(t *testing.T, s *stage) error {
			return errors.Join(own("map", host, "prod")(t, s), own("map", "--remove", host)(t, s))
		}),
		"aws sso logout": then(func(_ *testing.T, s *stage) error { return os.Remove(s.home.TokenPath("corp")) }),
		"new token with the same size and time": then(func(_ *testing.T, s *stage) error {
			return inPlace(s.home.TokenPath("corp"), func(old []byte) []byte {
				return bytes.Replace(old, []byte(`"refreshToken": "a`), []byte(`"refreshToken": "b`), 1)
			})
		}),
	})
}

func TestChangedSignInInvalidatesWarmEntry(t *testing.T) {
	t.Parallel()
	checkWaysApart(t, false, map[string]func(*testing.T, *stage) question{
		"logout":                then(own("logout")),
		"another user signs in": then(replaceToken),
	})
}

// The same for the cached login.
func TestChangedLoginInvalidatesWarmEntry(t *testing.T) {
	t.Parallel()
	checkWays(t, false, map[string]func(*testing.T, *stage) question{
		"login removed":       then(func(t *testing.T, s *stage) error { return os.Remove(s.login(t)) }),
		"erase":               then(protocol("erase", host)),
		"erase in upper case": then(protocol("erase", "https://"+strings.ToUpper(host)+"/v2/")),
		"store":               then(protocol("store", `{"ServerURL":"`+host+`","Username":"AWS","Secret":"stored-token"}`)),
		"replaced by another login": then(func(t *testing.T, s *stage) error {
			return inPlace(s.login(t), func(old []byte) []byte { return bytes.Replace(old, []byte(`"prod"`), []byte(`"dorp"`), 1) })
		}),
		"replaced by another host's login": then(func(t *testing.T, s *stage) error {
			return inPlace(s.login(t), func(old []byte) []byte { return bytes.Replace(old, []byte("123456789012"), []byte("210987654321"), 1) })
		}),
		"replaced by a login with another time": then(func(t *testing.T, s *stage) error {
			return inPlace(s.login(t), func(old []byte) []byte {
				return bytes.Replace(old, []byte(`"issued_at":"20`), []byte(`"issued_at":"19`), 1)
			})
		}),
		"password with a quotation mark": then(func(t *testing.T, s *stage) error {
			return inPlace(s.login(t), func(old []byte) []byte {
				return bytes.Replace(old, []byte(`"password":"`), []byte(`"password":"x\"`), 1)
			})
		}),
	})
}

func TestWarmEntryDependsOnEnvironment(t *testing.T) {
	t.Parallel()
	set := func(kv ...string) func(*testing.T, *stage) question { return ask(question{text: host, env: kv}) }
	checkWays(t, false, map[string]func(*testing.T, *stage) question{
		"different profile":        set("AWS_PROFILE=none"),
		"same profile":             set("AWS_PROFILE=prod"),
		"AWS_DEFAULT_PROFILE":      set("AWS_DEFAULT_PROFILE=prod"),
		"keys":                     set("AWS_ACCESS_KEY_ID=AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY=x"),
		"incomplete key":           set("AWS_ACCESS_KEY_ID=AKIAEXAMPLE"),
		"AWS_SECRET_KEY":           set("AWS_SECRET_KEY=x"),
		"web identity":             set("AWS_WEB_IDENTITY_TOKEN_FILE=/none", "AWS_ROLE_ARN=arn:aws:iam::123456789012:role/x"),
		"different config file":    set("AWS_CONFIG_FILE=/none"),
		"same config file":         func(t *testing.T, s *stage) question { return set("AWS_CONFIG_FILE="+s.home.ConfigPath())(t, s) },
		"credentials file":         set("AWS_SHARED_CREDENTIALS_FILE=/none"),
		"different settings":       set("ECR_SSO_CONFIG=/none"),
		"different cache":          elsewhere("ECR_SSO_CACHE_DIR", ""),
		"relative cache":           ask(question{text: host, env: []string{"ECR_SSO_CACHE_DIR=cache"}, process: true}),
		"different XDG directory":  elsewhere("XDG_CACHE_HOME", name),
		"ECR endpoint":             set("AWS_ENDPOINT_URL_ECR=https://127.0.0.1:1"),
		"global endpoint":          set("AWS_ENDPOINT_URL=https://127.0.0.1:1"),
		"plain http endpoint":      set("AWS_ENDPOINT_URL_ECR=http://ecr.example"),
		"endpoint with a password": set("AWS_ENDPOINT_URL_ECR=https://user:pass@ecr.example"),
		"another service":          set("AWS_ENDPOINT_URL_ECR_PUBLIC=https://127.0.0.1:1"),
		"endpoints ignored":        set("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true"),
		"missing home directory":   set("HOME=/none"),
		"home with dots":           func(t *testing.T, s *stage) question { return set("HOME="+s.home.Dir+"/tmp/..")(t, s) },
		"log": func(t *testing.T, _ *stage) question {
			return ask(question{text: host, env: []string{"ECR_SSO_LOG=" + filepath.Join(t.TempDir(), "log")}})(t, nil)
		},
	})
}

// Warm entries and logins that other users could have changed are not used.
func TestWarmIgnoresFilesWritableByOthers(t *testing.T) {
	t.Parallel()
	cases := map[string]func(*testing.T, *stage) question{
		"cache writable by others": then(func(_ *testing.T, s *stage) error { return os.Chmod(s.cache(), 0o777) }),
	}
	for what, file := range map[string]func(*stage, *testing.T) string{"entry": (*stage).entry, "login": (*stage).login} {
		at := func(spoil func(path string) error) func(*testing.T, *stage) question {
			return then(func(t *testing.T, s *stage) error { return spoil(file(s, t)) })
		}
		cases[what+" that others read"] = at(func(p string) error { return os.Chmod(p, 0o644) })
		cases[what+" that the group writes"] = at(func(p string) error { return os.Chmod(p, 0o620) })
		cases[what+" behind a link"] = at(func(p string) error { return errors.Join(os.Rename(p, p+"x"), os.Symlink(p+"x", p)) })
		cases[what+" with a second name"] = at(func(p string) error { return os.Link(p, p+"x") })
		cases[what+" is a FIFO"] = at(func(p string) error { return errors.Join(os.Remove(p), syscall.Mkfifo(p, 0o600)) })
		cases[what+" is a directory"] = at(func(p string) error { return errors.Join(os.Remove(p), os.Mkdir(p, 0o700)) })
		cases[what+" is a device"] = at(func(p string) error { return errors.Join(os.Remove(p), os.Symlink("/dev/zero", p)) })
		cases[what+" is empty"] = at(func(p string) error { return os.Truncate(p, 0) })
		cases[what+" is cut"] = at(func(p string) error { return os.Truncate(p, 100) })
		cases[what+" is giant"] = at(func(p string) error { return os.Truncate(p, 1<<40) })
		cases[what+" is garbage"] = at(func(p string) error { return os.WriteFile(p, bytes.Repeat([]byte{0, 0xff, '\n'}, 500), 0o600) })
		cases[what+" has text behind"] = at(func(p string) error { return inPlace(p, func(old []byte) []byte { return append(old, "{}"...) }) })
		if os.Geteuid() == 0 {
			cases[what+" of another user"] = at(func(p string) error { return os.Chown(p, 65534, 65534) })
		}
	}
	if os.Geteuid() == 0 {
		cases["a cache of another user"] = then(func(_ *testing.T, s *stage) error { return os.Chown(s.cache(), 65534, 65534) })
	}
	checkWays(t, false, cases)
}

// A warm result expires at the same time as the result of the normal path.
func TestWarmExpiresLikeLogin(t *testing.T) {
	t.Parallel()
	s := newWarm(t)
	files := s.save(t)
	for what, c := range map[string]struct {
		left   time.Duration // time until the login expires
		stored bool
		warm   bool
	}{
		"fetched, more than the margin": {10*time.Minute + 30*time.Second, false, true},
		"fetched, at the margin":        {10 * time.Minute, false, false},
		"fetched, less than the margin": {10*time.Minute - time.Second, false, false},
		"fetched, expired":              {-time.Second, false, false},
		"fetched, maximum lifetime":     {13*time.Hour - time.Second, false, true},
		"fetched, lifetime too long":    {13*time.Hour + time.Minute, false, false},
		"stored, in its last minute":    {time.Minute, true, true},
		"stored, at its end":            {0, true, false},
		"stored, expired":               {-time.Second, true, false},
		"stored, lifetime too long":     {13*time.Hour + time.Minute, true, false},
	} {
		t.Run(what, func(t *testing.T) {
			s.restore(t, files)
			s.outlive(t, c.left, c.stored)
			if w := s.bothWays(t, question{text: host}); w.warm != c.warm {
				t.Errorf("answered warm: %v", w.warm)
			}
		})
	}
}

// outlive changes the expiry of the login and its warm entry, as if the cache had been
// written with a different clock.
func (s *stage) outlive(t *testing.T, left time.Duration, stored bool) {
	t.Helper()
	text, err := os.ReadFile(s.entry(t))
	if err != nil {
		t.Fatal(err)
	}
	key, _, _ := strings.Cut(string(text), "\n\n")
	var w warmfile.Entry
	ok := w.Parse(string(text), key+"\n\n")
	if !ok {
		t.Fatalf("invalid entry: %s", text)
	}
	_, environment, _ := strings.Cut(key, host+"\n")
	end := time.Now().Add(left)
	c := tokencache.Open(s.cache(), func() time.Time { return end.Add(-12 * time.Hour) })
	e := tokencache.Open(s.cache(), time.Now).List()[0]
	if e.ExpiresAt = end; stored {
		e = tokencache.Entry{Host: host, Username: e.Username, Password: e.Password, IssuedAt: e.IssuedAt, ExpiresAt: end, Stored: true}
		err = c.Store(e)
	} else {
		err = c.Put(e)
	}
	if err == nil {
		err = c.PutWarm(e.Host, e, environment+"\n", w.Files[len(w.Files)-3:])
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A login saved by `docker login` is also answered warm. An expired one does not prevent a
// warm result.
func TestWarmAndDockerLogin(t *testing.T) {
	t.Parallel()
	s := newWarm(t)
	fetched := s.bothWays(t, question{text: host})
	if err := protocol("store", `{"ServerURL":"`+host+`","Username":"AWS","Secret":"stored-token"}`)(t, s); err != nil {
		t.Fatal(err)
	}
	for i, warm := range []bool{false, true} {
		if w := s.bothWays(t, question{text: host}); w.warm != warm || !strings.Contains(w.Stdout, "stored-token") {
			t.Errorf("stored, get %d: %+v", i, w)
		}
	}
	stored, _ := filepath.Glob(filepath.Join(s.cache(), "*-stored.v1.json"))
	err := inPlace(stored[0], func(old []byte) []byte {
		var e map[string]any
		_ = json.Unmarshal(old, &e)
		e["expires_at"] = time.Now().Add(-time.Minute).UTC().Format(time.RFC3339)
		data, _ := json.Marshal(e)
		return data
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, warm := range []bool{false, true} {
		if w := s.bothWays(t, question{text: host}); w.warm != warm || w.Stdout != fetched.Stdout {
			t.Errorf("expired, get %d: %+v", i, w)
		}
	}
}

// A file that was just written may change again within the same clock tick, so a get that
// reads it writes no warm entry.
func TestNewFilesGetNoWarmEntry(t *testing.T) {
	t.Parallel()
	s := newHome(t)
	now := time.Now().Add(time.Hour) // keeps the file new during the test
	if err := os.Chtimes(s.home.ConfigPath(), now, now); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if w := (question{text: host}).run(t, s); w.warm || w.Status != "exit status 0" || len(s.warmEntries()) != 0 {
			t.Errorf("got %+v, warm entries %v", w, s.warmEntries())
		}
	}
}

// Gets that use a warm entry do not write it again.
func TestWarmEntryIsWrittenOnce(t *testing.T) {
	t.Parallel()
	s := newWarm(t)
	before, _ := os.Stat(s.entry(t))
	if w := (question{text: " " + host}).run(t, s); w.Status != "exit status 1" {
		t.Fatalf("got %+v", w)
	}
	if w := (question{text: host + "/a&b"}).run(t, s); w.warm || w.Status != "exit status 0" {
		t.Fatalf("got %+v", w)
	}
	if after, _ := os.Stat(s.entry(t)); !os.SameFile(before, after) {
		t.Error("the entry was written again")
	}
}

// elsewhere is a case in which a variable selects another cache directory.
func elsewhere(variable, below string) func(*testing.T, *stage) question {
	return func(t *testing.T, _ *stage) question {
		dir := t.TempDir()
		return question{text: host, env: []string{variable + "=" + dir}, cache: filepath.Join(dir, below)}
	}
}

// inPlace changes a file's content without changing its modification time, and without
// changing its size if change does not.
func inPlace(path string, change func(old []byte) []byte) error {
	return changedTo(path, path, change)
}

// replaced is like inPlace but writes a new file with the same name.
func replaced(path string, change func(old []byte) []byte) error {
	return errors.Join(changedTo(path+".new", path, change), os.Rename(path+".new", path))
}

// changedTo writes a file with the changed content, and the modification time, of path.
func changedTo(to, path string, change func(old []byte) []byte) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(to, change(old), 0o600), os.Chtimes(to, info.ModTime(), info.ModTime()))
}

// looped replaces a directory with a link to itself.
func looped(dir string) error { return errors.Join(os.Rename(dir, dir+"x"), os.Symlink(dir, dir)) }

func settingsOf(text string) func(*testing.T, *stage) error {
	return func(_ *testing.T, s *stage) error {
		path := filepath.Join(s.home.Dir, ".config", name, "config.toml")
		past := time.Now().Add(-time.Hour)
		return errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600), os.Chtimes(path, past, past))
	}
}

// own runs one of the helper's own commands.
func own(args ...string) func(*testing.T, *stage) error {
	return func(t *testing.T, s *stage) error {
		if w := (question{args: args}).run(t, s); w.Status != "exit status 0" {
			return fmt.Errorf("%v: %+v", args, w)
		}
		return nil
	}
}

// protocol runs another protocol verb.
func protocol(verb, text string) func(*testing.T, *stage) error {
	return func(t *testing.T, s *stage) error {
		if w := (question{args: []string{verb}, text: text}).run(t, s); w.Status != "exit status 0" {
			return fmt.Errorf("%s: %+v", verb, w)
		}
		return nil
	}
}

func replaceToken(_ *testing.T, s *stage) error {
	s.aws.SetUser("bob")
	s.home.WriteToken("corp", s.aws.SignIn(startURL, region, true))
	return nil
}

func moveCacheBehindLink(_ *testing.T, s *stage) error {
	real := filepath.Join(s.home.Dir, "elsewhere")
	return errors.Join(os.Rename(s.cache(), real), os.Symlink(real, s.cache()))
}

// manyOthers fills the cache with logins for other registries.
func manyOthers(t *testing.T, s *stage) error {
	c := tokencache.Open(s.cache(), time.Now)
	e := c.List()[0]
	token, _ := warmfile.Look(e.TokenFile)
	for i := range 200 {
		e.Host = fmt.Sprintf("%012d.dkr.ecr.us-east-1.amazonaws.com", i)
		if err := errors.Join(c.Put(e), c.PutWarm(e.Host, e, "HOME=/none\n", []warmfile.File{token})); err != nil {
			return err
		}
	}
	return nil
}
