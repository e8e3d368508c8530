// Package awstest is a fake AWS with state, in one process on loopback: IAM Identity
// Center (sso-oidc and the portal), STS, ECR, ECR Public, the credential endpoints of
// containers and instances, and the registries.
//
// Clients use the real host names over TLS through its CONNECT proxy. It checks
// signatures, bearer tokens, PKCE and single-use refresh tokens as the services do. On
// request it fails in named ways (see Kind).
//
// It makes no connection outside the machine and writes no secret to its call log. It
// imports only the standard library and pkg/registry of go-containerregistry, and nothing
// of this project. Tests import it; shell scripts use the program in cmd/awstest. No
// shipped binary may import it.
package awstest
