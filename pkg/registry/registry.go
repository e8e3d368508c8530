// Package registry parses the host names of Amazon ECR registries. It determines which
// server URLs name a registry, and the account, region and API host for the name.
//
// It does not use the network and reads no file. It rejects a malformed name and never
// repairs one: the name may come from an untrusted Dockerfile, and a token sent to a
// look-alike host is lost (compare GO-2026-6225 and CVE-2020-5260). It imports only the
// standard library.
package registry

import (
	"errors"
	"fmt"
	"strings"
)

// ErrNotECR is the error from Parse for every name that is not an ECR registry. Test
// for it with errors.Is.
var ErrNotECR = errors.New("not an Amazon ECR registry")

// errVPCEndpoint wraps ErrNotECR for the name of an ECR VPC endpoint.
var errVPCEndpoint = fmt.Errorf("%w but the name of a VPC endpoint: use image names that begin with ACCOUNT.dkr.ecr.REGION.amazonaws.com, "+
	"and set AWS_ENDPOINT_URL_ECR to https://vpce-....api.ecr.REGION.vpce.amazonaws.com if the VPC has no private DNS", ErrNotECR)

// Service is the AWS service that issues a registry's tokens. Its value is the service name
// in AWS request signatures.
type Service string

// The two services.
const (
	ECR    Service = "ecr"
	Public Service = "ecr-public"
)

// publicRegion is the region of the ECR Public API that issues tokens.
// https://docs.aws.amazon.com/AmazonECR/latest/public/public-registry-auth.html
const publicRegion = "us-east-1"

// Registry is a parsed registry host name.
type Registry struct {
	Host      string  // lower case, without scheme, port and path
	Account   string  // 12 digits; empty for ECR Public
	Region    string  // from the host name; us-east-1 for ECR Public
	Partition string  // "aws", "aws-cn", ...
	FIPS      bool    // the name is a FIPS endpoint name
	DualStack bool    // the name is a dual-stack endpoint name
	Service   Service // the service that issues the token

	partition *partition
}

// Parse reads a server URL in the forms that Docker clients send: HOST, HOST:443 and
// https://HOST, each with an optional path, which Parse ignores. It converts the letters A-Z
// to lower case. For a name that is not an ECR or ECR Public registry, it returns ErrNotECR.
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

// ForAccount returns the registry of an account in a region. The name is neither FIPS nor
// dual-stack, and has the suffix of the region's partition. ForAccount returns ErrNotECR if
// the account or the region is malformed.
func ForAccount(account, region string) (Registry, error) {
	p, ok := partitionOf(region)
	if !ok {
		return Registry{}, ErrNotECR
	}
	return Parse(account + ".dkr.ecr." + region + "." + p.suffix)
}

// host returns the host of a server URL. It rejects every byte that is invalid in a registry
// URL, including its path. A line break or a percent sign in the path may be an attack on a
// program that reads the URL later.
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

// Host returns the host of any server URL, in lower case, with its port unless the port is
// 443. It accepts every scheme. It returns false for a name whose bytes Parse would reject.
func Host(serverURL string) (string, bool) {
	name := serverURL
	if scheme, rest, found := strings.Cut(serverURL, "://"); found && !strings.Contains(scheme, "/") {
		name = rest
	}
	authority, _, _ := strings.Cut(name, "/")
	if strings.Count(authority, ":") > 1 && authority[0] != '[' || strings.HasSuffix(authority, ":") { // two ports, two schemes, no port
		return "", false
	}
	return host(name)
}

// Resembles reports whether a server URL names an ECR registry or an ECR endpoint in any
// form, including forms that Parse rejects: with another scheme, a user name, another port,
// a trailing dot, or odd bytes around it. The program never passes such a name to other
// programs.
func Resembles(serverURL string) bool {
	var b strings.Builder
	for i := range len(serverURL) {
		if c := serverURL[i]; c > ' ' && c < 0x7F { // programs that join lines or trim blanks read the same text
			b.WriteByte(c)
		}
	}
	s := lower(b.String())
	if _, rest, ok := strings.Cut(s, "://"); ok {
		s = rest
	}
	if i := strings.IndexAny(s, `/?#\`); i >= 0 {
		s = s[:i]
	}
	s = s[strings.LastIndexByte(s, '@')+1:]
	s, _, _ = strings.Cut(s, ":")
	_, err := Parse(strings.TrimRight(s, "."))
	return err == nil || errors.Is(err, errVPCEndpoint)
}

// lower converts only A-Z. Unicode case mapping would turn the Kelvin sign into a k.
func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// parsePrivate parses ACCOUNT.dkr.ecr[-fips].REGION.SUFFIX and
// ACCOUNT.dkr-ecr[-fips].REGION.SUFFIX. The whole name must match.
func parsePrivate(host string) (Registry, error) {
	account, rest, _ := strings.Cut(host, ".")
	if isVPCEndpoint(account, rest) {
		return Registry{}, errVPCEndpoint
	}
	if !IsAccount(account) {
		return Registry{}, ErrNotECR
	}
	for _, form := range forms {
		name, ok := strings.CutPrefix(rest, form.label+".")
		if !ok {
			continue
		}
		region, suffix, _ := strings.Cut(name, ".")
		p, ok := partitionOf(region)
		if !ok {
			break
		}
		dual, ok := p.under(suffix, form.dualStack)
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

// forms are the labels between the account and the region.
var forms = [...]struct {
	label           string
	fips, dualStack bool
}{
	{"dkr.ecr", false, false},
	{"dkr.ecr-fips", true, false},
	{"dkr-ecr", false, true},
	{"dkr-ecr-fips", true, true},
}

// isVPCEndpoint matches vpce-ID.dkr.ecr.REGION.vpce.SUFFIX, and the same name with api.ecr.
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html
func isVPCEndpoint(label, rest string) bool {
	return strings.HasPrefix(label, "vpce-") && strings.Contains(rest, ".vpce.") &&
		(strings.HasPrefix(rest, "dkr.ecr.") || strings.HasPrefix(rest, "api.ecr."))
}

// IsAccount reports whether id has the format of an AWS account ID: 12 digits.
func IsAccount(id string) bool { return len(id) == 12 && consistsOf(id, digits) }

// APIHost returns the host name of the AWS API that issues this registry's token. The
// name follows the endpoint rules of the AWS SDKs.
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

// IsRegion reports whether name has the format of an AWS region: a geography of two to
// four letters, one or two words of letters, and a number of one or two digits, such
// as us-east-1 or us-gov-west-1. It does not use a list of regions, because AWS adds
// regions. Host labels for other services (s3, s3-us-west-2) and the FIPS pseudo-regions of
// older AWS tools (fips-us-east-1) do not have this format.
func IsRegion(name string) bool {
	labels := strings.Split(name, "-")
	words, number := labels[:len(labels)-1], labels[len(labels)-1]
	if len(name) > maxLabel || len(words) < 2 || len(words) > 1+maxWords || len(number) > maxNumber || !consistsOf(number, digits) {
		return false
	}
	for _, word := range words {
		if !consistsOf(word, lowerLetters) || word == "fips" {
			return false
		}
	}
	geography := len(words[0])
	return geography >= minGeography && geography <= maxGeography
}

const (
	lowerLetters = "abcdefghijklmnopqrstuvwxyz"
	digits       = "0123456789"
	maxLabel     = 63 // bytes in a DNS label: RFC 1035 section 2.3.4

	// The lengths of the parts of a region name.
	minGeography, maxGeography = 2, 4 // letters: us, eusc
	maxWords                   = 2    // us-gov-west-1, us-isob-east-1
	maxNumber                  = 2    // digits
)

func consistsOf(s, set string) bool { return s != "" && strings.Trim(s, set) == "" }

// partition is a row of the AWS partition table.
type partition struct {
	name         string
	prefixes     []string // its region names are PREFIX-word-number
	suffix       string   // for dkr.ecr names and the plain API
	dualStack    string   // for dkr-ecr names
	apiDualStack string   // for the dual-stack API
}

// partitions are the partitions in the AWS SDK's table. No region belongs to two
// partitions. The dual-stack suffix for registries is the API suffix with "on." instead of
// "api.".
var partitions = [...]partition{
	{"aws", []string{"us", "eu", "ap", "sa", "ca", "me", "af", "il", "mx"}, "amazonaws.com", "on.aws", "api.aws"},
	{"aws-us-gov", []string{"us-gov"}, "amazonaws.com", "on.aws", "api.aws"},
	{"aws-cn", []string{"cn"}, "amazonaws.com.cn", "on.amazonwebservices.com.cn", "api.amazonwebservices.com.cn"},
	{"aws-eusc", []string{"eusc-de"}, "amazonaws.eu", "on.amazonwebservices.eu", "api.amazonwebservices.eu"},
	{"aws-iso", []string{"us-iso"}, "c2s.ic.gov", "on.aws.ic.gov", "api.aws.ic.gov"},
	{"aws-iso-b", []string{"us-isob"}, "sc2s.sgov.gov", "on.aws.scloud", "api.aws.scloud"},
	{"aws-iso-e", []string{"eu-isoe"}, "cloud.adc-e.uk", "on.cloud-aws.adc-e.uk", "api.cloud-aws.adc-e.uk"},
	{"aws-iso-f", []string{"us-isof"}, "csp.hci.ic.gov", "on.aws.hci.ic.gov", "api.aws.hci.ic.gov"},
}

// partitionOf returns the partition of a region. As in the AWS SDK, a region that matches no
// table row is in "aws", because AWS adds geographies.
func partitionOf(region string) (p *partition, ok bool) {
	if !IsRegion(region) {
		return nil, false
	}
	for i := range partitions {
		if partitions[i].has(region) {
			return &partitions[i], true
		}
	}
	return &partitions[0], true
}

// has reports whether a region is PREFIX-word-number.
func (p *partition) has(region string) bool {
	for _, prefix := range p.prefixes {
		if rest, ok := strings.CutPrefix(region, prefix+"-"); ok && strings.Count(rest, "-") == 1 {
			return true
		}
	}
	return false
}

// under reports whether suffix belongs to the partition in this form, and whether the name
// is a dual-stack name.
func (p *partition) under(suffix string, dualStack bool) (dual, ok bool) {
	switch {
	case dualStack:
		return true, suffix == p.dualStack
	case suffix == p.suffix:
		return false, true
	default:
		// amazon-ecr-credential-helper accepts one mixed form: dkr.ecr with China's
		// dual-stack suffix.
		return true, p.name == "aws-cn" && suffix == p.dualStack
	}
}

// IsAWSHost reports whether a host name is below a DNS suffix of AWS's own services.
func IsAWSHost(host string) bool {
	host = lower(host)
	for _, p := range partitions {
		if strings.HasSuffix(host, "."+p.suffix) || strings.HasSuffix(host, "."+p.apiDualStack) {
			return true
		}
	}
	return false
}
