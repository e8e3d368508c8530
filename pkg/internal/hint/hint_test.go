package hint

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestErrorShowsCauseThenFirstCommand(t *testing.T) {
	err := With(fmt.Errorf("session expired: %w", fs.ErrNotExist), "first", "second")
	if got := err.Error(); got != "session expired: file does not exist; run: first" {
		t.Errorf("Error() = %q", got)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		t.Error("the cause cannot be found with errors.Is")
	}
	if With(nil, "x") != nil {
		t.Error("With(nil) is not nil")
	}
}

func TestOutermostCommandsApply(t *testing.T) {
	err := With(With(errors.New("cause"), "inner"), "outer")
	if got := err.Error(); got != "cause; run: outer" {
		t.Errorf("Error() = %q", got)
	}
	if got := Next(fmt.Errorf("wrapped: %w", err)); len(got) != 1 || got[0] != "outer" {
		t.Errorf("Next = %q", got)
	}
	if Next(errors.New("plain")) != nil {
		t.Error("a plain error carries no command")
	}
}

func TestLongCauseDoesNotCutCommand(t *testing.T) {
	err := With(errors.New(strings.Repeat("cause ", 200)), "command --with 'an argument'")
	line := Line(err)
	if !strings.HasSuffix(line, "...; run: command --with 'an argument'") || utf8.RuneCountInString(line) > maxLine {
		t.Errorf("Line = %q", line)
	}
	if got := Line(With(errors.New("a\nb"), "c\nd")); got != "a?b; run: c?d" {
		t.Errorf("Line = %q", got)
	}
}

func TestClean(t *testing.T) {
	for name, c := range map[string]struct {
		in   string
		max  int
		want string
	}{
		"plain text is unchanged":                {"role \"Push\" ü 日本", 100, "role \"Push\" ü 日本"},
		"line breaks become one mark each":       {"a\r\nb", 100, "a??b"},
		"escape sequences lose their ESC":        {"\x1b[31mred", 100, "?[31mred"},
		"C1 and DEL are replaced":                {"a\u009bb\x7f", 100, "a?b?"},
		"bidirectional overrides are replaced":   {"a\u202eb\u2066c", 100, "a?b?c"},
		"zero-width characters are replaced":     {"a\u200bb\ufeff", 100, "a?b?"},
		"Unicode line separators are replaced":   {"a\u2028b\u2029", 100, "a?b?"},
		"invalid UTF-8 is replaced byte by byte": {"a\xff\xfeb", 100, "a??b"},
		"U+FFFD in the text is unchanged":        {"a\ufffdb", 100, "a\ufffdb"},
		"too long is cut with a mark":            {"0123456789", 8, "01234..."},
		"just long enough is not cut":            {"01234567", 8, "01234567"},
		"empty":                                  {"", 8, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Clean(c.in, c.max); got != c.want {
				t.Errorf("Clean(%q) = %q, want %q", c.in, got, c.want)
			}
		})
	}
}

func TestArgSurvivesShell(t *testing.T) {
	onPOSIX(t)
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no POSIX shell on this machine")
	}
	for _, in := range []string{"corp", "my dev", "it's", "$(touch x)", "`id`", "a;b", "", "é", "a\\b", "*", "~", "#x", "-n!"} {
		out, err := exec.Command(sh, "-c", "printf %s "+Arg(in)).Output()
		if err != nil || string(out) != in {
			t.Errorf("Arg(%q) = %s came back as %q, %v", in, Arg(in), out, err)
		}
	}
	if got := Arg("corp-1.x"); got != "corp-1.x" {
		t.Errorf("plain words need no quotes: %s", got)
	}
}

func TestTimesHaveOneUnit(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "just now", 59 * time.Second: "just now", time.Minute: "1m ago", 59*time.Minute + 59*time.Second: "59m ago",
		time.Hour: "1h ago", 47*time.Hour + 59*time.Minute: "47h ago", 48 * time.Hour: "2 days ago", 90 * 24 * time.Hour: "90 days ago",
	} {
		if got := Ago(d); got != want {
			t.Errorf("Ago(%v) = %q, want %q", d, got, want)
		}
	}
}

func FuzzClean(f *testing.F) {
	for _, s := range []string{"", "a\x00b", "\x1b]0;title\a", "\u202e", "\xff", strings.Repeat("x", 700)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		out := Clean(s, 50)
		if !utf8.ValidString(out) || utf8.RuneCountInString(out) > 50 {
			t.Fatalf("Clean(%q) = %q", s, out)
		}
		if Clean(out, 50) != out {
			t.Fatalf("not stable: %q", out)
		}
		for _, r := range out {
			if Unprintable(r) {
				t.Fatalf("%q left in %q", r, out)
			}
		}
	})
}

func TestCommandsQuoteTheirArguments(t *testing.T) {
	onPOSIX(t)
	const role, china = "arn:aws:iam::123456789012:role/pull", "arn:aws-cn:iam::123456789012:role/team/a,b@c"
	for got, want := range map[string]string{
		TrustPolicyCommand(role):  "aws iam get-role --role-name pull",
		TrustPolicyCommand(china): "aws iam get-role --role-name a,b@c",
		TrustPolicyCommand("arn:aws:iam::123456789012:user/x") + TrustPolicyCommand("pull") + TrustPolicyCommand(""): "",
		AttachPolicyCommand(role, "PullOnly"):                                      "aws iam attach-role-policy --role-name pull --policy-arn arn:aws:iam::aws:policy/PullOnly",
		AttachPolicyCommand(china, "PullOnly"):                                     "aws iam attach-role-policy --role-name a,b@c --policy-arn arn:aws-cn:iam::aws:policy/PullOnly",
		IdentityProviderCommand(role, "https://c.example.com/id/1"):                "aws iam get-open-id-connect-provider --open-id-connect-provider-arn arn:aws:iam::123456789012:oidc-provider/c.example.com/id/1",
		IdentityProviderCommand(role, "https://c.example.com/$(x)/"):               "aws iam get-open-id-connect-provider --open-id-connect-provider-arn 'arn:aws:iam::123456789012:oidc-provider/c.example.com/$(x)'",
		IdentityProviderCommand(role, ""):                                          "aws iam list-open-id-connect-providers",
		IdentityProviderCommand(role, "https://a\nb"):                              "aws iam list-open-id-connect-providers",
		IdentityProviderCommand(role, "https://"+strings.Repeat("a", maxIssuer+1)): "aws iam list-open-id-connect-providers",
		IdentityProviderCommand("pull", "https://c.example.com"):                   "",
		LoginCommand("my corp", "p"):                                               "docker-credential-ecr-sso login --sso-session 'my corp'",
		LoginCommand("", "it's"):                                                   `docker-credential-ecr-sso login --profile 'it'\''s'`,
		LoginCommand("", ""):                                                       "docker-credential-ecr-sso login",
		ConfigureCommand(""):                                                       "docker-credential-ecr-sso configure",
		ConfigureCommand("$x"):                                                     "docker-credential-ecr-sso configure --profile '$x'",
		MapCommand("public.ecr.aws", ""):                                           "docker-credential-ecr-sso map public.ecr.aws PROFILE",
		MapCommand("public.ecr.aws", "--force"):                                    "docker-credential-ecr-sso map -- public.ecr.aws --force",
		MapRoleCommand("Push", "-x"):                                               "docker-credential-ecr-sso map --role -- Push -x",
		MapRoleCommand("Push", "Read*"):                                            "docker-credential-ecr-sso map --role Push 'Read*'",
		LogoutCommand("docker", "https://h/$(id);x"):                               "docker logout 'https://h/$(id);x'",
		ConfigureDockerCommand("--remove", "a b"):                                  "docker-credential-ecr-sso configure-docker --remove 'a b'",
		DoctorCommand(""):                                                          "docker-credential-ecr-sso doctor",
		UnsetCommand("AWS_PROFILE", "AWS_CA_BUNDLE"):                               "unset AWS_PROFILE AWS_CA_BUNDLE",
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// onPOSIX skips a test for POSIX shell commands on Windows.
func onPOSIX(t *testing.T) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("TestCommandsForWindows has the commands of Windows")
	}
}

// Windows commands differ: set without a value, and double quotes.
func TestCommandsForWindows(t *testing.T) {
	for got, want := range map[string]string{
		argFor("windows", `C:\Users\me\.aws`):              `C:\Users\me\.aws`,
		argFor("windows", `C:\Users\J. Doe\x`):             `"C:\Users\J. Doe\x"`,
		argFor("windows", `my "corp"`):                     `"my \"corp\""`,
		argFor("windows", `C:\J. Doe\`):                    `"C:\J. Doe\\"`,
		argFor("windows", `a\"b`):                          `"a\\\"b"`,
		argFor("windows", "Push,Admin"):                    `"Push,Admin"`,
		argFor("linux", "Push,Admin"):                      "Push,Admin",
		argFor("windows", ""):                              `""`,
		argFor("linux", `a\b`):                             `'a\b'`,
		unsetFor("windows", []string{"AWS_PROFILE"}):       "set AWS_PROFILE=",
		unsetFor("windows", []string{"A", "B"}):            "set A=&set B=",
		unsetFor("darwin", []string{"A", "B"}):             "unset A B",
		setFor("windows", "DOCKER_CONFIG", `C:\a b`):       `set DOCKER_CONFIG=C:\a b`,
		setFor("linux", "DOCKER_CONFIG", "/a b"):           "export DOCKER_CONFIG='/a b'",
		setHomeFor("windows", "DOCKER_CONFIG", "/.docker"): `set DOCKER_CONFIG=%USERPROFILE%\.docker`,
		setHomeFor("linux", "DOCKER_CONFIG", "/.docker"):   `export DOCKER_CONFIG="$HOME"/.docker`,
		removeFor("windows", `C:\a b\x.yaml`):              `del "C:\a b\x.yaml"`,
		removeFor("linux", "/a b"):                         "rm '/a b'",
		exportFor("windows", "my dev"):                     `for /f "delims=" %i in ('aws configure export-credentials --format windows-cmd --profile "my dev"') do @%i`,
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// Windows messages end with a period.
func TestWindowsMessageIsOneSentence(t *testing.T) {
	denied := errors.New("config: Access is denied.")
	for got, want := range map[string]string{
		With(denied, "x y").Error(): "config: Access is denied; run: x y",
		Line(With(denied, "x y")):   "config: Access is denied; run: x y",
		Line(denied):                "config: Access is denied",
		withoutDot("a..."):          "a...",
		withoutDot("."):             "",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestListsAndNumbers(t *testing.T) {
	for got, want := range map[string]string{
		Quoted(nil):                 "",
		Quoted([]string{"a", `b"`}): `"a", "b\""`,
		Quoted(make([]string, 7)):   `"", "", "", "", "" and 2 more`,
		Count(0, "profile"):         "0 profiles",
		Count(1, "registry"):        "1 registry",
		Count(2, "registry"):        "2 registries",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestWithoutPath(t *testing.T) {
	cause := errors.New("cause")
	for _, err := range []error{
		cause, &fs.PathError{Op: "open", Path: "/tmp/x", Err: cause}, &os.LinkError{Op: "rename", Old: "/tmp/x", New: "/y", Err: cause},
		fmt.Errorf("/tmp/x: %w", &fs.PathError{Op: "open", Path: "/tmp/x", Err: cause}),
	} {
		if WithoutPath(err) != cause {
			t.Errorf("%v: got %v", err, WithoutPath(err))
		}
	}
}

func TestPathArg(t *testing.T) {
	onPOSIX(t)
	for path, want := range map[string]string{
		"/home/me/.docker/config.json": "~/.docker/config.json",
		"/home/me/a b/c":               "'/home/me/a b/c'",
		"/home/meother/c":              "/home/meother/c",
		"/etc/x y":                     "'/etc/x y'",
		"/home/me":                     "/home/me",
	} {
		if got := PathArg(path, "/home/me"); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	if got := PathArg("/etc/x", ""); got != "/etc/x" {
		t.Errorf("without a home directory: %s", got)
	}
}

func TestEditCommand(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows opens notepad")
	}
	for _, c := range []struct {
		path, home string
		line       int
		want       string
	}{
		{"/home/me/.aws/config", "/home/me", 0, "${EDITOR:-vi} ~/.aws/config"},
		{"/home/me/.aws/config", "", 7, "${EDITOR:-vi} +7 /home/me/.aws/config"},
		{"/etc/a b", "/home/me", 1, "${EDITOR:-vi} +1 '/etc/a b'"},
	} {
		if got := EditCommand(c.path, c.home, c.line); got != c.want {
			t.Errorf("%+v: got %s", c, got)
		}
	}
}

func TestCount(t *testing.T) {
	if got := Count(2, "registry") + ", " + Count(1, "registry") + ", " + Count(0, "profile"); got != "2 registries, 1 registry, 0 profiles" {
		t.Error(got)
	}
}

func TestNear(t *testing.T) {
	names := []string{"prod", "prod-admin", "dev", "staging", "Push-123456789012"}
	for word, want := range map[string][]string{
		"prdo":              {"prod"},
		"prod":              {"prod", "prod-admin"},
		"PROD":              {"prod"},
		"stagin":            {"staging"},
		"admin":             {"prod-admin"},
		"Push-123456789021": {"Push-123456789012"},
		"typo":              nil,
		"x":                 nil,
		"":                  nil,
		"dve":               nil, // three letters allow one change, but this needs two
	} {
		if got := Near(word, names); !slices.Equal(got, want) {
			t.Errorf("Near(%q) = %q, want %q", word, got, want)
		}
	}
}

func TestTimeRelativeToNow(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for d, want := range map[time.Duration]string{
		30 * time.Second:                 "in less than a minute",
		-30 * time.Second:                "just now",
		time.Minute:                      "in 1m",
		time.Hour - time.Second:          "in 1h",
		59 * time.Minute:                 "in 59m",
		-90 * time.Minute:                "1h ago",
		12 * time.Hour:                   "in 12h",
		47 * time.Hour:                   "in 47h",
		48*time.Hour - time.Second:       "in 2 days",
		-60 * time.Hour:                  "2 days ago",
		90*24*time.Hour - 20*time.Second: "in 90 days",
		-(5*time.Hour + 10*time.Minute):  "5h ago",
	} {
		if got := In(now.Add(d), now); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}
