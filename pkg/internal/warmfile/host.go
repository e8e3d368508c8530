package warmfile

// Host takes the registry's host out of a server URL as package registry does
// (lower case, without scheme, port 443 and path). It knows less than that: URLs
// of which each byte stands for itself in JSON, and the regions that the partition
// table names. For all others ok is false, so that no file is looked at for a name
// that is not ECR's; a test holds it against package registry.
func Host(serverURL string) (host string, ok bool) {
	b := []byte(serverURL)
	for i, c := range b {
		switch {
		case 'A' <= c && c <= 'Z':
			b[i] = c + 'a' - 'A'
		case 'a' <= c && c <= 'z', '-' <= c && c <= ':', c == '_': // from - to : stand . / and the digits
		default:
			return "", false
		}
	}
	s := string(b)
	s, _ = afterPrefix(s, "https://")
	s, _, _ = cut(s, '/')
	if n := len(s) - len(":443"); n > 0 && s[n:] == ":443" {
		s = s[:n]
	}
	return s, s == "public.ecr.aws" || s == "ecr-public.aws.com" || private(s)
}

const (
	lower   = "abcdefghijklmnopqrstuvwxyz"
	decimal = "0123456789"
)

// forms are the labels between the account and the region.
var forms = [...]struct {
	label     string
	dualStack bool
}{{"dkr.ecr.", false}, {"dkr.ecr-fips.", false}, {"dkr-ecr.", true}, {"dkr-ecr-fips.", true}}

// partitions are those of package registry.
var partitions = [...]struct{ prefix, suffix, dualStack string }{
	{"us-", "amazonaws.com", "on.aws"},
	{"eu-", "amazonaws.com", "on.aws"},
	{"ap-", "amazonaws.com", "on.aws"},
	{"sa-", "amazonaws.com", "on.aws"},
	{"ca-", "amazonaws.com", "on.aws"},
	{"me-", "amazonaws.com", "on.aws"},
	{"af-", "amazonaws.com", "on.aws"},
	{"il-", "amazonaws.com", "on.aws"},
	{"mx-", "amazonaws.com", "on.aws"},
	{"us-gov-", "amazonaws.com", "on.aws"},
	{"cn-", "amazonaws.com.cn", "on.amazonwebservices.com.cn"},
	{"eusc-de-", "amazonaws.eu", "on.amazonwebservices.eu"},
	{"us-iso-", "c2s.ic.gov", "on.aws.ic.gov"},
	{"us-isob-", "sc2s.sgov.gov", "on.aws.scloud"},
	{"eu-isoe-", "cloud.adc-e.uk", "on.cloud-aws.adc-e.uk"},
	{"us-isof-", "csp.hci.ic.gov", "on.aws.hci.ic.gov"},
}

// private matches ACCOUNT.FORM.REGION.SUFFIX.
func private(host string) bool {
	account, rest, _ := cut(host, '.')
	if len(account) != 12 || !consistsOf(account, decimal) {
		return false
	}
	for _, form := range forms {
		name, ok := afterPrefix(rest, form.label)
		if !ok {
			continue
		}
		region, suffix, _ := cut(name, '.')
		for _, p := range partitions {
			rest, ok := afterPrefix(region, p.prefix)
			word, number, _ := cut(rest, '-')
			if ok && len(region) <= 63 && consistsOf(word, lower+decimal) && consistsOf(number, decimal) {
				return !form.dualStack && suffix == p.suffix || form.dualStack && suffix == p.dualStack
			}
		}
	}
	return false
}

func afterPrefix(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || s[:len(prefix)] != prefix {
		return s, false
	}
	return s[len(prefix):], true
}

func consistsOf(s, set string) bool {
	for i := range len(s) {
		if !has(set, s[i]) {
			return false
		}
	}
	return s != ""
}

// Plain reports whether a password is not empty and every byte of it stands for
// itself in JSON, as those of ECR do, which are base64.
func Plain[text string | []byte](password text) bool {
	for i := range len(password) {
		switch c := password[i]; {
		case 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', '0' <= c && c <= '9', has("+/=-_.:~", c):
		default:
			return false
		}
	}
	return len(password) > 0
}
