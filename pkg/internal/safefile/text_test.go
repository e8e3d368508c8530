package safefile

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
)

// The command in the error fixes the file and preserves its mode.
func TestCommandOfTextErrorFixesFile(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no POSIX shell")
	}
	for name, c := range map[string]struct {
		data, want string
		check      func(string, []byte) error
	}{
		"UTF-16 with its mark":   {"\xff\xfea\x00b\x00\n\x00", "ab\n", CheckText},
		"big-endian":             {"\xfe\xff\x00a\x00b\x00\n", "ab\n", CheckText},
		"without a mark":         {"a\x00b\x00\n\x00", "ab\n", CheckText},
		"big-endian, no mark":    {"\x00a\x00b\x00\n", "ab\n", CheckText},
		"carriage returns alone": {"a\rb\r", "a\nb\n", CheckLines},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "my file")
			if err := os.WriteFile(path, []byte(c.data), 0o640); err != nil {
				t.Fatal(err)
			}
			next := hint.Next(c.check(path, []byte(c.data)))
			if len(next) != 1 {
				t.Fatalf("commands: %q", next)
			}
			if out, err := exec.Command("sh", "-c", next[0]).CombinedOutput(); err != nil {
				t.Fatalf("%s: %v\n%s", next[0], err, out)
			}
			data, err := os.ReadFile(path)
			info, _ := os.Stat(path)
			if string(data) != c.want || err != nil || info.Mode().Perm() != 0o640 {
				t.Errorf("got %q, %v, error %v", data, info.Mode(), err)
			}
			if err := c.check(path, data); err != nil {
				t.Error(err)
			}
		})
	}
}

// On Windows, which has no POSIX shell, PowerShell rewrites the file.
func TestCommandOfTextErrorOnWindows(t *testing.T) {
	const path = `C:\Users\J. O'Neill\.aws\config`
	const quoted = `'C:\Users\J. O''Neill\.aws\config'`
	for want, fix := range map[string]rewrite{
		"[IO.File]::ReadAllText(" + quoted + ")":                                    {expression: "[IO.File]::ReadAllText(%s)"},
		"[IO.File]::ReadAllText(" + quoted + ", [Text.Encoding]::Unicode)":          fromUTF16("UTF-16LE", "Unicode"),
		"[IO.File]::ReadAllText(" + quoted + ", [Text.Encoding]::BigEndianUnicode)": fromUTF16("UTF-16", "BigEndianUnicode"),
	} {
		want = `powershell -NoProfile -Command "[IO.File]::WriteAllText(` + quoted + ", " + want + `)"`
		if got := fix.command("windows", path); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// The command uses the byte order that CheckText detected. iconv detects it from a mark;
// .NET needs the explicit encoding.
func TestCheckTextNamesByteOrder(t *testing.T) {
	for data, want := range map[string][2]string{
		"\xff\xfea\x00b\x00": {"UTF-16 ", "Unicode"},
		"\xfe\xff\x00a\x00b": {"UTF-16 ", "BigEndianUnicode"},
		"a\x00b\x00\n\x00":   {"UTF-16LE ", "Unicode"},
		"\x00a\x00b\x00\n":   {"UTF-16BE ", "BigEndianUnicode"},
		"\x00[\x01\x61\x00]": {"UTF-16BE ", "BigEndianUnicode"}, // one character is not ASCII
	} {
		fix, ok := utf16([]byte(data))
		if !ok {
			t.Errorf("%q is not recognized", data)
			continue
		}
		if command := fix.command("windows", `C:\f`); !strings.Contains(command, "[Text.Encoding]::"+want[1]+")") {
			t.Errorf("%q: got %s", data, command)
		}
		if command := fix.command("linux", "/f"); !strings.Contains(command, "iconv -f "+want[0]) {
			t.Errorf("%q: got %s", data, command)
		}
	}
}

func TestOrdinaryTextIsAccepted(t *testing.T) {
	for _, text := range []string{"", "a", "a\n", "a\r\nb\r\n", "ü\n", "\ufeffa\n", "\r\n"} {
		if err := CheckText("f", []byte(text)); err != nil {
			t.Error(err)
		}
		if err := CheckLines("f", []byte(text)); err != nil {
			t.Error(err)
		}
	}
}
