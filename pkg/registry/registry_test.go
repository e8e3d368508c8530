package registry

import (
	"encoding/csv"
	"errors"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
)

type row struct {
	host, verdict, account, region string
	fips, dualStack                bool
	service, apiHost               string
}

// rows reads the table of host names. Its columns are separated by tabs. The columns after
// "reject" are empty.
func rows(t testing.TB) []row {
	f, err := os.Open("testdata/hostnames.tsv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comma, r.LazyQuotes = '\t', true
	lines, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var all []row
	for _, l := range lines[1:] {
		fips, _ := strconv.ParseBool(l[4])
		dual, _ := strconv.ParseBool(l[5])
		all = append(all, row{l[0], l[1], l[2], l[3], fips, dual, l[6], l[7]})
	}
	if len(all) < 45 {
		t.Fatalf("only %d rows", len(all))
	}
	return all
}

func TestHostNameTable(t *testing.T) {
	for _, c := range rows(t) {
		t.Run(c.host, func(t *testing.T) {
			r, err := Parse(c.host)
			if c.verdict == "reject" {
				if !errors.Is(err, ErrNotECR) || r != (Registry{}) {
					t.Fatalf("accepted as %+v, %v", r, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if r.Account != c.account || r.Region != c.region || r.FIPS != c.fips ||
				r.DualStack != c.dualStack || string(r.Service) != c.service || r.APIHost() != c.apiHost {
				t.Errorf("got %+v, API host %s", r, r.APIHost())
			}
		})
	}
}

const real1 = "123456789012.dkr.ecr.us-east-1.amazonaws.com"

func TestFormsThatClientsSend(t *testing.T) {
	for _, in := range []string{
		real1, real1 + ":443", "https://" + real1, "https://" + real1 + "/", "https://" + real1 + "/v2/",
		real1 + "/team/app", real1 + "/team/app:v1", "HTTPS://" + strings.ToUpper(real1), "https://" + real1 + ":443/v2/",
	} {
		if r, err := Parse(in); err != nil || r.Host != real1 {
			t.Errorf("Parse(%q) = %q, %v", in, r.Host, err)
		}
	}
}

func TestMalformedNamesAreRefused(t *testing.T) {
	for _, in := range []string{
		"", " ", "/", "https://", ":443", "https:///" + real1, "http://" + real1, "HTTP://" + real1, "ftp://" + real1,
		"//" + real1, real1 + ":80", real1 + ":8443", real1 + ":443:443", real1 + ":0443", real1 + ":",
		"user@" + real1, "user:pw@" + real1, "https://evil.example@" + real1, real1 + "@evil.example",
		real1 + "?x", real1 + "#x", real1 + "/%2e", real1 + "/v2/?a", real1 + `\evil.example`,
		real1 + ".", "." + real1, "x." + real1, real1 + ".evil.example", "https://https://" + real1,
		"12345678901.dkr.ecr.us-east-1.amazonaws.com", "1234567890123.dkr.ecr.us-east-1.amazonaws.com",
		"12345678901a.dkr.ecr.us-east-1.amazonaws.com", "１23456789012.dkr.ecr.us-east-1.amazonaws.com",
		"123456789012.dkr.ecr.us_east_1.amazonaws.com", "123456789012.dkr.ecr.us-east-1-.amazonaws.com",
		"123456789012.dkr.ecr.-us-east-1.amazonaws.com", "123456789012.dkr.ecr..amazonaws.com",
		"123456789012.dkr.ecr.amazonaws.com", "123456789012.dkr.ecr.s3.amazonaws.com",
		"123456789012.dkr.ecr.s3-us-west-2.amazonaws.com", "123456789012.dkr.ecr.us-east-1.s3.amazonaws.com",
		"123456789012.dkr.ecr.cn-north-1.amazonaws.com", "123456789012.dkr.ecr.us-east-1.amazonaws.com.cn",
		"123456789012.dkr.ecr.us-iso-east-1.amazonaws.com", "123456789012.dkr.ecr.us-gov-west-1.amazonaws.eu",
		"123456789012.dkr-ecr.us-east-1.amazonaws.com", "123456789012.dkr.ecr.us-east-1.on.aws",
		"123456789012.dkr-ecr.cn-north-1.amazonaws.com.cn", "123456789012.dkr.ecr-fip.us-east-1.amazonaws.com",
		"123456789012.dkr.ecr.us-east-1.amazonaws.com-x", "123456789012-dkr.ecr.us-east-1.amazonaws.com",
		"x.public.ecr.aws", "public.ecr.aws.", "public.ecr.aws:80", "http://public.ecr.aws", "gallery.ecr.aws",
		"123456789012.dkr.ecr." + strings.Repeat("a", 60) + "-b-1.amazonaws.com",
		"123456789012.dkr.ecr.us-" + strings.Repeat("a", 60) + "-1.amazonaws.com",
		"docker.io", "index.docker.io/v1/", "https://index.docker.io/v1/", "localhost:5000", "unused",
	} {
		if r, err := Parse(in); err == nil {
			t.Errorf("Parse(%q) accepted as %+v", in, r)
		}
	}
}

// Each byte that is invalid in a name, at each position in a valid name.
func TestNoInvalidByteAtAnyPosition(t *testing.T) {
	for b := range 256 {
		c := byte(b)
		plain := c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-' || c == '.' || c == '/' || c == ':'
		if plain {
			continue
		}
		for i := range len(real1) + 1 {
			in := real1[:i] + string([]byte{c}) + real1[i:]
			if r, err := Parse(in); err == nil {
				t.Fatalf("Parse(%q) accepted as %+v", in, r)
			}
		}
	}
}

func TestRegionsOfNoPartition(t *testing.T) {
	for in, ok := range map[string]bool{
		"123456789012.dkr.ecr.xy-central-3.amazonaws.com":       true,
		"123456789012.dkr-ecr.xy-central-3.on.aws":              true,
		"123456789012.dkr.ecr.xy-gov-central-3.amazonaws.com":   true,
		"123456789012.dkr.ecr.xy-central-3.amazonaws.com.cn":    false,
		"123456789012.dkr.ecr.x-central-3.amazonaws.com":        false,
		"123456789012.dkr.ecr.xy-3.amazonaws.com":               false,
		"123456789012.dkr.ecr.xy-central.amazonaws.com":         false,
		"123456789012.dkr.ecr.xy-c3ntral-3.amazonaws.com":       false,
		"123456789012.dkr.ecr.eusc-de-east-1.amazonaws.com":     false,
		"123456789012.dkr.ecr.us-isob-east-1.c2s.ic.gov":        false,
		"123456789012.dkr-ecr-fips.eu-isoe-west-1.on.aws":       false,
		"123456789012.dkr.ecr.ap-southeast-7.amazonaws.com":     true,
		"123456789012.dkr.ecr.us-gov-west-1.amazonaws.com":      true,
		"123456789012.dkr.ecr.us-isof-east-1.csp.hci.ic.gov":    true,
		"123456789012.dkr-ecr.us-isof-east-1.on.aws.hci.ic.gov": true,
	} {
		if _, err := Parse(in); (err == nil) != ok {
			t.Errorf("Parse(%s): %v, want accepted %v", in, err, ok)
		}
	}
}

func TestIsRegion(t *testing.T) {
	for _, v := range regions {
		for _, region := range v {
			if !IsRegion(region) {
				t.Errorf("%s is not accepted", region)
			}
		}
	}
	for name, want := range map[string]bool{
		"xy-central-3": true, "xyz-gov-central-12": true, // a geography that AWS may add
		"": false, "-": false, "us": false, "us-east": false, "us-1": false, "us-east-": false, "-east-1": false, "us--1": false,
		"US-EAST-1": false, "us-east-1\n": false, "us-east-1a": false, "us-e4st-1": false, "u-east-1": false, "europe-west-1": false,
		"us-east-123": false, "us-a-b-c-1": false, "s3": false, "s3-us-west-2": false, "s3-fips-us-east-1": false, "my-bucket": false,
		"fips-us-east-1": false, "us-fips-1": false, "us-east-1-fips": false, "aws-global": false,
		"us-" + strings.Repeat("a", 60) + "-1": false,
	} {
		if IsRegion(name) != want {
			t.Errorf("IsRegion(%q) is not %v", name, want)
		}
	}
}

func TestForAccountUsesSuffixOfPartition(t *testing.T) {
	for region, want := range map[string]string{
		"us-east-1":      "123456789012.dkr.ecr.us-east-1.amazonaws.com",
		"cn-north-1":     "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn",
		"us-gov-west-1":  "123456789012.dkr.ecr.us-gov-west-1.amazonaws.com",
		"eusc-de-east-1": "123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu",
		"xy-central-1":   "123456789012.dkr.ecr.xy-central-1.amazonaws.com",
		"s3":             "",
		"":               "",
	} {
		r, err := ForAccount("123456789012", region)
		if r.Host != want || (err == nil) != (want != "") {
			t.Errorf("%s: got %q, error %v", region, r.Host, err)
		}
	}
}

// FuzzParse checks that net/url finds the same host in an accepted URL, that
// go-containerregistry also accepts the host, and that the host consists of the returned
// parts.
func FuzzParse(f *testing.F) {
	for _, c := range rows(f) {
		f.Add(c.host)
	}
	f.Add("https://" + real1 + "\n")
	f.Fuzz(func(t *testing.T, s string) {
		r, err := Parse(s)
		if err != nil {
			return
		}
		withScheme := s
		if len(s) < 8 || !strings.EqualFold(s[:8], "https://") {
			withScheme = "https://" + s
		}
		u, err := url.Parse(withScheme)
		if err != nil || strings.ToLower(u.Hostname()) != r.Host || u.User != nil || u.Port() != "" && u.Port() != "443" {
			t.Fatalf("Parse(%q) = %q, net/url sees %+v, %v", s, r.Host, u, err)
		}
		if seen, err := name.NewRegistry(r.Host, name.StrictValidation); err != nil || seen.RegistryStr() != r.Host {
			t.Fatalf("the host %q of %q is not a registry: %v", r.Host, s, err)
		}
		if again, err := Parse(r.Host); err != nil || again.Host != r.Host {
			t.Fatalf("the host %q of %q is not accepted itself", r.Host, s)
		}
		if r.Service == ECR && (!strings.HasPrefix(r.Host, r.Account+".dkr") || !strings.Contains(r.Host, "."+r.Region+".")) {
			t.Fatalf("%q: parts %+v are not in the name", s, r)
		}
	})
}

// The error for a VPC endpoint name must identify the setting for that name.
func TestVPCEndpoints(t *testing.T) {
	for in, vpce := range map[string]bool{
		"vpce-0123456789abcdef0-abcdefgh.dkr.ecr.us-east-1.vpce.amazonaws.com":              true,
		"https://VPCE-0123456789abcdef0-abcdefgh.dkr.ecr.us-east-1.vpce.amazonaws.com/v2/":  true,
		"vpce-0123456789abcdef0-abcdefgh-us-east-1a.api.ecr.us-east-1.vpce.amazonaws.com":   true,
		"vpce-0123456789abcdef0-abcdefgh.dkr.ecr.cn-north-1.vpce.amazonaws.com.cn":          true,
		"vpce-0123456789abcdef0-abcdefgh.s3.us-east-1.vpce.amazonaws.com":                   false,
		"123456789012.dkr.ecr.us-east-1.vpce.amazonaws.com":                                 false,
		"vpce-0123456789abcdef0-abcdefgh.dkr.ecr.us-east-1.vpce.amazonaws.com@evil.example": false,
		"vpce-0123456789abcdef0-abcdefgh.dkr.ecr.us-east-1.amazonaws.com":                   false,
	} {
		_, err := Parse(in)
		if !errors.Is(err, ErrNotECR) || strings.Contains(err.Error(), "AWS_ENDPOINT_URL_ECR") != vpce {
			t.Errorf("%s: error %v", in, err)
		}
	}
}

func TestResembles(t *testing.T) {
	const ecr = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
	for server, want := range map[string]bool{
		ecr: true, "https://" + ecr + "/v2/": true, ecr + ":8443": true, ecr + ".": true, "http://" + ecr: true, "user@" + ecr: true,
		"https://u:p@" + ecr + ":1/x": true, "ftp://" + ecr: true, ecr[:9] + "\n" + ecr[9:]: true, " " + ecr + "\r\n": true, ecr + "\x00": true,
		ecr + "?x": true, ecr + "#x": true, "public.ecr.aws:80": true, "ECR-PUBLIC.aws.com": true, "Ecr-public.AWS.com..": true,
		"vpce-0123456789abcdef0-abcdefgh.dkr.ecr.us-east-1.vpce.amazonaws.com": true,

		"": false, "docker.io": false, "https://index.docker.io/v1/": false, ecr + ".evil.example": false, "evil.example/" + ecr: false,
		"000000000000.dkr.ecr.us-east-1.localhost.localstack.cloud:4510": false, "[::1]:5000": false, "localhost:5000": false,
	} {
		if got := Resembles(server); got != want {
			t.Errorf("%q: got %v", server, got)
		}
	}
}

func TestHost(t *testing.T) {
	for server, want := range map[string]string{
		"quay.io": "quay.io", "https://index.DOCKER.io/v1/": "index.docker.io", "localhost:5000": "localhost:5000", "http://r.example:80/x": "r.example:80",
		"quay.io:443": "quay.io", "[::1]:5000": "[::1]:5000", "": "", "https://": "", "a b": "", "a@b": "", "a\nb": "", "é.example": "", "a%41": "",
	} {
		if got, ok := Host(server); got != want && ok || ok != (want != "") {
			t.Errorf("%q: got %q, ok %v", server, got, ok)
		}
	}
}
