package credhelper

import (
	"strings"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
)

// The commands that errors name. They stand here together so that a test can
// run each of them.
const program = "docker-credential-ecr-sso"

// loginCommand signs in to the session, or to a legacy profile's start URL.
func loginCommand(s awsconfig.SSO) string {
	if s.Session != "" {
		return program + " login --sso-session " + hint.Arg(s.Session)
	}
	return program + " login --profile " + hint.Arg(s.Profile)
}

// configureCommand makes or completes a profile; "" asks for its name.
func configureCommand(profile string) string {
	if profile == "" {
		return program + " configure"
	}
	return program + " configure --profile " + hint.Arg(profile)
}

// mapCommand settles which profile a registry uses.
func mapCommand(host, profile string) string {
	return program + " map " + host + " " + hint.Arg(profile)
}

// mapOneOf leaves the choice of the profile to the person.
func mapOneOf(host string) string { return program + " map " + host + " PROFILE" }

// awsLoginCommand starts a session of `aws login` for a profile.
func awsLoginCommand(profile string) string { return "aws login --profile " + hint.Arg(profile) }

// exportCommand has the AWS CLI, which can ask for an MFA code, put a profile's
// credentials into the environment of the shell.
func exportCommand(profile string) string {
	return `eval "$(aws configure export-credentials --format env --profile ` + hint.Arg(profile) + `)"`
}

// unsetCommand removes variables from the environment of the shell.
func unsetCommand(names ...string) string { return "unset " + strings.Join(names, " ") }

// doctorCommand looks at everything a login for host needs.
func doctorCommand(host string) string { return program + " doctor " + host }

// Advice lists every command that an error of a Helper can name, with sample
// names, so that tests can run each of them and documents can list them.
func Advice() []string {
	host := "123456789012.dkr.ecr.us-east-1.amazonaws.com"
	return []string{
		loginCommand(awsconfig.SSO{Session: "corp"}),
		loginCommand(awsconfig.SSO{Profile: "my dev"}),
		configureCommand(""),
		configureCommand("prod"),
		mapCommand(host, "prod"),
		doctorCommand(host),
		program + " doctor",
		mapOneOf(host),
		awsLoginCommand("console"),
		exportCommand("mfa"),
		unsetCommand("AWS_ENDPOINT_URL_SSO"),
	}
}
