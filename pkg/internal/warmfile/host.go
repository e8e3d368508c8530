package warmfile

// Host returns the host of a registry's server URL in lower case, without scheme, port
// 443 and path. It accepts only names that registry.Parse accepts, and of those only
// the ones whose bytes need no escape in JSON and whose region is in the partition
// table. For all other names ok is false, so that no file is opened for a name that is
// not ECR's. Package registry itself is too slow here: its initialization would come
// before the early answer. TestHostMatchesRegistry compares the two.
func Host(serverURL string) (host string, ok bool) {
	b := []byte(serverURL)
	for i, c := range b {
		switch {
		case 'A' <= c && c <= 'Z':
			b[i] = c + 'a' - 'A'
		case 'a' <= c && c <= 'z', '-' <= c && c <= ':', c == '_': // '-' to ':' are - . / 0-9 :
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

// partitions have one row for each prefix of a region name in package registry.
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
			if ok && len(region) <= 63 && consistsOf(word, lower) && word != "fips" && len(number) <= 2 && consistsOf(number, decimal) {
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

// Plain reports whether a password is not empty and needs no escape in JSON. ECR's
// passwords are base64 and need none.
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
