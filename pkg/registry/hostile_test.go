package registry

import (
	"fmt"
	"strings"
)

// hostileNames returns near misses of real names, each with a single trick. It omits names
// that end in a line break, because a client may end its line with one.
func hostileNames() []vector {
	g := &generator{seen: map[string]bool{}}
	bases := []string{
		real1, account + ".dkr.ecr-fips.us-gov-west-1.amazonaws.com", account + ".dkr-ecr.eu-west-1.on.aws",
		account + ".dkr.ecr.cn-north-1.amazonaws.com.cn", account + ".dkr.ecr.us-iso-east-1.c2s.ic.gov", "public.ecr.aws", "ecr-public.aws.com",
	}
	for i, base := range bases {
		g.bytes(base, i == 0)
		g.around(base)
		g.lookAlikes(base)
		g.dropped(base)
	}
	g.accounts()
	g.regions()
	g.partitions()
	g.labels()
	g.schemes()
	return g.all
}

type generator struct {
	all  []vector
	seen map[string]bool
}

func (g *generator) add(trick, format string, args ...any) {
	name := format
	if len(args) > 0 {
		name = fmt.Sprintf(format, args...)
	}
	if g.seen[name] || strings.HasSuffix(name, "\n") || strings.HasSuffix(name, "\r") {
		return
	}
	g.seen[name] = true
	g.all = append(g.all, vector{trick, name})
}

// bytes inserts each byte that is invalid in a name at each position, and replaces each
// character with such a byte. Without all, it uses only bytes that have caused bugs.
func (g *generator) bytes(base string, all bool) {
	suspects := []byte("\x00\t\n\r \x7f\x80\xff\x1b@?#%\\*_")
	if all {
		suspects = nil
		for b := range 256 {
			if strings.IndexByte("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.:/", byte(b)) < 0 {
				suspects = append(suspects, byte(b))
			}
		}
	}
	for i := range len(base) + 1 {
		for _, b := range suspects {
			g.add("byte inserted", "%s", base[:i]+string([]byte{b})+base[i:])
		}
		if i < len(base) {
			for _, b := range []byte("\x00\n\r \x7f\xff@%*_") {
				g.add("byte replaced", "%s", base[:i]+string([]byte{b})+base[i+1:])
			}
		}
	}
}

// around places a real name behind, before and inside other names, ports, userinfo, paths,
// queries and percent signs.
func (g *generator) around(base string) {
	for _, s := range []string{
		".", "..", ".evil.example", ".evil", "-evil.example", "evil.example", ".com", ".cn", ".com.cn", ".aws", ".local", ".localhost",
		".s3.amazonaws.com", ".nip.io", ":80", ":8443", ":0", ":44", ":4430", ":0443", ":+443", ":-443", ":443x", ":443:443", ":", "::443", ":65979",
		":https", "@evil.example", "@evil.example:443", "@", "#", "#@evil.example", "?", "?@evil.example", "?x=1", "\\@evil.example", "\\.evil.example",
		"%00", "%2e", "%2e.evil.example", "%2Fevil.example", "%40evil.example", "%", ";evil.example", ",evil.example", "|id", "&x", "$(id)", "`id`",
		" evil.example", "\tevil.example", "\nevil.example", "\r\nevil.example", "\x00.evil.example", "\x00", " ", "\t", "\v", "\f", "\u0085", "\u00a0", "\u2028", "\ufeff",
		"/%2e%2e", "/a?b", "/a#b", "/a b", "/a\nb", "/a\x00b", "/a%0ab", "/a\\b", "/\u00e9", "/@evil.example", "//evil.example@", "/v2/\r\nHost: evil.example",
	} {
		g.add("something behind", "%s", base+s)
	}
	for _, s := range []string{
		".", "-", "evil.example.", "evil.example/", "evil.example:443/", "evil.example?", "evil.example#", "evil.example\\", "evil.example@", "evil.example%2f",
		"x", "x.", "www.", "user@", "user:pw@", "user:@", ":pw@", "@", ":", "*.", "%", "[", "(", "'", "\"", "<", "$", "~", "!", "-oProxyCommand=",
		" ", "\t", "\n", "\r\n", "\x00", "\ufeff", "\u200b", "\u202e", "evil.example ", "evil.example\n", "evil.example\r\n", "evil.example\x00",
		"url=", "host=", "protocol=https\nhost=", "xn--", "0x", "../", "..\\", "\\\\", "file:", "javascript:", "data:",
	} {
		g.add("something before", "%s", s+base)
	}
	for _, s := range []string{"[%s]", "(%s)", "'%s'", "\"%s\"", "<%s>", "{%s}", "$%s$", "%%%s%%", "evil.example/?u=%s", "evil.example/%s/", "https://evil.example/%s", "//%s//"} {
		g.add("wrapped", s, base)
	}
	g.add("twice", "%s.%s", base, base)
	g.add("twice", "%s,%s", base, base)
	g.add("twice", "%s %s", base, base)
	g.add("twice", "%s\n%s", base, base)
	g.add("twice", "%s@%s", base, base)
}

// lookAlikes replaces one character with a character that a person, or a case mapping,
// mistakes for it. It does not replace letters with other ASCII letters: AWS may announce a
// region that does not exist yet, and only AWS can create names below its own suffix.
func (g *generator) lookAlikes(base string) {
	for i, c := range base {
		full := string(c - '!' + '\uff01') // the full-width equivalent of each ASCII character
		for _, r := range append([]string{full}, alike[c]...) {
			g.add("look-alike", "%s", base[:i]+r+base[i+1:])
		}
	}
}

var alike = map[rune][]string{
	'.': {"\u3002", "\u2024", "\u2025", "\uff61", "\u0701", ","}, '-': {"\u2010", "\u2011", "\u2013", "\u2212", "\u00ad", "_"},
	'a': {"\u0430", "\u0251", "\u00e4", "A\u030a"}, 'c': {"\u0441", "\u03f2"}, 'd': {"\u0501", "\u217e"}, 'e': {"\u0435", "\u212f", "\u00e9"},
	'i': {"\u0456", "\u0131", "\u0130"}, 'k': {"\u212a", "\u043a"}, 'm': {"\u217f", "rn"}, 'n': {"\u0578"}, 'o': {"\u043e", "\u03bf"},
	'p': {"\u0440"}, 'r': {"\u0433"}, 's': {"\u0455", "\u017f"}, 'u': {"\u057d"}, 'w': {"\u0461"}, 'z': {"\u0290"},
	'0': {"\u0660", "\u06f0", "O"}, '1': {"\u0661", "\u00b9", "l"}, '2': {"\u0662", "\u00b2"}, '3': {"\u0663", "\u00b3"}, '4': {"\u0664"},
	'5': {"\u0665"}, '6': {"\u0666"}, '7': {"\u0667"}, '8': {"\u0668"}, '9': {"\u0669"},
}

// dropped omits, doubles or empties one label, or replaces it with a star. It omits a label
// only if the result is not a name in the same family.
func (g *generator) dropped(base string) {
	labels := strings.Split(base, ".")
	for i := range labels {
		without := append(append([]string{}, labels[:i]...), labels[i+1:]...)
		if joined := strings.Join(without, "."); !strings.HasSuffix(joined, ".amazonaws.com") || !strings.HasPrefix(base, account+".dkr.ecr.cn-") {
			g.add("label dropped", "%s", joined)
		}
		doubled := append(append([]string{}, labels[:i+1]...), labels[i:]...)
		g.add("label doubled", "%s", strings.Join(doubled, "."))
		emptied := append([]string{}, labels...)
		emptied[i] = ""
		g.add("label emptied", "%s", strings.Join(emptied, "."))
		emptied[i] = "*"
		g.add("label a star", "%s", strings.Join(emptied, "."))
	}
}

// accounts uses values that are almost 12 digits.
func (g *generator) accounts() {
	for _, a := range []string{
		"", "0", "12345678901", "1234567890123", "0123456789012", "12345678901a", "a23456789012", "12345678901-", "-23456789012", "123456-89012",
		"1234 56789012", "+12345678901", "123456789012-", "-123456789012", "123456789_12", "0x3456789012", "12345678901.", "1.23456789012",
		"123456789012123456789012", "abcdefabcdef", "account", "123456789o12", "12345678９012", "vpce-0123456789abcdef0",
	} {
		for _, rest := range []string{".dkr.ecr.us-east-1.amazonaws.com", ".dkr-ecr.us-east-1.on.aws", ".dkr.ecr.cn-north-1.amazonaws.com.cn"} {
			g.add("account", "%s", a+rest)
		}
	}
}

// regions uses values that are not regions: buckets, endpoints, services, other formats.
func (g *generator) regions() {
	for _, r := range []string{
		"", "s3", "s3-us-west-2", "s3-fips-us-east-1", "s3-website-us-east-1", "s3-control", "s3-accesspoint", "execute-api", "elb", "cloudfront", "awsapps",
		"us", "us-east", "us-east-", "us-east-1-", "-us-east-1", "us--east-1", "us-east--1", "us-east-1a", "us-east-one", "us-east-1.s3", "us_east_1", "useast1",
		"us-east-1.evil", "evil.us-east-1", "1-us-east", "us-1-east", "u-east-1", "us-eäst-1", "us-east-1\u0661", "us-east-0x1", "us-east-+1", "us-east- 1",
		"*", "us-*-1", "localhost", "127-0-0-1", "169-254-169-254", "internal", "bucket", "my-bucket", "my-bucket-name", "evil-bucket-x", "us-east-1-bucket",
		"us-" + strings.Repeat("a", 70) + "-1", strings.Repeat("a", 64) + "-b-1", "us-east-" + strings.Repeat("1", 64),
		"xn--us-east-1-abc", "us-east-1%2e", "us-east-1/", "us-east-1:443",
	} {
		for _, form := range []string{"dkr.ecr.%s.amazonaws.com", "dkr.ecr-fips.%s.amazonaws.com", "dkr-ecr.%s.on.aws", "dkr.ecr.%s.amazonaws.com.cn", "dkr.ecr.%s.amazonaws.eu", "dkr.ecr.%s.c2s.ic.gov"} {
			g.add("region", "%s", account+"."+fmt.Sprintf(form, r))
		}
	}
}

// partitions puts each region below each suffix of another partition or another form.
func (g *generator) partitions() {
	for _, of := range partitions {
		for _, region := range regions[of.name][:min(2, len(regions[of.name]))] {
			for _, p := range partitions {
				for _, f := range forms {
					for _, suffix := range []string{p.suffix, p.dualStack, p.apiDualStack} {
						right := suffix == of.suffix && !f.dualStack || suffix == of.dualStack && (f.dualStack || of.name == "aws-cn")
						if !right {
							g.add("partition", "%s", account+"."+f.label+"."+region+"."+suffix)
						}
					}
				}
			}
		}
	}
}

// labels uses other words in place of dkr and ecr, and other suffixes.
func (g *generator) labels() {
	for _, l := range []string{
		"dkr", "ecr", "ecr.dkr", "dkr.ecr.ecr", "dkr.dkr.ecr", "dkrecr", "dkr_ecr", "dkr.ecrfips", "dkr.ecr-fip", "dkr.ecr-fipss", "dkr.fips-ecr", "dkr.ecr.fips", "dkr-ecr-fips-",
		"dkr-ecr.fips", "-dkr.ecr", "dkr-.ecr", "dkr.ecr-", "dkr.-ecr", "api.ecr", "dkr.ecr-public", "dkr.s3", "s3.ecr", "dkr.ecs", "dkr.eks", "docker.ecr", "dkr.ecr2", "dkr..ecr", ".dkr.ecr", "xn--dkr.ecr",
	} {
		for _, rest := range []string{".us-east-1.amazonaws.com", ".us-east-1.on.aws", ".cn-north-1.amazonaws.com.cn"} {
			g.add("label", "%s", account+"."+l+rest)
		}
	}
	for _, s := range []string{
		"amazonaws.co", "amazonaws.org", "amazonaws.com.evil.example", "amazonaws-com.example", "amazon.com", "api.aws", "on.aws", "on.aws.com", "amazonaws", "com",
		"amaz0naws.com", "arnazonaws.com", "amazonaws.corn", "amazonaws.cm", "amazonawscom", "amazonaws.com.com", "amazonaws.com.cn.cn", "amazonaws.us", "evil.amazonaws.com",
		"s3.amazonaws.com", "elb.amazonaws.com", "vpce.amazonaws.com", "compute.amazonaws.com", "amplifyapp.com", "awsapps.com", "cloudfront.net", "amazonaws.com..", "amazonaws..com",
	} {
		for _, l := range []string{"dkr.ecr", "dkr.ecr-fips"} {
			g.add("suffix", "%s", account+"."+l+".us-east-1."+s)
		}
		g.add("suffix", "%s", "public.ecr."+s)
	}
}

// schemes uses schemes other than https, and malformed URLs.
func (g *generator) schemes() {
	for _, base := range []string{real1, "public.ecr.aws"} {
		for _, s := range []string{
			"http://", "HTTP://", "ftp://", "file://", "oci://", "docker://", "docker-daemon:", "s3://", "ssh://", "https:/", "https:", "https:///", "https://https://", "//", "/", "///",
			"https:\\\\", "https://\\", "https ://", " https://", "https://@", "https://:443", "https://:443/", "https://user@", "https://user:pw@", "https://evil.example@", "https://evil.example/", "https://evil.example#",
			"https://evil.example:443@", "https://[", "https://%", "httpſ://", "ｈttps://", "https%3a//", "https://?", "https://.", "tps://", "s://",
		} {
			g.add("scheme", "%s", s+base)
		}
	}
	for _, s := range []string{
		"", " ", ".", "..", "/", ":", "@", "-", "*", "https://", "https:///", "http://", "docker.io", "index.docker.io", "https://index.docker.io/v1/", "ghcr.io", "gcr.io", "quay.io", "localhost", "localhost:5000",
		"127.0.0.1", "127.0.0.1:443", "[::1]", "[::1]:443", "169.254.169.254", "0", "123456789012", account + ".dkr.ecr", "dkr.ecr.us-east-1.amazonaws.com", "amazonaws.com", "ecr.aws", "public.ecr", "gallery.ecr.aws",
		"registry.example.com", "aws", "null", "undefined", "{}", "[]", "unused", "<token>", "$HOME", "~", "-", "--help", "get", "\x1b[2J", strings.Repeat("a", 4000), strings.Repeat("1.", 500), strings.Repeat(real1+".", 50),
	} {
		g.add("another name", "%s", s)
	}
}
