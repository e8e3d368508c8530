package registry

import "strings"

// IsRegion reports whether name has the form of an AWS region: a geography of two to
// four letters, one or two words of letters, and a number of one or two digits, such
// as us-east-1 and us-gov-west-1. It does not look up the region in a list, because
// AWS adds regions. Host labels of other services (s3, s3-us-west-2) and the FIPS
// pseudo regions of older AWS tools (fips-us-east-1) do not have the form.
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

	// The lengths of the parts of a region's name.
	minGeography, maxGeography = 2, 4 // letters: us, eusc
	maxWords                   = 2    // us-gov-west-1, us-isob-east-1
	maxNumber                  = 2    // digits
)

func consistsOf(s, set string) bool { return s != "" && strings.Trim(s, set) == "" }

// partition is a row of the AWS partition table.
type partition struct {
	name         string
	prefixes     []string // its regions are PREFIX-word-number
	suffix       string   // of dkr.ecr names and of the plain API
	dualStack    string   // of dkr-ecr names
	apiDualStack string   // of the dual-stack API
}

// partitions are those of the AWS SDK's table. No region belongs to two of them. The
// dual-stack suffix of registries is that of the API with "on." instead of "api.".
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

// partitionOf returns the partition of a region. As in the AWS SDK, a region that no
// row of the table names is in "aws", because AWS adds geographies.
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

// under reports whether suffix belongs to the partition in this form, and
// whether the name is a dual-stack one.
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
