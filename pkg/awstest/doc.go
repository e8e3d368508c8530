// Package awstest is a stateful fake of AWS in one process on loopback: IAM Identity Center
// (sso-oidc and the portal), STS, ECR, ECR Public, the credential endpoints of containers
// and instances, and the registries.
//
// Clients use the real host names over TLS through its CONNECT proxy. Like the real
// services, the fake checks signatures, bearer tokens, PKCE and single-use refresh tokens.
// It can inject named faults (see Kind).
//
// The fake makes no outside connections and writes no secrets to its call log. It depends
// only on the standard library, pkg/registry of go-containerregistry, and this project's
// internal env package. Tests import it; shell scripts use cmd/awstest. Released binaries
// must not import it.
package awstest
