// Package registry owns the grammar of Amazon ECR registry host names: which
// server URLs are registries at all, and what account, region and API host
// stand in the name.
//
// It never touches the network or a file, and it refuses rather than repairs:
// the name comes from whoever wrote a Dockerfile, and a token handed to a
// look-alike host is lost (GO-2026-6225, CVE-2020-5260 and their kin). It may
// import the standard library only (floor 0). Every command starts here.
package registry

import (
	"errors"
	"fmt"
	"strings"
)

// ErrNotECR is the error of Parse for every name that is not an ECR registry
// (errors.Is).
var ErrNotECR = errors.New("not an Amazon ECR registry")

// errVPCEndpoint is ErrNotECR for the name of an ECR endpoint in a VPC.
var errVPCEndpoint = fmt.Errorf("%w but the name of a VPC endpoint: name images by ACCOUNT.dkr.ecr.REGION.amazonaws.com, "+
	"and set AWS_ENDPOINT_URL_ECR to https://vpce-....api.ecr.REGION.vpce.amazonaws.com where the VPC has no private DNS", ErrNotECR)

// Service is the AWS service that issues a registry's tokens, by its signing
// name.
type Service string

// The two services.
const (
	ECR    Service = "ecr"
	Public Service = "ecr-public"
)

// publicRegion is where ECR Public's API lives, whatever the caller's region.
const publicRegion = "us-east-1"

// Registry is a parsed registry host name.
type Registry struct {
	Host      string  // lower case, without scheme, port and path
	Account   string  // 12 digits; empty for ECR Public
	Region    string  // from the host name; us-east-1 for ECR Public
	Partition string  // "aws", "aws-cn", ...
	FIPS      bool    // the name asks for FIPS endpoints
	DualStack bool    // the name is a dual-stack one
	Service   Service // who issues the token

	partition *partition
}

// Parse reads a server URL as Docker clients send it: HOST, HOST:443,
// https://HOST, each with an optional path, which is ignored. Letters are folded
// to lower case (A-Z only). Anything else than a registry host of ECR or ECR
// Public yields ErrNotECR.
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-requests.html
func Parse(serverURL string) (Registry, error) {
	host, ok := host(serverURL)
	if !ok {
		return Registry{}, ErrNotECR
	}
	switch host {
	case "public.ecr.aws", "ecr-public.aws.com":
		return Registry{
			Host: host, Region: publicRegion, Partition: "aws", Service: Public,
			DualStack: host == "ecr-public.aws.com", partition: &partitions[0],
		}, nil
	}
	return parsePrivate(host)
}

// ForAccount returns the plain registry of an account in a region, in the
// partition that the region belongs to: 123456789012.dkr.ecr.REGION.SUFFIX.
func ForAccount(account, region string) (Registry, error) {
	for _, p := range partitions {
		if p.claims(region) {
			return Parse(account + ".dkr.ecr." + region + "." + p.suffix)
		}
	}
	return Parse(account + ".dkr.ecr." + region + "." + partitions[0].suffix)
}

// host takes the host out of a server URL. It refuses every byte that has no
// place in one, also in the path: a line break or a percent sign there is a
// sign of somebody trying.
func host(serverURL string) (string, bool) {
	for i := range len(serverURL) {
		if c := serverURL[i]; c <= ' ' || c >= 0x7F || strings.IndexByte(`@?#%\`, c) >= 0 {
			return "", false
		}
	}
	s := lower(serverURL)
	s = strings.TrimPrefix(s, "https://")
	s, _, _ = strings.Cut(s, "/")
	s = strings.TrimSuffix(s, ":443")
	return s, s != ""
}

// lower folds A-Z and nothing else: Unicode case mapping turns the Kelvin sign
// into a k.
func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// parsePrivate matches ACCOUNT.dkr.ecr[-fips].REGION.SUFFIX and
// ACCOUNT.dkr-ecr[-fips].REGION.SUFFIX from end to end.
func parsePrivate(host string) (Registry, error) {
	account, rest, _ := strings.Cut(host, ".")
	if isVPCEndpoint(account, rest) {
		return Registry{}, errVPCEndpoint
	}
	if !isAccount(account) {
		return Registry{}, ErrNotECR
	}
	for _, form := range forms {
		name, ok := strings.CutPrefix(rest, form.label+".")
		if !ok {
			continue
		}
		region, suffix, _ := strings.Cut(name, ".")
		p, dual, ok := partitionOf(region, suffix, form.dualStack)
		if !ok {
			break
		}
		return Registry{
			Host: host, Account: account, Region: region, Partition: p.name,
			FIPS: form.fips, DualStack: dual, Service: ECR, partition: p,
		}, nil
	}
	return Registry{}, ErrNotECR
}

var forms = [...]struct {
	label           string
	fips, dualStack bool
}{
	{"dkr.ecr", false, false},
	{"dkr.ecr-fips", true, false},
	{"dkr-ecr", false, true},
	{"dkr-ecr-fips", true, true},
}

// isVPCEndpoint matches vpce-ID.dkr.ecr.REGION.vpce.SUFFIX and the like.
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html
func isVPCEndpoint(label, rest string) bool {
	return strings.HasPrefix(label, "vpce-") && strings.Contains(rest, ".vpce.") &&
		(strings.HasPrefix(rest, "dkr.ecr.") || strings.HasPrefix(rest, "api.ecr."))
}

func isAccount(s string) bool {
	return len(s) == 12 && strings.Trim(s, "0123456789") == ""
}

// APIHost returns the host name of the AWS API that issues this registry's
// token, as the endpoint rules of the AWS SDKs build it.
func (r Registry) APIHost() string {
	name := string(r.Service)
	if r.FIPS {
		name += "-fips"
	}
	if r.DualStack {
		return name + "." + r.Region + "." + r.partition.apiDualStack
	}
	return "api." + name + "." + r.Region + "." + r.partition.suffix
}
