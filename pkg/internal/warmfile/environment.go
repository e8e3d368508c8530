package warmfile

// The variables are listed by name, because package env cannot be imported this early. A
// test compares them with package env's table: each row is either listed here, or listed
// in the test with the reason why the answer does not depend on it.

// compared are the variables that determine the credentials, the endpoint or a file path.
// An entry contains their values.
var compared = []struct {
	name    string
	address bool // a URL, which may contain a secret if it has a user name or a query
}{
	{name: home},
	{name: "XDG_CONFIG_HOME"},
	{name: xdgCache},
	{name: "ECR_SSO_CONFIG"},
	{name: ownCache},
	{name: "AWS_PROFILE"},
	{name: "AWS_DEFAULT_PROFILE"},
	{name: "AWS_CONFIG_FILE"},
	{name: "AWS_SHARED_CREDENTIALS_FILE"},
	{name: "AWS_WEB_IDENTITY_TOKEN_FILE"},
	{name: "AWS_ROLE_ARN"},
	{name: "AWS_ROLE_SESSION_NAME"},
	{name: "AWS_CONTAINER_CREDENTIALS_FULL_URI", address: true},
	{name: "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"},
	{name: "AWS_EC2_METADATA_SERVICE_ENDPOINT", address: true},
	{name: "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE"},
	{name: "AWS_LOGIN_CACHE_DIRECTORY"},
	{name: "AWS_ENDPOINT_URL", address: true},
	{name: "AWS_ENDPOINT_URL_ECR", address: true},
	{name: "AWS_ENDPOINT_URL_ECR_PUBLIC", address: true},
	{name: "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"},
}

// refused are the variables that prevent warm answers. Keys, tokens and the ECS path,
// which is also a secret, must not be in an entry. The log needs a line for each get.
var refused = []string{
	"AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY", "AWS_SESSION_TOKEN",
	"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN", "ECR_SSO_LOG",
}

const (
	home     = "HOME"
	xdgCache = "XDG_CACHE_HOME"
	ownCache = "ECR_SSO_CACHE_DIR"
	app      = "/docker-credential-ecr-sso"
)

// Environment returns the part of the environment that an answer depends on, and the
// cache directory. get returns a variable; "" means not set. ok is false if warm answers
// are not possible: keys or a log are set, there is no home directory, or an entry cannot
// contain a value.
func Environment(get func(name string) string) (text, dir string, ok bool) {
	t, ok := appendEnvironment(nil, get)
	d, found := AppendCacheDir(nil, get)
	if !ok || !found {
		return "", "", false
	}
	return string(t), string(d), true
}

func appendEnvironment(dst []byte, get func(name string) string) (text []byte, ok bool) {
	for _, name := range refused {
		if get(name) != "" {
			return dst, false
		}
	}
	for _, v := range compared {
		value := get(v.name)
		if value == "" {
			continue
		}
		if has(value, '\n') || has(value, 0) || v.address && (has(value, '@') || has(value, '?')) {
			return dst, false
		}
		dst = append(dst, v.name...)
		dst = append(dst, '=')
		dst = append(dst, value...)
		dst = append(dst, '\n')
	}
	return dst, true
}

// AppendCacheDir appends the same directory as CacheDir in package env. ok is false for
// paths with . or .., which may lead elsewhere after simplification.
func AppendCacheDir(dst []byte, get func(name string) string) (dir []byte, ok bool) {
	h := get(home)
	if !plain(h) {
		return dst, false
	}
	if own := get(ownCache); own != "" {
		return append(dst, own...), plain(own)
	}
	if xdg := get(xdgCache); xdg != "" && xdg[0] == '/' {
		return append(append(dst, xdg...), app...), plain(xdg)
	}
	return append(append(dst, h...), "/.cache"+app...), true
}

// plain reports whether path is absolute and contains no . or .. element.
func plain(path string) bool {
	if path == "" || path[0] != '/' {
		return false
	}
	for rest, part, more := path, "", true; more; {
		part, rest, more = cut(rest, '/')
		if part == "." || part == ".." {
			return false
		}
	}
	return true
}
