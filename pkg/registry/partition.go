package registry

import "strings"

// partition is a row of the AWS partition table: which regions it claims and
// the DNS suffixes of its registries and APIs.
type partition struct {
	name         string
	prefixes     []string // a region is PREFIX-word-number
	suffix       string   // of dkr.ecr names and of the plain API
	dualStack    string   // of dkr-ecr names
	apiDualStack string   // of the dual-stack API
}

// partitions holds the partitions of the AWS SDK's own table; their region
// grammars are disjoint. The dual-stack registry suffix is the API's with "on."
// for "api.".
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

// partitionOf finds the partition that a region and a suffix name together. A
// region that some partition claims must stand under that partition's suffix; one
// that none claims but that looks like a region is taken as "aws", as the SDK
// does, because AWS adds geographies.
func partitionOf(region, suffix string, dualStack bool) (p *partition, dual, ok bool) {
	if len(region) > maxLabel {
		return nil, false, false
	}
	for i := range partitions {
		if p := &partitions[i]; p.claims(region) {
			dual, ok := p.under(suffix, dualStack)
			return p, dual, ok
		}
	}
	p = &partitions[0]
	dual, ok = p.under(suffix, dualStack)
	return p, dual, ok && looksLikeRegion(region)
}

// under reports whether suffix belongs to the partition in this form, and
// whether the name is a dual-stack one.
func (p *partition) under(suffix string, dualStack bool) (dual, ok bool) {
	switch {
	case dualStack:
		return true, suffix == p.dualStack
	case suffix == p.suffix:
		return false, true
	default:
		// The one mixed form that the widely used helper accepts, and so do we:
		// dkr.ecr under China's dual-stack suffix.
		return true, p.name == "aws-cn" && suffix == p.dualStack
	}
}

// claims matches PREFIX-word-number, word of lower-case letters and digits.
func (p *partition) claims(region string) bool {
	for _, prefix := range p.prefixes {
		rest, ok := strings.CutPrefix(region, prefix+"-")
		if !ok {
			continue
		}
		if word, number, ok := strings.Cut(rest, "-"); ok &&
			consistsOf(word, lowerLetters+digits) && consistsOf(number, digits) {
			return true
		}
	}
	return false
}

// looksLikeRegion matches letters, then words, then a number: xx-word-1. S3's
// bucket and endpoint labels (s3, s3-us-west-2) do not.
func looksLikeRegion(s string) bool {
	parts := strings.Split(s, "-")
	last := len(parts) - 1
	if last < 2 || len(parts[0]) < 2 || !consistsOf(parts[last], digits) {
		return false
	}
	for _, word := range parts[:last] {
		if !consistsOf(word, lowerLetters) {
			return false
		}
	}
	return true
}

const (
	lowerLetters = "abcdefghijklmnopqrstuvwxyz"
	digits       = "0123456789"
	maxLabel     = 63 // RFC 1035 section 2.3.4
)

func consistsOf(s, set string) bool { return s != "" && strings.Trim(s, set) == "" }

// IsAWSHost reports whether a host name is below one of the DNS suffixes under which
// AWS's own services answer.
func IsAWSHost(host string) bool {
	host = lower(host)
	for _, p := range partitions {
		if strings.HasSuffix(host, "."+p.suffix) || strings.HasSuffix(host, "."+p.apiDualStack) {
			return true
		}
	}
	return false
}
