// Command docker-credential-ecr-sso is a Docker credential helper that turns an
// AWS IAM Identity Center (SSO) sign-in into Amazon ECR logins.
package main

import "github.com/ecr-sso/docker-credential-ecr-sso/pkg/cli"

func main() { cli.Main() }
