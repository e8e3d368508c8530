// Package awsconfig owns the AWS configuration file and the AWS credentials file:
// which profiles and SSO sessions there are, which profiles are SSO profiles
// ready to use, and the edit that writes a profile and its session line by line.
//
// It reads both INI dialects, that of the AWS CLI and that of the Go SDK, which
// disagree about quoted names, inline comments and quoted values; it never
// changes a line that is not ours, never reads the environment beyond the two
// paths, and never resolves any other kind of credentials. It may import floors 0 and 1 (floor 2).
// Package profile calls it to choose, login and doctor to look things up.
package awsconfig

import (
	"errors"
	"io/fs"
	"os"
	"strings"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
)

// maxSize bounds each of the two files, in bytes. 2,000 profiles are 260 KB.
const maxSize = 10 << 20

// Config is what stands in the two files.
type Config struct {
	Profiles []*Profile  // in file order, those of the credentials file alone last
	Sessions []*Session  // [sso-session NAME] sections, in file order
	Services []*Services // [services NAME] sections, in file order
	Paths    Paths       // where they were read from

	profiles map[string]*section
	sessions map[string]*Session
	absent   bool // Paths.Config does not exist
}

// Profile is one profile: the keys of the configuration file, overridden by
// those of the credentials file, as the AWS CLI and the SDKs do it. Its lines are
// read each time that it is asked for them.
// https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
type Profile struct {
	Name  string
	lines string // below its header
	rest  *rest  // nil for nearly all

	credentialsOnly bool // it is not in the configuration file
}

// rest is what else there is of a profile.
type rest struct {
	lines       []string        // below further headers of the same name
	defaults    *Profile        // [DEFAULT] of the same file, which is read first; nil: none
	credentials *Profile        // of the same name in the credentials file; nil: none
	whole       map[string]bool // names that values are taken for whole; see wholeNames
}

// Session is one [sso-session NAME] section. Empty fields were not set.
type Session struct {
	Name     string
	StartURL string // verbatim: a trailing / or #/ matters to other tools
	Region   string
	Scopes   []string
}

// Services is one [services NAME] section: service -> key -> value, such as
// "ecr" -> "endpoint_url" -> URL.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
type Services struct {
	Name     string
	Services map[string]map[string]string
}

// Load reads both files. A missing file, an empty path and the null device are
// empty files. One that cannot be read, is not a regular file, is larger than
// 10 MiB or is in UTF-16 is an error that names it. Anything else is not, a line
// without a meaning neither: the SDKs skip it, and a login that works with them must
// not stop because of it. What the AWS CLI cannot read, CheckCLI tells.
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

// LoadReadable is Load for a caller that may need neither file. One that the system
// does not let us read counts as empty, here and in the Paths; skipped says which and
// why. The caller decides whether that matters.
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

// assemble makes a Config of the texts of the two files.
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
	case err != nil:
		return "", false, err // it names the file
	case safefile.CheckText(path, []byte(text[:min(len(text), 2)])) != nil:
		return "", true, atPath(encoding(text), path)
	}
	return text, true, nil
}

// Profile finds a profile by its exact name. A name with a backslash is also found by
// its header: the AWS CLI reads [profile DOMAIN\user] as DOMAINuser, the Go SDK as
// DOMAIN\user.
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

// Session finds an SSO session by its exact name.
func (c *Config) Session(name string) (*Session, bool) {
	s, ok := c.sessions[name]
	return s, ok
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
	c.wholeNames(config.sections)
	return c
}

// wholeNames finds the names that look like a value with a comment or in quotes, such
// as [sso-session 'a #b']: a value that says one of them is that name, and is taken
// whole, as in the AWS CLI. Nearly no file has one.
func (c *Config) wholeNames(sections []*section) {
	var whole map[string]bool
	for _, s := range sections {
		if unquote(" "+s.Name) != s.Name {
			if whole == nil {
				whole = map[string]bool{}
			}
			whole[s.Name] = true
		}
	}
	if whole == nil {
		return
	}
	for _, p := range c.Profiles {
		p.further().whole = whole
	}
}

func (c *Config) addSession(s *section) {
	keys := s.Keys()
	session := &Session{
		Name:     s.Name,
		StartURL: keys.Get("sso_start_url"),
		Region:   lower(keys.Get("sso_region")), // in capitals it works in the AWS CLI
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
