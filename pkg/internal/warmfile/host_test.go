package warmfile_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/warmfile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

// names are those that package registry is tested with, each in some spellings.
func names(t testing.TB) []string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "registry", "testdata", "hostnames.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for line := range strings.Lines(string(data)) {
		name, _, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		all = append(all, name, strings.ToUpper(name), "https://"+name+"/v2/", name+":443", "HTTPS://"+name, name+"/a%20b", name+"&")
	}
	return all
}

// What warm takes for a registry is one, by the same host; and the names that
// people have are known to it.
func TestHostIsTheRegistrys(t *testing.T) {
	known := 0
	for _, name := range names(t) {
		host, ok := warmfile.Host(name)
		reg, err := registry.Parse(name)
		if ok && (err != nil || reg.Host != host) {
			t.Errorf("%q: %q, but for package registry %q, %v", name, host, reg.Host, err)
		}
		if ok {
			known++
		}
	}
	if known < 100 {
		t.Errorf("%d names known", known)
	}
	for _, name := range []string{
		"123456789012.dkr.ecr.eu-central-1.amazonaws.com", "123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com",
		"123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", "123456789012.dkr-ecr.eu-west-1.on.aws",
		"123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu", "123456789012.dkr.ecr.us-iso-east-1.c2s.ic.gov", "public.ecr.aws",
	} {
		if _, ok := warmfile.Host(name); !ok {
			t.Errorf("%s is not known", name)
		}
	}
}

func FuzzHost(f *testing.F) {
	for _, name := range names(f) {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		host, ok := warmfile.Host(name)
		if reg, err := registry.Parse(name); ok && (err != nil || reg.Host != host) {
			t.Fatalf("%q: %q, but for package registry %q, %v", name, host, reg.Host, err)
		}
	})
}
