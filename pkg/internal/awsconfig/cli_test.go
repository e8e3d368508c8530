package awsconfig

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
)

// Texts that the AWS CLI rejects. TestCorpus compares such texts with the real AWS CLI.
func TestAWSCLICannotReadText(t *testing.T) {
	for name, c := range map[string]struct {
		text   string
		line   int
		reason string
	}{
		"open header":                      {"[b]\n[profile dev\n", 2, "header is not closed"},
		"open header at the start":         {"[profile dev\n", 1, "header is not closed"},
		"byte-order mark":                  {bom + "[profile dev]\n", 1, "byte-order mark"},
		"byte-order mark alone":            {bom, 1, "byte-order mark"},
		"UTF-16":                           {"\xff\xfe[\x00b\x00]\x00", 0, "UTF-16"},
		"UTF-16, big end first":            {"\xfe\xff\x00[\x00b\x00]", 0, "UTF-16"},
		"UTF-16 without a mark":            {"[\x00b\x00]\x00", 0, "UTF-16"},
		"byte of Latin-1":                  {"[b]\r# caf\xe9\r\n", 2, "not UTF-8"},
		"section twice":                    {"[profile dev]\n[b]\n[profile dev]\n", 3, "[profile dev] is also in line 1"},
		"key twice":                        {"[b]\nregion = a\n\nREGION : b\n", 4, "region is also in line 2 of the same section"},
		"key twice in [DEFAULT]":           {"[DEFAULT]\nk = a\n[b]\n[DEFAULT]\nk = b\n", 5, "k is also in line 2"},
		"key before the first section":     {"# c\nregion = x\n[b]\n", 2, "region is before the first section"},
		"text before the first section":    {"garbage\n[b]\n", 1, "a line without a key and = (garbage)"},
		"line without an equals sign":      {"[b]\nregion\n", 2, "a line without a key and = (region)"},
		"line without a key":               {"[b]\n= v\n", 2, "a line without a key"},
		"block line without an equals":     {"[b]\ns3 =\n  a = b\n  c\n", 4, "a line without = in the block of s3"},
		"block line with a colon":          {"[b]\ns3 =\n\n  a: b\n", 4, "a line without = in the block of s3"},
		"block line with a line of U+2028": {"[b]\ns3 =\n  a = b\u2028c\n", 3, "a line without = in the block of s3"},
	} {
		t.Run(name, func(t *testing.T) {
			if runtime.GOOS == "windows" && strings.Contains(name, "Latin-1") {
				t.Skip("on Windows the AWS CLI reads the code page of the system")
			}
			_, err := readAsCLI(c.text)
			e, ok := errors.AsType[*UnreadableError](err)
			if !ok {
				t.Fatalf("error %v", err)
			}
			if e.Line != c.line || !strings.Contains(e.Reason, c.reason) {
				t.Errorf("line %d: %s", e.Line, e.Reason)
			}
			if got, err := EditText(c.text, profileChange("new", "region", "x")); err == nil || got != "" {
				t.Errorf("it was edited: %q, %v", got, err)
			}
		})
	}
}

func TestUTF16IsReported(t *testing.T) {
	for _, data := range []string{"\xff\xfe[\x00b\x00]\x00", "\xfe\xff\x00[\x00b\x00]", "[\x00b\x00]\x00"} {
		path := filepath.Join(t.TempDir(), "con fig")
		writeFile(t, path, data)
		_, err := Load(Paths{Config: path})
		e, ok := errors.AsType[*UnreadableError](err)
		if !ok || !strings.HasPrefix(e.Error(), path+": it is in UTF-16") {
			t.Fatal(err)
		}
		if text, ok := errors.AsType[*safefile.TextError](safefile.CheckText(path, []byte(data))); !ok || e.next() != text.Fix {
			t.Error(e.next())
		}
	}
}

// blanks are the white space characters of Unicode and Python, except line ends.
var blanks = []rune{
	' ', '\t', '\v', '\f', 0x1c, 0x1d, 0x1e, 0x1f, 0x85, 0xa0, 0x1680, 0x2000, 0x2003, 0x2009, 0x200a, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000,
}

func TestBlanksInEveryPosition(t *testing.T) {
	const plainText = "[profile p]\nsso_session = corp\nregion = eu-west-1\n[sso-session corp]\nsso_region = us-east-1\nsso_start_url = https://x.awsapps.com/start\n"
	change := profileChange("other", "sso_session", "corp", "region", "us-east-1")
	session := Change{Section: SectionSession, Name: "corp", Keys: []Key{{"sso_region", "eu-west-1"}}}
	for _, blank := range blanks {
		b := string(blank)
		for where, text := range map[string]string{
			"before the header":    strings.ReplaceAll(plainText, "[", b+"["),
			"after the header":     strings.ReplaceAll(plainText, "]", "]"+b),
			"behind the key":       strings.ReplaceAll(plainText, " =", b+"="),
			"before the value":     strings.ReplaceAll(plainText, "= ", "="+b),
			"after the value":      strings.ReplaceAll(plainText, "corp\n", "corp"+b+"\n"),
			"before the key":       strings.ReplaceAll(strings.ReplaceAll(plainText, "\n", "\n"+b), b+"[", "["),
			"in an empty line":     strings.ReplaceAll(plainText, "\n", "\n"+b+"\n"),
			"before a comment":     strings.ReplaceAll(plainText, "\n", "\n"+b+"# comment\n"),
			"several, in all ends": strings.ReplaceAll(strings.ReplaceAll(plainText, " = ", b+b+"="+b+b), "\n", b+b+"\n"),
		} {
			if where == "before the header" {
				text = strings.Replace(text, b+"[sso", "[sso", 1) // otherwise it continues the value above
			}
			c := load(t, text, "")
			got, err := c.resolve("p", append(c.Profiles[0].Keys(), Key{"sso_account_id", "123456789012"}, Key{"sso_role_name", "R"}))
			want := SSO{"p", "corp", "https://x.awsapps.com/start", "us-east-1", "123456789012", "R", "eu-west-1"}
			if err != nil || got != want {
				t.Errorf("%U %s: got %+v, error %v", blank, where, got, err)
			}
			for _, c := range []Change{change, session} {
				if _, err := EditText(text, c); err != nil {
					t.Errorf("%U %s: error %v", blank, where, err)
				}
			}
		}
	}
}

func TestDefaultSectionIsInherited(t *testing.T) {
	c := load(t, "[DEFAULT]\nregion = a\ns3 =\n  x = 1\n[profile p]\noutput = json\n[profile q]\nregion = b\ns3 =\n  y = 2\n"+
		"[sso-session corp]\nsso_start_url = https://x\n[DEFAULT]\nsso_region = us-east-1\n",
		"[DEFAULT]\naws_access_key_id = AK\n[p]\naws_secret_access_key = s\n")
	if diff := cmp.Diff([]string{"p", "q"}, names(c)); diff != "" {
		t.Error(diff)
	}
	want := map[string]string{"region": "a", "s3": "", "output": "json", "sso_region": "us-east-1", "aws_access_key_id": "AK", "aws_secret_access_key": "s"}
	if diff := cmp.Diff(want, c.Profiles[0].Keys().Map()); diff != "" {
		t.Error(diff)
	}
	if c.Profiles[1].Keys().Get("region") != "b" {
		t.Error("the section's own key is ignored")
	}
	if diff := cmp.Diff(map[string]map[string]string{"s3": {"y": "2"}}, c.Profiles[1].Nested()); diff != "" {
		t.Error(diff)
	}
	if c.Sessions[0].Region != "us-east-1" {
		t.Error("the session inherits nothing")
	}
	account := load(t, "[DEFAULT]\nsso_account_id = 123456789012\n[profile p]\nsso_role_name = R\nsso_start_url = u\nsso_region = r\n", "")
	if found, _ := account.ForAccount("123456789012"); len(found) != 1 {
		t.Error("an inherited account ID does not select the profile")
	}
}

func TestValuesInSeveralLines(t *testing.T) {
	c := load(t, "[profile p]\ncredential_process = \"/my tools/x\" --a \"b # c\" ; d\n  --e=f\n\n  g\n  region = eu-west-1\n"+
		"[sso-session s]\nsso_registration_scopes = sso:account:access,\n  codecatalyst:read_write\n  sso_region = x\n", "")
	keys := c.Profiles[0].Keys()
	if got := keys.Get("credential_process"); got != `"/my tools/x" --a "b # c" ; d --e=f g` {
		t.Errorf("process %q", got)
	}
	if got := keys.Get("region"); got != "eu-west-1" {
		t.Errorf("region %q", got)
	}
	if diff := cmp.Diff([]string{"sso:account:access", "codecatalyst:read_write"}, c.Sessions[0].Scopes); diff != "" || c.Sessions[0].Region != "x" {
		t.Error(diff, c.Sessions[0].Region)
	}
}

// Names that look like values must be found as in the AWS CLI.
func TestNamesThatLookLikeValues(t *testing.T) {
	c := load(t, "[sso-session 'a #b']\nsso_start_url = u\nsso_region = r\n[profile '\"q\"']\nregion = x\n"+
		"[profile p]\nsso_session = a #b\nsource_profile = \"q\"\nsso_role_name = R # c\n[profile DOMAIN\\user]\n", "")
	p, _ := c.Profile("p")
	want := map[string]string{"sso_session": "a #b", "source_profile": `"q"`, "sso_role_name": "R"}
	if diff := cmp.Diff(want, p.Keys().Map()); diff != "" {
		t.Error(diff)
	}
	for _, name := range []string{"DOMAINuser", `DOMAIN\user`} {
		if _, ok := c.Profile(name); !ok {
			t.Errorf("%q is not found", name)
		}
	}
}

func TestOddValues(t *testing.T) {
	const (
		open    = "has a quote that is not closed"
		quotes  = "is in quotes, which the AWS CLI reads as part of the value"
		comment = "has a comment after it, which the AWS CLI reads as part of the value"
	)
	for name, c := range map[string]struct {
		line string
		why  string // "" for a value that all tools read identically
	}{
		"quote alone":                  {`foo = "`, open},
		"apostrophe alone":             {`foo = '`, open},
		"quote at the start":           {`role_arn = "arn:aws:iam::123456789012:role/A`, open},
		"quote at the end":             {`region = us-east-1"`, open},
		"quotes":                       {`region = "us-east-1"`, quotes},
		"comment":                      {`region = us-east-1 # main`, comment},
		"comment after a semicolon":    {`region = us-east-1 ; main`, comment},
		"comment alone":                {`region = # none`, comment},
		"ordinary value":               {`region = us-east-1`, ""},
		"a URL with a fragment":        {`sso_start_url = https://x.awsapps.com/start#/`, ""},
		"apostrophe in a value":        {`role_session_name = o'neil`, ""},
		"command line":                 {`credential_process = "/a b/c" "d`, ""},
		"command line of another tool": {`mfa_process = "/a b/c"`, ""},
		"pager in quotes":              {`cli_pager = ""`, ""},
		"name with a comment":          {`source_profile = a #b`, ""},
		"key with blocks":              {"s3 =\n  max_queue_size = 5", ""},
		"rest of a value":              {"foo =\n  bar = \"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "config")
			writeFile(t, path, "[profile 'a #b']\n\n[profile x]\n"+c.line+"\n")
			var got, want []string
			for _, err := range OddValues(path) {
				e, ok := errors.AsType[*OddValueError](err)
				if next := hint.Next(err); !ok || len(next) != 1 || !strings.Contains(next[0], path) {
					t.Fatal(err)
				}
				got = append(got, e.Error())
			}
			if c.why != "" {
				key, _, _ := assignment(c.line)
				want = []string{fmt.Sprintf("%s line 4: %s of [profile x] %s", path, key, c.why)}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
