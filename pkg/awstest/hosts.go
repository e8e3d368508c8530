package awstest

import (
	"regexp"
	"strings"
)

// target is the service, region and account that a host name identifies.
type target struct {
	host    string // as in the request, without port
	service Op
	region  string // "" (loopback endpoint): any
	account string // registries only
}

type partition struct {
	id, regions        string // region prefix; "": all other regions
	dns, api, registry string // DNS suffixes: plain, dual-stack API, dual-stack registry
}

// The last row matches all remaining regions, as in the SDK's rules.
var partitions = []partition{
	{"aws-cn", "cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn", "on.amazonwebservices.com.cn"},
	{"aws-us-gov", "us-gov-", "amazonaws.com", "api.aws", "on.aws"},
	{"aws-eusc", "eusc-", "amazonaws.eu", "api.amazonwebservices.eu", "on.amazonwebservices.eu"},
	{"aws-iso", "us-iso-", "c2s.ic.gov", "api.aws.ic.gov", "on.aws.ic.gov"},
	{"aws-iso-b", "us-isob-", "sc2s.sgov.gov", "api.aws.scloud", "on.aws.scloud"},
	{"aws-iso-e", "eu-isoe-", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk", "on.cloud-aws.adc-e.uk"},
	{"aws-iso-f", "us-isof-", "csp.hci.ic.gov", "api.aws.hci.ic.gov", "on.aws.hci.ic.gov"},
	{"aws", "", "amazonaws.com", "api.aws", "on.aws"},
}

func partitionOf(region string) partition {
	for _, p := range partitions {
		if strings.HasPrefix(region, p.regions) {
			return p
		}
	}
	return partitions[len(partitions)-1]
}

var (
	regionShape   = regexp.MustCompile(`^[a-z]{2,}(-[a-z]+)+-\d+$`)
	registryShape = regexp.MustCompile(`^(\d{12})\.dkr([.-])ecr(-fips)?$`)

	plainNames = map[string]Op{
		"oidc": OIDC, "oidc-fips": OIDC, "portal.sso": Portal, "portal.sso-fips": Portal, "device.sso": Device,
		"api.ecr": ECR, "api.ecr-fips": ECR, "ecr-fips": ECR, "api.ecr-public": ECRPublic, "api.ecr-public-fips": ECRPublic,
		"sts": STS, "sts-fips": STS, "signin": Signin,
	}
	dualNames = map[string]Op{
		"oidc": OIDC, "oidc-fips": OIDC, "portal.sso": Portal, "portal.sso-fips": Portal,
		"ecr": ECR, "ecr-fips": ECR, "ecr-public": ECRPublic, "api.ecr-public": ECRPublic, "api.ecr-public-fips": ECRPublic,
		"sts": STS, "sts-fips": STS, "signin": Signin,
	}
)

// parseHost returns the service for an AWS host name. ok is false for other names.
func parseHost(host string) (t target, ok bool) {
	host = strings.ToLower(host)
	switch host {
	case "public.ecr.aws", "ecr-public.aws.com":
		return target{host: host, service: PublicRegistry, region: "us-east-1"}, true
	case "sts.amazonaws.com":
		return target{host: host, service: STS, region: "us-east-1"}, true
	}
	if region, ok := strings.CutSuffix(host, ".signin.aws.amazon.com"); ok && regionShape.MatchString(region) {
		return target{host: host, service: Signin, region: region}, true
	}
	for _, p := range partitions {
		for kind, suffix := range []string{p.dns, p.api, p.registry} {
			rest, found := strings.CutSuffix(host, "."+suffix)
			if !found {
				continue
			}
			dot := strings.LastIndexByte(rest, '.')
			if dot < 0 {
				continue
			}
			name, region := rest[:dot], rest[dot+1:]
			if !regionShape.MatchString(region) || partitionOf(region).id != p.id {
				continue
			}
			if t, ok := serviceByLabels(kind, name); ok {
				t.host, t.region = host, region
				return t, true
			}
		}
	}
	return target{}, false
}

// serviceByLabels returns the service for the labels before the region. kind is 0 for
// plain, 1 for a dual-stack API, 2 for a dual-stack registry.
func serviceByLabels(kind int, name string) (target, bool) {
	if m := registryShape.FindStringSubmatch(name); m != nil {
		dual := m[2] == "-"
		return target{service: Registry, account: m[1]}, kind == 2 || kind == 0 && !dual
	}
	names := []map[string]Op{plainNames, dualNames, nil}[kind]
	op, ok := names[name]
	return target{service: op}, ok
}

// RegistryHost returns the standard host name of an account's registry.
func RegistryHost(account, region string) string {
	return account + ".dkr.ecr." + region + "." + partitionOf(region).dns
}
