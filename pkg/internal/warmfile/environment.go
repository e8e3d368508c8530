package warmfile

// The variables are listed by name, because package env cannot be imported this early. A
// test compares them with package env's table: each row is either listed here, or listed
// in the test with the reason why the answer does not depend on it.

// compared are the variables that determine the credentials, the endpoint or a file path.
// An entry contains their values.
var compared = [...]struct {
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
var refused = [...]string{
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
	for _, name := range refused {
		if get(name) != "" {
			return "", "", false
		}
	}
	var values [len(compared)]string
	size := 0
	for i, v := range compared {
		value := get(v.name)
		if has(value, '\n') || has(value, 0) || v.address && (has(value, '@') || has(value, '?')) {
			return "", "", false
		}
		values[i] = value
		size += len(v.name) + len(value) + 2
	}
	// One allocation, because each new size class uses a new memory page.
	line := make([]byte, 0, size)
	for i, v := range compared {
		if values[i] == "" {
			continue
		}
		line = append(line, v.name...)
		line = append(line, '=')
		line = append(line, values[i]...)
		line = append(line, '\n')
	}
	dir, ok = cacheDir(get)
	return string(line), dir, ok
}

// cacheDir returns the same directory as CacheDir in package env. ok is false for paths
// with . or .., which may lead elsewhere after simplification.
func cacheDir(get func(name string) string) (string, bool) {
	h := get(home)
	if !plain(h) {
		return "", false
	}
	if dir := get(ownCache); dir != "" {
		return dir, plain(dir)
	}
	if dir := get(xdgCache); dir != "" && dir[0] == '/' {
		return dir + app, plain(dir)
	}
	return h + "/.cache" + app, true
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
