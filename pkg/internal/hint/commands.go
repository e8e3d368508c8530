package hint

import (
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// Helper is the name of this program in Docker's credHelpers and credsStore. Program is
// the name of its executable file and of its directories. HelperPrefix begins the file name
// of every credential helper.
const (
	Helper       = "ecr-sso"
	Program      = HelperPrefix + Helper
	HelperPrefix = "docker-credential-"
)

// Command returns a command line that runs this program with the given words. Each word
// is quoted for a POSIX shell if necessary.
func Command(words ...string) string {
	line := Program
	for _, word := range words {
		line += " " + Arg(word)
	}
	return line
}

// LoginCommand signs in to an SSO session. If session is "", it signs in to the profile's
// session.
func LoginCommand(session, profile string) string {
	switch {
	case session != "":
		return Command("login", "--sso-session", session)
	case profile != "":
		return Command("login", "--profile", profile)
	}
	return Command("login")
}

// ConfigureCommand creates or completes a profile. If profile is "", it prompts for the
// name.
func ConfigureCommand(profile string) string {
	if profile == "" {
		return Command("configure")
	}
	return Command("configure", "--profile", profile)
}

// ConfigureDockerCommand changes the configuration of a container client; args are
// flags and hosts.
func ConfigureDockerCommand(args ...string) string {
	return Command(append([]string{"configure-docker"}, args...)...)
}

// MapCommand selects the profile for a registry. If profile is "", the reader must
// replace the word PROFILE.
func MapCommand(host, profile string, flags ...string) string {
	if profile == "" {
		profile = "PROFILE"
	}
	return Command(slices.Concat([]string{"map"}, flags, operands(host, profile))...)
}

// operands returns words that are not flags. If a word starts with a hyphen, as a profile
// or role name may, "--" precedes the words.
func operands(words ...string) []string {
	if slices.ContainsFunc(words, func(word string) bool { return strings.HasPrefix(word, "-") }) {
		return append([]string{"--"}, words...)
	}
	return words
}

// MapRoleCommand prefers roles in all accounts. The first role has the highest
// preference.
func MapRoleCommand(roles ...string) string {
	return Command(append([]string{"map", "--role"}, operands(roles...)...)...)
}

// DoctorCommand checks everything that a login for host needs. If host is "", it checks
// all registries.
func DoctorCommand(host string) string {
	if host == "" {
		return Command("doctor")
	}
	return Command("doctor", host)
}

// StatusCommand lists sessions and registries.
func StatusCommand() string { return Command("status") }

// AWSLoginCommand starts an `aws login` session for a profile.
func AWSLoginCommand(profile string) string { return "aws login --profile " + Arg(profile) }

// LogoutCommand removes a client's login for a server. The client is "docker", "podman"
// or "helm registry". The server may be any key in a file.
func LogoutCommand(client, server string) string { return client + " logout " + Arg(server) }

// TrustPolicyCommand shows which identities may assume a role. It is "" if roleARN is not
// a role ARN.
func TrustPolicyCommand(roleARN string) string {
	_, _, name := roleParts(roleARN)
	if name == "" {
		return ""
	}
	return "aws iam get-role --role-name " + Arg(name)
}

// AttachPolicyCommand attaches an AWS managed policy to a role. It is "" if roleARN is
// not a role ARN.
func AttachPolicyCommand(roleARN, policy string) string {
	partition, _, name := roleParts(roleARN)
	if name == "" {
		return ""
	}
	return "aws iam attach-role-policy --role-name " + Arg(name) + " --policy-arn " + Arg("arn:"+partition+":iam::aws:policy/"+policy)
}

// maxIssuer is IAM's limit for the URL of an OIDC provider.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateOpenIDConnectProvider.html
const maxIssuer = 255

// IdentityProviderCommand shows the audiences that the role's account accepts from an
// OIDC issuer. The command fails if the account does not have this issuer. If issuer is
// not a valid issuer, the command lists the account's issuers. It is "" if roleARN is not
// a role ARN.
func IdentityProviderCommand(roleARN, issuer string) string {
	partition, account, name := roleParts(roleARN)
	host, ok := strings.CutPrefix(issuer, "https://")
	switch {
	case name == "":
		return ""
	case !ok || len(host) > maxIssuer || strings.ContainsFunc(host, Unprintable):
		return "aws iam list-open-id-connect-providers"
	}
	return "aws iam get-open-id-connect-provider --open-id-connect-provider-arn " +
		Arg("arn:"+partition+":iam::"+account+":oidc-provider/"+strings.TrimSuffix(host, "/"))
}

// roleParts splits a role ARN. name does not include the path, as the AWS CLI expects.
func roleParts(arn string) (partition, account, name string) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 || !strings.HasPrefix(parts[5], "role/") {
		return "", "", ""
	}
	return parts[1], parts[4], parts[5][strings.LastIndexByte(parts[5], '/')+1:]
}

// ExportCommand uses the AWS CLI, which can prompt for an MFA code, to put a profile's
// credentials into the shell's environment.
func ExportCommand(profile string) string { return exportFor(runtime.GOOS, profile) }

func exportFor(goos, profile string) string {
	if goos == "windows" {
		return `for /f "delims=" %i in ('aws configure export-credentials --format windows-cmd --profile ` + argFor(goos, profile) + `') do @%i`
	}
	return `eval "$(aws configure export-credentials --format env --profile ` + argFor(goos, profile) + `)"`
}

// UnsetCommand removes variables from the shell's environment.
func UnsetCommand(variables ...string) string { return unsetFor(runtime.GOOS, variables) }

func unsetFor(goos string, variables []string) string {
	if goos == "windows" { // without spaces, which would become the value
		return "set " + strings.Join(variables, "=&set ") + "="
	}
	return "unset " + strings.Join(variables, " ")
}

// SetCommand sets a variable in the shell's environment.
func SetCommand(variable, value string) string { return setFor(runtime.GOOS, variable, value) }

func setFor(goos, variable, value string) string {
	if goos == "windows" { // set accepts spaces, and would add quotes to the value
		return "set " + variable + "=" + value
	}
	return "export " + variable + "=" + argFor(goos, value)
}

// SetHomeCommand sets a variable to a path in the home directory. rest is "" or starts
// with a separator.
func SetHomeCommand(variable, rest string) string { return setHomeFor(runtime.GOOS, variable, rest) }

func setHomeFor(goos, variable, rest string) string {
	if goos == "windows" {
		return "set " + variable + "=%USERPROFILE%" + strings.ReplaceAll(rest, "/", `\`)
	}
	if rest != "" {
		rest = argFor(goos, rest)
	}
	return "export " + variable + `="$HOME"` + rest
}

// EditCommand opens a file in an editor, at the given line unless it is 0. home may be ""
// (see PathArg).
func EditCommand(path, home string, line int) string {
	switch {
	case runtime.GOOS == "windows":
		return `notepad "` + path + `"`
	case line > 0:
		return fmt.Sprintf("${EDITOR:-vi} +%d %s", line, PathArg(path, home))
	}
	return "${EDITOR:-vi} " + PathArg(path, home)
}

// RemoveCommand removes a file.
func RemoveCommand(path string) string { return removeFor(runtime.GOOS, path) }

func removeFor(goos, path string) string {
	if goos == "windows" {
		return "del " + argFor(goos, path)
	}
	return "rm " + argFor(goos, path)
}

// PathArg quotes a path for a POSIX shell. It writes the home directory as ~ if the rest
// of the path needs no quotes.
func PathArg(path, home string) string {
	sep := string(filepath.Separator)
	rest, ok := strings.CutPrefix(path, home+sep)
	if ok && home != "" && home != sep && Arg(rest) == rest {
		return "~" + sep + rest
	}
	return Arg(path)
}
