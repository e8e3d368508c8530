package awstest

import (
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf16"

	own "github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
)

// SSOToken contains the tokens and the client registration from a sign-in.
type SSOToken struct {
	StartURL, Region                                  string
	AccessToken, RefreshToken, ClientID, ClientSecret string // RefreshToken "": cannot be refreshed
	ExpiresAt, RegistrationExpiresAt                  time.Time
}

// SignIn signs in a user without network calls and returns the tokens that the fake's OIDC
// service would return. If the start URL is unknown, SignIn adds the instance.
func (a *AWS) SignIn(startURL, region string, refreshable bool) SSOToken {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, ok := a.state.instances[trimURL(startURL)]; !ok {
		a.state.instances[trimURL(startURL)] = instance{startURL, region}
	}
	var scopes []string
	if refreshable {
		scopes = []string{"sso:account:access"}
	}
	c := a.newClient(region, scopes, nil, nil)
	g := a.grant(a.newSession(a.state.user, region), c, refreshable)
	t := SSOToken{
		StartURL: startURL, Region: region, AccessToken: g["accessToken"].(string), ClientID: c.id, ClientSecret: c.secret,
		ExpiresAt:             a.Now().Add(time.Duration(g["expiresIn"].(int)) * time.Second).Truncate(time.Second),
		RegistrationExpiresAt: c.expires,
	}
	t.RefreshToken, _ = g["refreshToken"].(string)
	return t
}

// Home is a temporary home directory with AWS CLI files. Its methods panic if they cannot
// write a file.
type Home struct {
	Dir string
	aws *AWS
}

// Home sets up an existing, empty directory as a home directory.
func (a *AWS) Home(dir string) *Home {
	h := &Home{Dir: dir, aws: a}
	for _, d := range []string{".aws", ".config", ".cache", ".local/share", ".local/state", ".docker", "tmp"} {
		h.must(os.MkdirAll(filepath.Join(dir, d), 0o700))
	}
	return h
}

func (h *Home) must(err error) {
	if err != nil {
		panic("awstest: home: " + err.Error())
	}
}

// ConfigPath returns the path of the home's ~/.aws/config.
func (h *Home) ConfigPath() string { return filepath.Join(h.Dir, ".aws", "config") }

// WriteConfig replaces ~/.aws/config.
func (h *Home) WriteConfig(text string) { h.must(os.WriteFile(h.ConfigPath(), []byte(text), 0o600)) }

// WriteCredentials replaces ~/.aws/credentials.
func (h *Home) WriteCredentials(text string) {
	h.must(os.WriteFile(filepath.Join(h.Dir, ".aws", "credentials"), []byte(text), 0o600))
}

func (h *Home) appendConfig(section string, keys ...string) {
	old, err := os.ReadFile(h.ConfigPath())
	if err != nil && !os.IsNotExist(err) {
		h.must(err)
	}
	header := "[" + section + "]\n"
	if slices.Contains(strings.SplitAfter(string(old), "\n"), header) {
		return
	}
	var b strings.Builder
	b.WriteString(header)
	for i := 0; i < len(keys); i += 2 {
		if keys[i+1] != "" {
			b.WriteString(keys[i] + " = " + keys[i+1] + "\n")
		}
	}
	h.WriteConfig(string(old) + b.String())
}

func profileSection(name string) string {
	switch {
	case name == "default":
		return name
	case strings.ContainsAny(name, " \t"):
		return "profile '" + name + "'"
	}
	return "profile " + name
}

// SSOProfile adds a profile and its sso-session in the format of `aws configure sso`. The
// profile's region is the session's region.
func (h *Home) SSOProfile(name, session, startURL, region, account, role string) {
	h.appendConfig(profileSection(name), "sso_session", session, "sso_account_id", account, "sso_role_name", role, "region", region)
	h.appendConfig("sso-session "+session, "sso_start_url", startURL, "sso_region", region, "sso_registration_scopes", "sso:account:access")
}

// LegacyProfile adds a profile without an sso-session.
func (h *Home) LegacyProfile(name, startURL, region, account, role string) {
	h.appendConfig(profileSection(name), "sso_start_url", startURL, "sso_region", region, "sso_account_id", account, "sso_role_name", role,
		"region", region)
}

// TokenPath returns the path of the AWS CLI token file for a session name, or for the start
// URL of a legacy profile.
func (h *Home) TokenPath(sessionOrURL string) string {
	sum := sha1.Sum([]byte(sessionOrURL))
	return filepath.Join(h.Dir, ".aws", "sso", "cache", hex.EncodeToString(sum[:])+".json")
}

// WriteToken writes the token file with the same bytes as the AWS CLI, and returns its path.
func (h *Home) WriteToken(sessionOrURL string, t SSOToken) string {
	const stamp = "2006-01-02T15:04:05Z"
	fields := []string{"startUrl", t.StartURL, "region", t.Region, "accessToken", t.AccessToken, "expiresAt", t.ExpiresAt.UTC().Format(stamp),
		"clientId", t.ClientID, "clientSecret", t.ClientSecret, "registrationExpiresAt", t.RegistrationExpiresAt.UTC().Format(stamp)}
	if t.RefreshToken != "" {
		fields = append(fields, "refreshToken", t.RefreshToken)
	}
	var b strings.Builder
	for i := 0; i < len(fields); i += 2 {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(pythonString(fields[i]) + ": " + pythonString(fields[i+1]))
	}
	path := h.TokenPath(sessionOrURL)
	h.must(os.MkdirAll(filepath.Dir(path), 0o755))
	h.must(os.WriteFile(path, []byte("{"+b.String()+"}"), 0o600))
	return path
}

// pythonString returns the output of Python's json.dumps for a string: ASCII only, no HTML
// escapes.
func pythonString(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteString(`\` + string(r))
		case r >= 0x20 && r < 0x7f:
			b.WriteRune(r)
		case r == '\n' || r == '\r' || r == '\t' || r == '\b' || r == '\f':
			q, _ := json.Marshal(string(r))
			b.Write(q[1 : len(q)-1])
		case r > 0xffff:
			hi, lo := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, hi, lo)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return `"` + b.String() + `"`
}

// Env returns the environment for a program that runs in this home directory: its
// directories, PATH, the proxy and the CA. It contains no host variables that could select
// credentials. Callers may append to it; the last value of a variable wins.
func (h *Home) Env() []string {
	d := func(p string) string { return filepath.Join(h.Dir, filepath.FromSlash(p)) }
	env := []string{
		"HOME=" + h.Dir, "USERPROFILE=" + h.Dir, "XDG_CONFIG_HOME=" + d(".config"), "XDG_CACHE_HOME=" + d(".cache"),
		"XDG_DATA_HOME=" + d(".local/share"), "XDG_STATE_HOME=" + d(".local/state"), "DOCKER_CONFIG=" + d(".docker"),
		"LocalAppData=" + d("AppData/Local"), "AppData=" + d("AppData/Roaming"), "TMPDIR=" + d("tmp"), "TEMP=" + d("tmp"), "TMP=" + d("tmp"),
		"HTTPS_PROXY=" + h.aws.ProxyURL(), "SSL_CERT_FILE=" + h.aws.CAFile(), "AWS_EC2_METADATA_DISABLED=true", "TZ=UTC", "LC_ALL=C.UTF-8",
	}
	if own.GOOS == "darwin" || own.GOOS == "windows" {
		env = append(env, "AWS_CA_BUNDLE="+h.aws.CAFile()) // Go ignores SSL_CERT_FILE here
	}
	for _, keep := range []string{"PATH", "SystemRoot", "PATHEXT", "ComSpec", "GOCOVERDIR"} {
		if v, ok := os.LookupEnv(keep); ok {
			env = append(env, keep+"="+v)
		}
	}
	return env
}

// EndpointEnv returns AWS_ENDPOINT_URL_* variables for the five services. They select
// loopback endpoints instead of the proxy.
func (a *AWS) EndpointEnv() []string {
	var env []string
	for i, s := range []Op{Portal, OIDC, ECR, ECRPublic, STS} {
		env = append(env, []string{"AWS_ENDPOINT_URL_SSO", "AWS_ENDPOINT_URL_SSO_OIDC", "AWS_ENDPOINT_URL_ECR", "AWS_ENDPOINT_URL_ECR_PUBLIC",
			"AWS_ENDPOINT_URL_STS"}[i]+"="+a.URL(s))
	}
	return env
}
