package warmfile_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/warmfile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

// vectors returns the columns of a test vector file of package registry.
func vectors(t testing.TB, file string) (rows [][]string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "registry", "testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		rows = append(rows, strings.Split(strings.TrimSuffix(line, "\n"), "\t"))
	}
	return rows
}

// named returns the names in real.tsv or hostile.tsv, which are quoted in the second
// column. It skips the forms in except.
func named(t testing.TB, file string, except ...string) (names []string) {
	t.Helper()
	for _, row := range vectors(t, file) {
		name, err := strconv.Unquote(row[1])
		if err != nil {
			t.Fatalf("%s: %q: error %v", file, row, err)
		}
		if len(except) == 0 || row[0] != except[0] {
			names = append(names, name)
		}
	}
	return names
}

// spellings returns the names from all files, most of them in more than one form.
func spellings(t testing.TB) (all []string) {
	t.Helper()
	for _, row := range vectors(t, "hostnames.tsv") {
		name := row[0]
		all = append(all, name, strings.ToUpper(name), "https://"+name+"/v2/", name+":443", "HTTPS://"+name, name+"/a%20b", name+"&")
	}
	for _, name := range named(t, "real.tsv") {
		all = append(all, name, strings.ToUpper(name), "https://"+name)
	}
	return append(all, named(t, "hostile.tsv")...)
}

// Host accepts every real name except the mixed form for China. It accepts no name that
// registry.Parse rejects or reads differently.
func TestHostMatchesRegistry(t *testing.T) {
	for _, name := range spellings(t) {
		host, ok := warmfile.Host(name)
		if reg, err := registry.Parse(name); ok && (err != nil || reg.Host != host) {
			t.Errorf("%q: %q, but registry.Parse returns %q, %v", name, host, reg.Host, err)
		}
	}
	for _, name := range named(t, "real.tsv", "aws-cn mixed") {
		if host, ok := warmfile.Host("https://" + name + "/v2/"); !ok || host != name {
			t.Errorf("%s is not accepted: %q", name, host)
		}
	}
	for _, name := range named(t, "hostile.tsv") {
		if _, ok := warmfile.Host(name); ok {
			t.Errorf("%q is accepted", name)
		}
	}
}

// Alias returns the same host as registry.Host, which the settings look up.
func TestAliasMatchesRegistry(t *testing.T) {
	names := append(spellings(t), named(t, "hostile.tsv")...)
	for _, name := range append(names, "ecr.example.io", "https://ECR.example.io:443/v2/", "localhost:5000", "a.example:", "a..b", "-a.b", "a.b-", ".a", "a.",
		"a:b:c", "http://a.b", "https://", "a.b:123456", "a_b.example", "") {
		alias, ok := warmfile.Alias(name)
		if !ok {
			continue
		}
		if host, plain := registry.Host(name); !plain || host != alias || strings.ContainsAny(alias, "_/@") {
			t.Errorf("%q: %q, but registry.Host returns %q, %v", name, alias, host, plain)
		}
	}
	for name, want := range map[string]string{"ecr.example.io": "ecr.example.io", "https://ECR.example.io:443/v2/": "ecr.example.io", "localhost:5000": "localhost:5000",
		"a.": "", "a..b": "", "-a": "", "http://a.b": "", "a_b": "", "": "", "a:": "", "a@b": "", "[::1]:5000": ""} {
		if got, ok := warmfile.Alias(name); got != want || ok != (want != "") {
			t.Errorf("%q: got %q, ok %v", name, got, ok)
		}
	}
}

// The two packages use the same grammar for the regions in the table.
func TestRegionsMatchRegistry(t *testing.T) {
	for _, region := range []string{
		"us-east-1", "us-east-12", "us-east-123", "us-e4st-1", "us-fips-1", "us-a-b-1", "us-gov-west-1", "us-gov-a-b-1", "us-east-", "us--1", "us-1", "us-east-1a",
		"us-" + strings.Repeat("a", 58) + "-1", "us-" + strings.Repeat("a", 59) + "-1",
	} {
		name := "123456789012.dkr.ecr." + region + ".amazonaws.com"
		_, ok := warmfile.Host(name)
		if _, err := registry.Parse(name); ok != (err == nil) && region != "us-a-b-1" { // the table has no row for us-a-b-1
			t.Errorf("%s: %v, but registry.Parse returns %v", region, ok, err)
		}
	}
}

func FuzzHost(f *testing.F) {
	for _, name := range spellings(f) {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		host, ok := warmfile.Host(name)
		if reg, err := registry.Parse(name); ok && (err != nil || reg.Host != host) {
			t.Fatalf("%q: %q, but registry.Parse returns %q, %v", name, host, reg.Host, err)
		}
	})
}
