// Package awsconfig reads the AWS configuration file and the AWS credentials file. It
// returns their profiles and SSO sessions, and finds the complete SSO profiles. It also
// edits the configuration file to write a profile and its session.
//
// It reads two INI dialects: that of the AWS CLI and that of the Go SDK. They differ in
// quoted names, inline comments and quoted values. It never changes a line without need,
// reads only the two paths from the environment, and gets no credentials. Package profile
// uses it to select a profile. Packages login and doctor use it to look up profiles and
// sessions.
package awsconfig

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
)

// maxSize limits the size of each file, in bytes. 2,000 profiles need 260 KB.
const maxSize = 10 << 20

// Config is the content of the two files.
type Config struct {
	Profiles []*Profile  // in file order, then those that are only in the credentials file
	Sessions []*Session  // [sso-session NAME] sections, in file order
	Services []*Services // [services NAME] sections, in file order
	Paths    Paths       // the files that were read

	profiles map[string]*section
	sessions map[string]*Session
	absent   bool // Paths.Config does not exist
}

// Profile is one profile: the keys in the configuration file, overridden by those in the
// credentials file, as in the AWS CLI and the SDKs. Each call parses its lines again.
// https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
type Profile struct {
	Name  string
	lines string // text below its header
	rest  *rest  // nil for nearly all profiles

	credentialsOnly bool // the profile is not in the configuration file
}

// rest contains the parts that few profiles have.
type rest struct {
	lines       []string        // text below further headers with the same name
	defaults    *Profile        // [DEFAULT] of the same file, which applies first; may be nil
	credentials *Profile        // the same profile in the credentials file; may be nil
	whole       map[string]bool // values to read whole, because they are section names; see wholeNames
}

// Session is one [sso-session NAME] section. Empty fields are not set.
type Session struct {
	Name     string
	StartURL string // verbatim: a trailing / or #/ matters to other tools
	Region   string
	Scopes   []string
}

// CacheKey returns the same key as SSO.CacheKey of the session's profiles.
func (s Session) CacheKey() string { return cmp.Or(s.Name, s.StartURL) }

// Services is one [services NAME] section: service -> key -> value, such as
// "ecr" -> "endpoint_url" -> URL.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
type Services struct {
	Name     string
	Services map[string]map[string]string
}

// Load reads both files. A missing file, an empty path and the null device are like empty
// files. Load returns an error that names the file if the file cannot be read, is not a
// regular file, is larger than 10 MiB or is in UTF-16. Other faults, such as a meaningless
// line, are not errors: the SDKs skip such a line, and a login that works with the SDKs
// must work here too. CheckCLI reports faults that the AWS CLI rejects.
func Load(paths Paths) (*Config, error) {
	config, exists, err := read(paths.Config)
	if err != nil {
		return nil, err
	}
	credentials, _, err := read(paths.Credentials)
	if err != nil {
		return nil, err
	}
	return assemble(paths, config, credentials, exists), nil
}

// LoadReadable is Load for a caller that may not need either file. A file without read
// permission is like an empty file, and its path in Paths becomes the null device. skipped
// contains the errors from such files. The caller decides whether they matter.
func LoadReadable(paths Paths) (c *Config, skipped []error, err error) {
	var texts [2]string
	var exists [2]bool
	for i, path := range []*string{&paths.Config, &paths.Credentials} {
		texts[i], exists[i], err = read(*path)
		if safefile.Unreadable(err) {
			skipped, *path, exists[i] = append(skipped, err), os.DevNull, true
		} else if err != nil {
			return nil, nil, err
		}
	}
	return assemble(paths, texts[0], texts[1], exists[0]), skipped, nil
}

// assemble makes a Config from the texts of the two files.
func assemble(paths Paths, config, credentials string, exists bool) *Config {
	c := build(parse(config, configHeader), parse(credentials, credentialsHeader))
	c.Paths, c.absent = paths, !exists
	return c
}

func read(path string) (text string, exists bool, err error) {
	if path == "" || path == os.DevNull {
		return "", path != "", nil
	}
	text, err = safefile.ReadText(path, maxSize)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", false, nil
	case errors.Is(err, safefile.ErrNotRegular):
		return "", false, notRegular(path, err)
	case err != nil:
		return "", false, err // the error names the file
	case safefile.CheckText(path, []byte(text[:min(len(text), 1024)])) != nil:
		return "", true, atPath(encoding(text), path)
	}
	return text, true, nil
}

// notRegular adds the command that removes an empty directory. docker -v creates an empty
// directory in place of a missing file.
func notRegular(path string, err error) error {
	if entries, readErr := os.ReadDir(path); readErr == nil && len(entries) == 0 {
		return hint.With(err, "rmdir "+hint.Arg(path))
	}
	return err
}

// Profile returns the profile with this exact name. It also finds a profile by a header
// name with a backslash: the AWS CLI reads [profile DOMAIN\user] as DOMAINuser, the Go SDK
// as DOMAIN\user.
func (c *Config) Profile(name string) (*Profile, bool) {
	s, ok := c.profiles[name]
	if !ok && strings.Contains(name, `\`) {
		word, tail, isWord := shellWord(name + "]")
		if !isWord || tail != "]" {
			return nil, false
		}
		s, ok = c.profiles[word]
	}
	if !ok {
		return nil, false
	}
	return &s.Profile, true
}

// Session returns the SSO session with this exact name.
func (c *Config) Session(name string) (*Session, bool) {
	session, ok := c.sessions[name]
	return session, ok
}

func build(config, credentials file) *Config {
	c := &Config{
		Profiles: make([]*Profile, 0, len(config.sections)+len(credentials.sections)),
		profiles: config.index[kindProfile],
		sessions: map[string]*Session{},
	}
	for _, s := range config.sections {
		switch s.kind {
		case kindProfile:
			c.Profiles = append(c.Profiles, &s.Profile)
		case kindSession:
			c.addSession(s)
		case kindServices:
			c.Services = append(c.Services, &Services{Name: s.Name, Services: s.Nested()})
		}
	}
	for _, s := range credentials.sections {
		p, ok := c.profiles[s.Name]
		if !ok {
			s.credentialsOnly = true
			c.Profiles = append(c.Profiles, &s.Profile)
			c.profiles[s.Name] = s
			continue
		}
		p.further().credentials = &s.Profile
	}
	wholeNames(slices.Concat(config.sections, credentials.sections))
	return c
}

// wholeNames finds section names that look like a value with a comment or quotes, such as
// [sso-session 'a #b']. A value that equals such a name (sso_session, source_profile) is read
// whole, as in the AWS CLI. Very few files have such a name.
func wholeNames(sections []*section) {
	var whole map[string]bool
	for _, s := range sections {
		if unquoteValue(trimLeft(s.Name), true) != s.Name {
			if whole == nil {
				whole = map[string]bool{}
			}
			whole[s.Name] = true
		}
	}
	if whole == nil {
		return
	}
	for _, s := range sections {
		s.further().whole = whole
	}
}

func (c *Config) addSession(s *section) {
	keys := s.Keys()
	session := &Session{
		Name:     s.Name,
		StartURL: keys.Get("sso_start_url"),
		Region:   lower(keys.Get("sso_region")), // the AWS CLI accepts capital letters
		Scopes:   list(keys.Get("sso_registration_scopes")),
	}
	c.Sessions = append(c.Sessions, session)
	c.sessions[s.Name] = session
}

func list(value string) []string {
	var items []string
	for item := range strings.SplitSeq(value, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

// Paths are the two files. An empty path means that the file does not exist.
type Paths struct {
	Config, Credentials string
	By                  string // the variable that sets Config; "" for the default path
}

// DefaultPaths returns AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE, or the default
// files in home/.aws. It expands variables and a leading ~ in the two values, like the AWS
// CLI but unlike the Go SDK. Without a home directory the default paths are empty, to avoid
// reading a file in the working directory.
// https://docs.aws.amazon.com/sdkref/latest/guide/file-location.html
func DefaultPaths(e env.Set, home string) Paths {
	p := Paths{
		Config:      path(e, env.AWSConfigFile, home, "config"),
		Credentials: path(e, env.AWSSharedCredentialsFile, home, "credentials"),
	}
	if e.Get(env.AWSConfigFile) != "" {
		p.By = env.AWSConfigFile.Name()
	}
	return p
}

func path(e env.Set, by env.Var, home, name string) string {
	set := e.Get(by)
	switch {
	case set == "" && home == "":
		return ""
	case set == "":
		file, _ := env.AWSFile(home, name)
		return file
	}
	return expandHome(e.Expand(set), home)
}

// expandHome replaces a leading ~ with home, and a leading ~NAME with the home directory of
// that user, like Python's os.path.expanduser. It does not change the name of an unknown
// user.
func expandHome(path, home string) string {
	rest, ok := strings.CutPrefix(path, "~")
	if !ok {
		return path
	}
	end := 0
	for end < len(rest) && !os.IsPathSeparator(rest[end]) {
		end++
	}
	if name := rest[:end]; name != "" {
		other, err := user.Lookup(name)
		if err != nil {
			return path
		}
		home = other.HomeDir
	}
	if home == "" {
		return path
	}
	return filepath.Join(home, rest[end:])
}

// Absent returns an error if the configuration file variable names a missing file. This
// explains why a profile is not found. The AWS CLI and the SDKs do not report the missing
// file.
func (c *Config) Absent() error {
	if !c.absent || c.Paths.By == "" {
		return nil
	}
	return hint.With(fmt.Errorf("%s names %s, which does not exist", c.Paths.By, c.Paths.Config), hint.UnsetCommand(c.Paths.By))
}
