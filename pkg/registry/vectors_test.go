package registry

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

// The test vectors in testdata/hostile.tsv and testdata/real.tsv are for every program that
// must distinguish a registry name from a look-alike. They are generated, to add near misses
// for each new form. hostile.tsv is a sample: all names need 1.2 MB, too much for a module
// download.

var (
	update = flag.Bool("update", false, "write testdata/hostile.tsv and testdata/real.tsv")
	whole  = flag.String("all", "", "write all hostile names to this file")
)

const (
	fewestHostile = 10_200
	fewestReal    = 200
)

// vector is a name and its trick or form.
type vector struct{ trick, name string }

func TestHostileNamesAreRefused(t *testing.T) {
	names := hostileNames()
	if len(names) < fewestHostile {
		t.Errorf("only %d names", len(names))
	}
	for _, v := range names {
		if r, err := Parse(v.name); !errors.Is(err, ErrNotECR) || r != (Registry{}) {
			t.Errorf("%s: Parse(%q) accepted as %+v, %v", v.trick, v.name, r, err)
		}
	}
	if *whole != "" {
		write(t, *whole, names)
	}
	compare(t, "testdata/hostile.tsv", sample(names))
}

// sample returns the first name for each trick, and one in sampled of the other names.
func sample(names []vector) (some []vector) {
	const sampled = 80
	tricks := map[string]bool{}
	for i, v := range names {
		if !tricks[v.trick] || i%sampled == 0 {
			some = append(some, v)
		}
		tricks[v.trick] = true
	}
	return some
}

func TestRealNamesAreAccepted(t *testing.T) {
	all := realNames()
	if len(all) < fewestReal {
		t.Errorf("only %d names", len(all))
	}
	partitions := map[string]bool{}
	for _, v := range all {
		r, err := Parse(v.name)
		if err != nil || r.Host != v.name {
			t.Errorf("%s: Parse(%s) = %+v, %v", v.trick, v.name, r, err)
		}
		partitions[r.Partition] = true
	}
	if len(partitions) != 8 {
		t.Errorf("partitions %v", partitions)
	}
	compare(t, "testdata/real.tsv", all)
}

// lines returns the lines of a vector file.
func lines(t *testing.T, names []vector) string {
	t.Helper()
	var b strings.Builder
	for _, v := range names {
		fmt.Fprintf(&b, "%s\t%s\n", v.trick, quote(v.name))
		if back, err := strconv.Unquote(quote(v.name)); err != nil || back != v.name {
			t.Fatalf("%q is read back as %q, %v", v.name, back, err)
		}
	}
	return b.String()
}

func write(t *testing.T, path string, names []vector) {
	t.Helper()
	if err := os.WriteFile(path, []byte(lines(t, names)), 0o644); err != nil {
		t.Fatal(err)
	}
}

// compare checks that the file equals the generated names, or writes it (-update).
func compare(t *testing.T, path string, names []vector) {
	t.Helper()
	if *update {
		write(t, path, names)
		return
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	have := bufio.NewScanner(f)
	for want := range strings.Lines(lines(t, names)) {
		if !have.Scan() || have.Text()+"\n" != want {
			t.Fatalf("%s is not what the generator makes (run the test with -update): %q, not %q", path, have.Text(), want)
		}
	}
	if have.Scan() {
		t.Fatalf("%s has more lines than the generator makes: %q", path, have.Text())
	}
}

// quote writes a name in ASCII, with \xNN for every other byte, as in C, Go and Python.
func quote(name string) string {
	b := []byte{'"'}
	for i := range len(name) {
		switch c := name[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < ' ' || c >= 0x7F:
			b = fmt.Appendf(b, `\x%02x`, c)
		default:
			b = append(b, c)
		}
	}
	return string(append(b, '"'))
}

const account = "123456789012"

// regions contains the announced regions of each partition, for the real names. The hostile
// names use the first ones.
var regions = map[string][]string{
	"aws": {"us-east-1", "us-east-2", "us-west-1", "us-west-2", "af-south-1", "ap-east-1", "ap-east-2", "ap-south-1", "ap-south-2",
		"ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ap-southeast-4", "ap-southeast-5", "ap-southeast-7", "ap-northeast-1",
		"ap-northeast-2", "ap-northeast-3", "ca-central-1", "ca-west-1", "eu-central-1", "eu-central-2", "eu-west-1", "eu-west-2",
		"eu-west-3", "eu-south-1", "eu-south-2", "eu-north-1", "il-central-1", "me-south-1", "me-central-1", "mx-central-1", "sa-east-1"},
	"aws-us-gov": {"us-gov-east-1", "us-gov-west-1"},
	"aws-cn":     {"cn-north-1", "cn-northwest-1"},
	"aws-eusc":   {"eusc-de-east-1"},
	"aws-iso":    {"us-iso-east-1", "us-iso-west-1"},
	"aws-iso-b":  {"us-isob-east-1", "us-isob-west-1"},
	"aws-iso-e":  {"eu-isoe-west-1"},
	"aws-iso-f":  {"us-isof-east-1", "us-isof-south-1"},
}

// realNames returns the names of every form in every announced region.
func realNames() []vector {
	var all []vector
	for _, p := range partitions {
		for _, region := range regions[p.name] {
			all = append(all, vector{p.name + " another account", "012345678901.dkr.ecr." + region + "." + p.suffix})
			for _, f := range forms {
				suffix := p.suffix
				if f.dualStack {
					suffix = p.dualStack
				}
				all = append(all, vector{p.name + " " + f.label, account + "." + f.label + "." + region + "." + suffix})
			}
		}
	}
	return append(all, vector{"aws public", "public.ecr.aws"}, vector{"aws public dual-stack", "ecr-public.aws.com"},
		vector{"aws-cn mixed", account + ".dkr.ecr.cn-north-1.on.amazonwebservices.com.cn"})
}
