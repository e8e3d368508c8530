package awsconfig

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// wizard is the change that configure makes for a new profile and a new session.
var wizard = []Change{
	{Section: SectionProfile, Name: "Admin-444455556666", Keys: []Key{
		{"sso_session", "my-sso"}, {"sso_account_id", "444455556666"}, {"sso_role_name", "Admin"},
		{"region", "eu-west-1"}, {"output", "json"},
	}},
	{Section: SectionSession, Name: "my-sso", Keys: []Key{
		{"sso_start_url", "https://my-portal.awsapps.com/start#/"}, {"sso_region", "us-east-1"},
		{"sso_registration_scopes", "sso:account:access"},
	}},
}

const wizardText = `[profile Admin-444455556666]
sso_session = my-sso
sso_account_id = 444455556666
sso_role_name = Admin
region = eu-west-1
output = json
[sso-session my-sso]
sso_start_url = https://my-portal.awsapps.com/start#/
sso_region = us-east-1
sso_registration_scopes = sso:account:access
`

func profileChange(name string, keys ...string) Change {
	c := Change{Section: SectionProfile, Name: name}
	for i := 0; i < len(keys); i += 2 {
		c.Keys = append(c.Keys, Key{keys[i], keys[i+1]})
	}
	return c
}

// The expected texts are AWS CLI output for the same input, unless a comment says otherwise.
func TestEditTextWritesWhatAWSCLIWrites(t *testing.T) {
	region := profileChange("dev", "region", "eu-west-1")
	for name, c := range map[string]struct {
		old     string
		changes []Change
		want    string
	}{
		"empty file gets the two sections in order": {"", wizard, wizardText},
		"new sections follow the last line, which gets its end": {
			"[default]\nregion = us-east-1", wizard, "[default]\nregion = us-east-1\n" + wizardText},
		"no blank line is added or removed": {
			"# mine\n\n", []Change{region}, "# mine\n\n[profile dev]\nregion = eu-west-1\n"},
		"empty values are not written": {
			"", []Change{profileChange("dev", "region", "", "output", "text")}, "[profile dev]\noutput = text\n"},
		"change without values changes nothing": {"", []Change{profileChange("dev", "region", "")}, ""},
		"default profile has a header of its own": {
			"", []Change{profileChange("default", "region", "eu-west-1")}, "[default]\nregion = eu-west-1\n"},
		"name with a blank is quoted": {
			"", []Change{profileChange("my dev", "region", "eu-west-1")}, "[profile 'my dev']\nregion = eu-west-1\n"},
		"known keys are rewritten, new ones follow the last, comments behind stay behind": {
			"[profile dev]\nregion=us-east-1\nmfa_serial = x # mine\n# the end\n\n[profile b]\nregion = x\n",
			[]Change{profileChange("dev", "sso_session", "corp", "region", "eu-west-1", "output", "json")},
			"[profile dev]\nregion = eu-west-1\nmfa_serial = x # mine\nsso_session = corp\noutput = json\n# the end\n\n[profile b]\nregion = x\n"},
		"double-quoted name is the same name": {
			"[profile \"dev\"]\n", []Change{region}, "[profile \"dev\"]\nregion = eu-west-1\n"},
		"values with # and = are whole": {
			"", []Change{profileChange("dev", "sso_start_url", "https://x/start?a=b#/")}, "[profile dev]\nsso_start_url = https://x/start?a=b#/\n"},
	} {
		t.Run(name, func(t *testing.T) { checkEdit(t, c.old, c.want, c.changes...) })
	}
}

var regionChange = profileChange("my dev", "region", "eu-west-1")

// carefulEditCases are the test cases of TestEditTextIsMoreCarefulThanAWSCLI.
var carefulEditCases = map[string]struct {
	old    string
	change Change
	want   string
}{
	"double-quoted name with a blank": {
		"[profile \"my dev\"]\nregion = x\n", regionChange, "[profile \"my dev\"]\nregion = eu-west-1\n"},
	"name with a blank and no quotes": {
		"[profile my dev]\nregion = x\n", regionChange, "[profile my dev]\nregion = eu-west-1\n"},
	"blanks inside the header": {
		"[ profile  dev\t] ; note\nregion = x\n", profileChange("dev", "region", "y"), "[ profile  dev\t] ; note\nregion = y\n"},
	"two spellings: the last one counts": {
		"[profile \"my dev\"]\nregion = x\n[profile 'my dev']\noutput = json\n", regionChange,
		"[profile \"my dev\"]\nregion = x\n[profile 'my dev']\noutput = json\nregion = eu-west-1\n"},
	"header in a comment is not a header": {
		"# [profile 'my dev']\n", regionChange, "# [profile 'my dev']\n[profile 'my dev']\nregion = eu-west-1\n"},
	"keys in capitals or with a colon": {
		"[profile my dev]\nREGION:x\n", regionChange, "[profile my dev]\nregion = eu-west-1\n"},
	"indentation stays, new keys have it too": {
		"[profile 'my dev']\n\tregion=x\n\toutput = json\n",
		profileChange("my dev", "region", "y", "sso_session", "corp"),
		"[profile 'my dev']\n\tregion = y\n\toutput = json\n\tsso_session = corp\n"},
	"sub-key of the same name is not ours": {
		"[profile 'my dev']\ns3 =\n  region = x\n\n  other = y\n", regionChange,
		"[profile 'my dev']\ns3 =\n  region = x\n\n  other = y\nregion = eu-west-1\n"},
	"CRLF": {
		"[profile 'my dev']\r\nregion=x\r\n\r\n[b]\r\n", profileChange("my dev", "region", "y", "output", "json"),
		"[profile 'my dev']\r\nregion = y\r\noutput = json\r\n\r\n[b]\r\n"},
	"CRLF in new sections": {
		"[b]\r\nx = y", regionChange, "[b]\r\nx = y\r\n[profile 'my dev']\r\nregion = eu-west-1\r\n"},
	"CR alone": {
		"[profile 'my dev']\rregion=x\r\r[b]\r", profileChange("my dev", "region", "y", "output", "json"),
		"[profile 'my dev']\rregion = y\routput = json\r\r[b]\r"},
	"a CR inside a file of LF lines": {
		"[b]\nk = v\rregion = x", regionChange, "[b]\nk = v\rregion = x\n[profile 'my dev']\nregion = eu-west-1\n"},
	"no-break space behind the key": {
		"[profile 'my dev']\nregion\u00a0= x\n", regionChange, "[profile 'my dev']\nregion = eu-west-1\n"},
	"ideographic space before the key": {
		"[profile 'my dev']\n\u3000region = x\n", regionChange, "[profile 'my dev']\n\u3000region = eu-west-1\n"},
	"keys that inherit from [DEFAULT]": {
		"[DEFAULT]\nregion = x\n[profile 'my dev']\noutput = json\n", regionChange,
		"[DEFAULT]\nregion = x\n[profile 'my dev']\noutput = json\nregion = eu-west-1\n"},
	"rewritten last line gets its end": {
		"[profile 'my dev']\nregion=x", regionChange, "[profile 'my dev']\nregion = eu-west-1\n"},
	"trailing blanks of a line that says it already": {
		"[profile 'my dev']\nregion = eu-west-1  \n", regionChange, "[profile 'my dev']\nregion = eu-west-1  \n"},
	"key that the AWS CLI reads as part of a value": {
		"[profile 'my dev']\noutput = a\n  region = b\n", regionChange,
		"[profile 'my dev']\noutput = a\n  region = b\nregion = eu-west-1\n"},
	"name with a quote": {
		"", profileChange("it's", "region", "x"), "[profile 'it'\"'\"'s']\nregion = x\n"},
	"default profile under its other name": {
		"[default]\n[profile default]\n", profileChange("default", "region", "x"), "[default]\n[profile default]\nregion = x\n"},
	"section of another kind with the name": {
		"[my dev]\n[services 'my dev']\n", regionChange, "[my dev]\n[services 'my dev']\n[profile 'my dev']\nregion = eu-west-1\n"},
}

func TestEditTextIsMoreCarefulThanAWSCLI(t *testing.T) {
	for name, c := range carefulEditCases {
		t.Run(name, func(t *testing.T) { checkEdit(t, c.old, c.want, c.change) })
	}
}

func checkEdit(t *testing.T, old, want string, changes ...Change) {
	t.Helper()
	got, err := EditText(old, changes...)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if again, err := EditText(got, changes...); err != nil || again != got {
		t.Errorf("a second time: %q, %v", again, err)
	}
}

func TestEditTextRefusesTextItCouldDamage(t *testing.T) {
	dev := profileChange("dev", "region", "eu-west-1")
	for name, c := range map[string]struct {
		old    string
		change Change
		line   int
		reason string
	}{
		"open header with an equals sign":      {"[b]\n[profile = dev\n", dev, 2, "header is not closed"},
		"a NUL byte":                           {"[b]\nk = \x00\n", dev, 2, "NUL byte"},
		"more than 10 MiB":                     {strings.Repeat("# 4567890\n", 1<<20) + "#", dev, 0, "larger than 10 MiB"},
		"value that goes on below":             {"[profile dev]\nregion = a\n  b\n", dev, 0, "by the AWS CLI"},
		"our key once more in another's value": {"[profile dev]\nregion = a\noutput = b\n  region = c\n", dev, 0, "not be read as written"},
		"our key as a block":                   {"[profile dev]\nregion =\n  a = b\n", dev, 0, "by the AWS CLI"},
		"deeper header below":                  {"[profile dev]\n [profile b]\n", dev, 0, "by the AWS CLI"},
		"spellings that tools tell apart":      {"[profile dev]\n[ profile dev]\n", dev, 0, "by the AWS CLI"},
		"two default profiles, wrong order":    {"[profile default]\n[default]\n", profileChange("default", "region", "x"), 1, "the default profile"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := EditText(c.old, c.change)
			e, ok := errors.AsType[*EditError](err)
			if !ok || got != "" {
				t.Fatalf("got %q, %v", got, err)
			}
			if e.Line != c.line || !strings.Contains(e.Reason, c.reason) {
				t.Errorf("line %d: %s", e.Line, e.Reason)
			}
		})
	}
}

func TestEditTextRefusesWhatItCannotWrite(t *testing.T) {
	for name, c := range map[string]struct {
		change Change
		what   string
	}{
		"another kind of section":         {Change{Section: "services", Name: "x"}, "services"},
		"no name":                         {profileChange(""), "profile"},
		"name with a bracket":             {profileChange("a]b"), "profile"},
		"name with a bracket and a blank": {profileChange("a] b"), "profile"},
		"name with a line break":          {profileChange("a\nb"), "profile"},
		"name with a NUL":                 {profileChange("a\x00b"), "profile"},
		"name with blanks around":         {profileChange("a "), "profile"},
		"name that is not UTF-8":          {profileChange("a\xff"), "profile"},
		"key with a line break":           {profileChange("a", "k\nl", "v"), "profile"},
		"key with an equals sign":         {profileChange("a", "k=l", "v"), "profile"},
		"key in capitals":                 {profileChange("a", "Region", "v"), "profile"},
		"value written right to left":     {profileChange("a", "sso_role_name", "Push\u202enimdA"), "sso_role_name"},
		"value with a zero-width space":   {profileChange("a", "sso_role_name", "Push\u200b"), "sso_role_name"},
		"value with a line separator":     {profileChange("a", "output", "a\u2028b"), "output"},
		"name with a soft hyphen":         {profileChange("pro\u00add"), "profile"},
		"value with a line break":         {profileChange("a", "region", "a\nb"), "region"},
		"value ending in CR":              {profileChange("a", "region", "a\r"), "region"},
		"value with a NUL":                {profileChange("a", "region", "a\x00"), "region"},
		"value with blanks around":        {profileChange("a", "region", " a"), "region"},
		"value with an odd blank":         {profileChange("a", "region", "\u00a0a"), "region"},
		"value in quotes":                 {profileChange("a", "region", "'a'"), "region"},
		"value with a comment":            {profileChange("a", "region", "a # b"), "region"},
		"value that is a comment":         {profileChange("a", "region", "#"), "region"},
		"value with a terminal's ESC":     {profileChange("a", "region", "\x1b[m"), "region"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := EditText("", c.change)
			e, ok := errors.AsType[*ValueError](err)
			if !ok || got != "" || e.What != c.what || !strings.HasPrefix(e.Error(), c.what+": ") {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}
