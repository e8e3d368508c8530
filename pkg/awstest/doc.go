// Package awstest is a fake AWS that holds state: IAM Identity Center (sso-oidc and the portal), STS, ECR, ECR Public, the
// container and instance credential endpoints, and the registries behind them, all in one process on loopback.
// Clients use the real host names over TLS through its CONNECT proxy; it checks signatures, bearer tokens, PKCE and single-use
// refresh tokens as the services do, and breaks in named ways when asked to.
// It never leaves the machine, never stores a secret in its call log, and imports nothing of this project: only the standard
// library and go-containerregistry's pkg/registry.
// Tests call it, and the program in cmd/awstest for shell scripts; no shipped binary may import it.
package awstest
