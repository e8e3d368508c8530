package registry

import (
	"strings"
	"testing"
)

func TestCanMatch(t *testing.T) {
	for pattern, want := range map[string]bool{
		"123456789012.dkr.ecr.us-east-1.amazonaws.com":     true,
		"123456789012.DKR.ecr.us-east-1.amazonaws.com":     true,
		"*.dkr.ecr.*.amazonaws.com":                        true,
		"*.*.*.*.*.*":                                      true,
		"1234*.dkr.ecr.eu-*.amazonaws.com":                 true,
		"1*2*2.dkr.ecr.*-west-*.amazonaws.com":             true,
		"*.dkr.ecr*.us-east-1.amazonaws.com":               true,
		"*.dkr-ecr-fips.us-gov-*.on.aws":                   true,
		"*.dkr.ecr.cn-*.amazonaws.com.cn":                  true,
		"*.dkr.ecr.cn-north-1.on.amazonwebservices.com.cn": true,
		"*.dkr.ecr.eusc-de-*.amazonaws.eu":                 true,
		"*.dkr.ecr.xx-new-region-9*.amazonaws.com":         true,
		"public.ecr.aws":                                   true,
		"*.ecr.aws":                                        true,
		"ecr-public.*.com":                                 true,

		"12345678901.dkr.ecr.us-east-1.amazonaws.com":   false, // 11 digits
		"1234567890123*.dkr.ecr.*.amazonaws.com":        false, // 13 digits
		"x*.dkr.ecr.*.amazonaws.com":                    false,
		"*.dkr.ecr.us-east1.amazonaws.com":              false,
		"*.dkr.ecr.*-east1.amazonaws.com":               false,
		"*.dkr.ecr.us_east_1*.amazonaws.com":            false,
		"123456789012.dkr.ecr.us-east1.amazonaws.com":   false,
		"123456789012.dkr.ecr.us-east-1.amazonaws.co":   false,
		"*.dkr.ecr.*.amazonaws.co":                      false,
		"*.dkr.ecr.us-iso-*.amazonaws.com":              false, // another partition
		"*.dkr.ecr.*-123.amazonaws.com":                 false,
		"*.dkr.ecr.europe-*.amazonaws.com":              false,
		"*.dkr.ecr.*-a-b-c-d-*.amazonaws.com":           false,
		"*.dkr.ecr.*.amazonaws.com.cm":                  false,
		"*.dkr.ecr.cn-north-1.amazonaws.com":            false,
		"*.dkr.ecr.us-east-1.amazonaws.com.cn":          false,
		"*.dkr.erc.*.amazonaws.com":                     false,
		"*.ecr.*.amazonaws.com":                         false,
		"*.amazonaws.com":                               false,
		"*.dkr-ecr.*.amazonaws.com":                     false,
		"*.dkr.ecr.*.on.aws":                            false,
		"api.ecr.*.amazonaws.com":                       false,
		"registry.example.com":                          false,
		"*.com":                                         false,
		"*":                                             false,
		"":                                              false,
		"https://123456789012.dkr.ecr.us-east-1.aws":    false,
		"123456789012.dkr.ecr.us-east-1.amazonaws.com/": false,
	} {
		if got := CanMatch(pattern); got != want {
			t.Errorf("CanMatch(%q) = %v", pattern, got)
		}
	}
}

// A pattern from an accepted host with part of a label replaced by * must match.
func FuzzCanMatch(f *testing.F) {
	f.Add("123456789012.dkr.ecr.us-east-1.amazonaws.com", 13, 16)
	f.Add("210987654321.dkr-ecr-fips.us-gov-west-1.on.aws", 27, 30)
	f.Add("public.ecr.aws", 0, 3)
	f.Fuzz(func(t *testing.T, url string, from, to int) {
		r, err := Parse(url)
		if err != nil || from < 0 || to < from || to > len(r.Host) || strings.Contains(r.Host[from:to], ".") || len(r.Host) > 100 {
			return
		}
		if pattern := r.Host[:from] + "*" + r.Host[to:]; !CanMatch(pattern) {
			t.Errorf("CanMatch(%q) = false, but it matches %q", pattern, r.Host)
		}
	})
}
