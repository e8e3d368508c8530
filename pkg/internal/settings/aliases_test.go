package settings

import (
	"os"
	"strings"
	"testing"
)

const ecr = "123456789012.dkr.ecr.us-east-1.amazonaws.com"

func TestAliasesAreExact(t *testing.T) {
	vpce := "vpce-0123456789abcdef0-abcdefgh.dkr.ecr.us-east-1.vpce.amazonaws.com"
	s := Settings{Aliases: map[string]string{"ecr.example.io": ecr, "localhost:5000": ecr, vpce: ecr}}
	for server, want := range map[string]string{
		"ecr.example.io": "ecr.example.io", "https://ECR.example.io/v2/": "ecr.example.io", "ecr.example.io:443": "ecr.example.io",
		"ecr.example.io/team/app": "ecr.example.io", "localhost:5000": "localhost:5000", vpce: vpce, ecr: "", "https://" + ecr: "",

		"http://ecr.example.io": "error", "ecr.example.io:8443": "error", "ecr.example.io.": "error", "a.ecr.example.io": "error",
		"ecr.example.io.evil.example": "error", "evil.example/ecr.example.io": "error", "user@ecr.example.io": "error", "ecr.example.io@evil.example": "error",
		"ecr.example.io?x": "error", "ecr.example.io#": "error", "ecr.example.io%2f": "error", " ecr.example.io": "error", "ecr.example\n.io": "error",
		"localhost": "error", "localhost:50000": "error", "localhost:5000:443": "error", "": "error", "ecr_example.io": "error", "\u212ac.example.io": "error",
		"ftp://ecr.example.io": "error", "https://https://ecr.example.io": "error", "//ecr.example.io": "error",
	} {
		reg, alias, err := s.Registry(server)
		if err != nil {
			alias = "error"
		} else if reg.Host != ecr {
			t.Errorf("%q: got %q", server, reg.Host)
		}
		if alias != want {
			t.Errorf("%q: %q, want %q", server, alias, want)
		}
	}
}

func TestMapAliasEditsItsTable(t *testing.T) {
	path := put(t, "login = \"never\" # mine\r\n[registries]\r\n\"public.ecr.aws\" = \"x\"\r\n")
	text := func() string {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	before := text()
	for _, alias := range []string{"ecr.example.io", "R.example:5000"} {
		if err := MapAlias(path, alias, ecr); err != nil {
			t.Fatal(err)
		}
	}
	if err := Map(path, "ecr-public.aws.com", "y"); err != nil {
		t.Fatal(err)
	}
	want := "login = \"never\" # mine\r\n[registries]\r\n\"public.ecr.aws\" = \"x\"\r\n\"ecr-public.aws.com\" = \"y\"\r\n\r\n[aliases]\r\n\"ecr.example.io\" = \"" + ecr + "\"\r\n\"r.example:5000\" = \"" + ecr + "\"\r\n"
	if got := text(); got != want {
		t.Errorf("%q\nwant %q", got, want)
	}
	if err := MapAlias(path, "ECR.example.io:443", "public.ecr.aws"); err != nil || !strings.Contains(text(), `"ecr.example.io" = "public.ecr.aws"`) {
		t.Errorf("error %v, got %q", err, text())
	}
	for _, alias := range []string{"ecr.example.io", "r.example:5000"} {
		if found, err := UnmapAlias(path, alias); !found || err != nil {
			t.Errorf("%s: found %v, error %v", alias, found, err)
		}
	}
	if found, err := UnmapAlias(path, "none.example"); found || err != nil {
		t.Errorf("none: %v, %v", found, err)
	}
	if _, err := Unmap(path, "ecr-public.aws.com"); err != nil || text() != before+"\r\n[aliases]\r\n" {
		t.Errorf("error %v, got %q", err, text())
	}
	for alias, host := range map[string]string{"*.example.io": ecr, "a/b": ecr, "": ecr, "a b": ecr, "https://a.example": ecr, ecr: ecr, "a.example": "quay.io",
		"b.example": "https://" + ecr, "-a.example": ecr, "a..b": ecr, "a:": ecr, ecr + ":8443": ecr, "vpce-0-a.dkr.ecr.us-east-1.vpce.amazonaws.com:1": ecr} {
		if err := MapAlias(path, alias, host); err == nil {
			t.Errorf("%q = %q is accepted", alias, host)
		}
	}
}
