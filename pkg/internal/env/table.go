package env

// The variables, in the order of the documentation: this program's, AWS's, Docker's and
// the system's. Each name occurs here once; the code and the documentation use its row.
const (
	SSOConfig Var = iota
	SSOCacheDir
	SSOLogin
	SSOLog
	SSOFallback
	AWSProfile
	AWSDefaultProfile
	AWSConfigFile
	AWSSharedCredentialsFile
	AWSAccessKeyID
	AWSAccessKey
	AWSSecretAccessKey
	AWSSecretKey
	AWSSessionToken
	AWSSecurityToken
	AWSWebIdentityTokenFile
	AWSRoleARN
	AWSRoleSessionName
	AWSECRRoleARN
	AWSContainerRelativeURI
	AWSContainerFullURI
	AWSContainerToken
	AWSContainerTokenFile
	AWSRegion
	AWSDefaultRegion
	AWSCABundle
	RequestsCABundle
	AWSEndpointURL
	AWSEndpointURLSSO
	AWSEndpointURLSSOOIDC
	AWSEndpointURLECR
	AWSEndpointURLECRPublic
	AWSEndpointURLSTS
	AWSEndpointURLSignin
	AWSIgnoreEndpointURLs
	AWSUseFIPSEndpoint
	AWSUseDualStackEndpoint
	AWSEC2MetadataDisabled
	AWSEC2MetadataEndpoint
	AWSEC2MetadataMode
	AWSEC2MetadataV1Disabled
	AWSLoginCache
	DockerConfig
	DockerAuthConfig
	RegistryAuthFile
	RegistriesConf
	Home
	UserProfile
	AppData
	LocalAppData
	XDGConfigHome
	XDGCacheHome
	XDGRuntimeDir
	Path
	CI
	Browser
	Display
	WaylandDisplay
	SSHConnection
	SSHTTY
	WSLDistro
	Term
	NoColor
	ForceHyperlink
	TermProgram
	Tmux
	VTEVersion
	KonsoleVersion
	WTSession
	HTTPSProxy
	HTTPSProxyLower
	NoProxy
	NoProxyLower
	SSLCertFile
	SSLCertDir
)

// table has a row for every variable that is read by the program, or by a library that
// the program calls with the environment. The AWS SDKs and Tools Reference Guide
// describes AWS's variables, and the Docker CLI reference describes Docker's.
var table = [...]Row{
	SSOConfig:                {"ECR_SSO_CONFIG", Ours, "path of a file", false, "settings file to use instead of the one in the user's configuration directory"},
	SSOCacheDir:              {"ECR_SSO_CACHE_DIR", Ours, "path of a directory", false, "directory of cached ECR logins and locks instead of the user's cache directory"},
	SSOLogin:                 {"ECR_SSO_LOGIN", Ours, "auto or never", false, "whether get can sign in with the browser on a terminal; overrides login in the settings"},
	SSOLog:                   {"ECR_SSO_LOG", Ours, "path of a file", false, "log file (0600): one line for each step and call, never a secret; without it, no log is written"},
	SSOFallback:              {"ECR_SSO_FALLBACK", Ours, "set by the helper", false, "marks a request that the helper passed to the fallback store, so that a loop is detected"},
	AWSProfile:               {"AWS_PROFILE", AWS, "profile name", false, "profile to use for every registry without a mapping"},
	AWSDefaultProfile:        {"AWS_DEFAULT_PROFILE", AWS, "profile name", false, "the same, if AWS_PROFILE is not set"},
	AWSConfigFile:            {"AWS_CONFIG_FILE", AWS, "path of a file", false, "the AWS configuration instead of ~/.aws/config"},
	AWSSharedCredentialsFile: {"AWS_SHARED_CREDENTIALS_FILE", AWS, "path of a file", false, "the AWS credentials file instead of ~/.aws/credentials"},
	AWSAccessKeyID:           {"AWS_ACCESS_KEY_ID", AWS, "access key id", true, "keys of the environment; with AWS_SECRET_ACCESS_KEY they override AWS_PROFILE"},
	AWSAccessKey:             {"AWS_ACCESS_KEY", AWS, "access key id", true, "older name of AWS_ACCESS_KEY_ID"},
	AWSSecretAccessKey:       {"AWS_SECRET_ACCESS_KEY", AWS, "secret access key", true, "see AWS_ACCESS_KEY_ID"},
	AWSSecretKey:             {"AWS_SECRET_KEY", AWS, "secret access key", true, "older name of AWS_SECRET_ACCESS_KEY"},
	AWSSessionToken:          {"AWS_SESSION_TOKEN", AWS, "session token", true, "session token of temporary keys"},
	AWSSecurityToken:         {"AWS_SECURITY_TOKEN", AWS, "session token", true, "older name of AWS_SESSION_TOKEN; takes precedence, as in the AWS CLI"},
	AWSWebIdentityTokenFile:  {"AWS_WEB_IDENTITY_TOKEN_FILE", AWS, "path of a file", false, "token file of a web identity (EKS service accounts, OIDC of CI services)"},
	AWSRoleARN:               {"AWS_ROLE_ARN", AWS, "role ARN", false, "role to assume with the web identity"},
	AWSRoleSessionName:       {"AWS_ROLE_SESSION_NAME", AWS, "name", false, "session name for the web identity"},
	AWSECRRoleARN:            {"AWS_ECR_ROLE_ARN", AWS, "role ARN", false, "`kubelet` only: the role for pods whose service account has no annotation with a role"},
	AWSContainerRelativeURI:  {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", AWS, "path", true, "address of container credentials (ECS, CodeBuild); a process that knows it can get them"},
	AWSContainerFullURI:      {"AWS_CONTAINER_CREDENTIALS_FULL_URI", AWS, "URL", false, "address of container credentials (EKS Pod Identity and others)"},
	AWSContainerToken:        {"AWS_CONTAINER_AUTHORIZATION_TOKEN", AWS, "token", true, "authorization for the container credentials endpoint"},
	AWSContainerTokenFile:    {"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", AWS, "path of a file", false, "the same from a file"},
	AWSRegion:                {"AWS_REGION", AWS, "region", false, "region of calls to STS; the region of ECR always comes from the registry's host name"},
	AWSDefaultRegion:         {"AWS_DEFAULT_REGION", AWS, "region", false, "the same, if AWS_REGION is not set"},
	AWSCABundle:              {"AWS_CA_BUNDLE", AWS, "path of a PEM file", false, "certificate authorities to trust instead of the system's"},
	RequestsCABundle:         {"REQUESTS_CA_BUNDLE", AWS, "path of a PEM file", false, "the same, if neither AWS_CA_BUNDLE nor the profile's ca_bundle is set, as in the AWS CLI"},
	AWSEndpointURL:           {"AWS_ENDPOINT_URL", AWS, "https URL, or http to loopback", false, "endpoint of every AWS service"},
	AWSEndpointURLSSO:        {"AWS_ENDPOINT_URL_SSO", AWS, "https URL, or http to loopback", false, "endpoint of the SSO portal"},
	AWSEndpointURLSSOOIDC:    {"AWS_ENDPOINT_URL_SSO_OIDC", AWS, "https URL, or http to loopback", false, "endpoint of the SSO sign-in service"},
	AWSEndpointURLECR:        {"AWS_ENDPOINT_URL_ECR", AWS, "https URL, or http to loopback", false, "endpoint of ECR"},
	AWSEndpointURLECRPublic:  {"AWS_ENDPOINT_URL_ECR_PUBLIC", AWS, "https URL, or http to loopback", false, "endpoint of ECR Public"},
	AWSEndpointURLSTS:        {"AWS_ENDPOINT_URL_STS", AWS, "https URL, or http to loopback", false, "endpoint of STS"},
	AWSEndpointURLSignin:     {"AWS_ENDPOINT_URL_SIGNIN", AWS, "https URL, or http to loopback", false, "endpoint of the service that renews `aws login` sessions"},
	AWSIgnoreEndpointURLs:    {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", AWS, "true or false", false, "ignore endpoint settings"},
	AWSUseFIPSEndpoint:       {"AWS_USE_FIPS_ENDPOINT", AWS, "true or false", false, "FIPS endpoints for SSO; ECR follows the registry's host name"},
	AWSUseDualStackEndpoint:  {"AWS_USE_DUALSTACK_ENDPOINT", AWS, "true or false", false, "dual-stack endpoints for SSO; ECR follows the registry's host name"},
	AWSEC2MetadataDisabled:   {"AWS_EC2_METADATA_DISABLED", AWS, "true or false", false, "never call the instance metadata service"},
	AWSEC2MetadataEndpoint:   {"AWS_EC2_METADATA_SERVICE_ENDPOINT", AWS, "URL", false, "the instance metadata service's address"},
	AWSEC2MetadataMode:       {"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", AWS, "IPv4 or IPv6", false, "address family of the instance metadata service"},
	AWSEC2MetadataV1Disabled: {"AWS_EC2_METADATA_V1_DISABLED", AWS, "true or false", false, "never call the instance metadata service without a token"},
	AWSLoginCache:            {"AWS_LOGIN_CACHE_DIRECTORY", AWS, "path of a directory", false, "directory of `aws login` sessions instead of ~/.aws/login/cache"},
	DockerConfig:             {"DOCKER_CONFIG", Docker, "path of a directory", false, "directory of Docker's config.json instead of ~/.docker"},
	DockerAuthConfig:         {"DOCKER_AUTH_CONFIG", Docker, "JSON", true, "passwords that docker 28.3 and newer use before any credential helper"},
	RegistryAuthFile:         {"REGISTRY_AUTH_FILE", Docker, "path of a file", false, "auth.json of podman, buildah and skopeo"},
	RegistriesConf:           {"CONTAINERS_REGISTRIES_CONF", Docker, "path of a file", false, "registries.conf of podman and buildah, instead of the user's and the system's"},
	Home:                     {"HOME", System, "path of a directory", false, "the home directory"},
	UserProfile:              {"USERPROFILE", System, "path of a directory", false, "the home directory on Windows"},
	AppData:                  {"APPDATA", System, "path of a directory", false, "configuration directory on Windows"},
	LocalAppData:             {"LOCALAPPDATA", System, "path of a directory", false, "cache directory on Windows"},
	XDGConfigHome:            {"XDG_CONFIG_HOME", System, "path of a directory", false, "configuration directory instead of ~/.config"},
	XDGCacheHome:             {"XDG_CACHE_HOME", System, "path of a directory", false, "cache directory instead of ~/.cache"},
	XDGRuntimeDir:            {"XDG_RUNTIME_DIR", System, "path of a directory", false, "directory of podman's auth.json"},
	Path:                     {"PATH", System, "list of directories", false, "directories to search for programs"},
	CI:                       {"CI", System, "any value", false, "if set and not empty: no questions, and no browser opens"},
	Browser:                  {"BROWSER", System, "command", false, "browser to open instead of the desktop's; also without a terminal, but never with `CI` set"},
	Display:                  {"DISPLAY", System, "display", false, "X11 display; without a display, no browser opens on Linux"},
	WaylandDisplay:           {"WAYLAND_DISPLAY", System, "display", false, "the same for Wayland"},
	SSHConnection:            {"SSH_CONNECTION", System, "addresses", false, "set in a remote shell: a sign-in shows a code instead of opening a browser"},
	SSHTTY:                   {"SSH_TTY", System, "terminal", false, "the same"},
	WSLDistro:                {"WSL_DISTRO_NAME", System, "name", false, "set inside WSL: a sign-in opens the browser of Windows"},
	Term:                     {"TERM", System, "terminal type", false, "`dumb`: plain text and numbered lists"},
	NoColor:                  {"NO_COLOR", System, "any value", false, "if set and not empty, output has no colors and no symbols"},
	ForceHyperlink:           {"FORCE_HYPERLINK", System, "0 or 1", false, "whether to print links (OSC 8); without it, TERM and the next five variables decide"},
	TermProgram:              {"TERM_PROGRAM", System, "name", false, "terminal program: iTerm.app, WezTerm, vscode, ghostty, mintty, Hyper, Tabby, rio and contour have links"},
	Tmux:                     {"TMUX", System, "path", false, "set inside tmux: URLs are shown in full, without links"},
	VTEVersion:               {"VTE_VERSION", System, "number", false, "GNOME Terminal and others; links from 5000"},
	KonsoleVersion:           {"KONSOLE_VERSION", System, "number", false, "links from 201200"},
	WTSession:                {"WT_SESSION", System, "id", false, "set in Windows Terminal, which has links"},
	HTTPSProxy:               {"HTTPS_PROXY", System, "URL", true, "proxy for https calls (CONNECT)"},
	HTTPSProxyLower:          {"https_proxy", System, "URL", true, "the same, if HTTPS_PROXY is not set"},
	NoProxy:                  {"NO_PROXY", System, "list of hosts", false, "hosts that are reached without the proxy"},
	NoProxyLower:             {"no_proxy", System, "list of hosts", false, "the same, if NO_PROXY is not set"},
	SSLCertFile:              {"SSL_CERT_FILE", System, "path of a PEM file", false, "certificate authorities to trust instead of the system's; on macOS and Windows in addition to them"},
	SSLCertDir:               {"SSL_CERT_DIR", System, "list of directories", false, "the same as directories of PEM files"},
}
