package cli

import (
	"errors"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
)

func testRoot() *cobra.Command {
	return newRoot(app{streams{in: os.Stdin, out: os.Stdout, err: os.Stderr}, env.Set{}, slog.New(slog.DiscardHandler)}, nil)
}

// walk visits all commands.
func walk(c *cobra.Command, visit func(*cobra.Command)) {
	visit(c)
	for _, sub := range c.Commands() {
		walk(sub, visit)
	}
}

// A command line that names a command constructs only that one.
func TestCommandIsNamedAsInList(t *testing.T) {
	all := testRoot().Commands()
	for _, want := range all {
		root := newRoot(app{streams{in: os.Stdin, out: os.Stdout, err: os.Stderr}, env.Set{}, slog.New(slog.DiscardHandler)}, []string{want.Name(), "-h"})
		got, _, err := root.Find([]string{want.Name()})
		if err != nil || got.Name() != want.Name() || got.GroupID != want.GroupID {
			t.Errorf("%s is %q in group %q, %v", want.Name(), got.Name(), got.GroupID, err)
		}
		if n := len(root.Commands()); n != 2 && want.Name() != "help" {
			t.Errorf("%s constructs %d commands, want itself and the help", want.Name(), n)
		}
	}
	for _, args := range [][]string{nil, {"help", "login"}, {"--help"}, {"logn"}, {"__complete", ""}} {
		if n := len(newRoot(app{env: env.Set{}}, args).Commands()); n != len(all) {
			t.Errorf("%q constructs %d commands, want all %d", args, n, len(all))
		}
	}
}

// The terminal breaks help lines that are too long in the middle of a word.
func TestHelpFitsTerminal(t *testing.T) {
	root := testRoot()
	walk(root, func(c *cobra.Command) {
		var out strings.Builder
		root.SetOut(&out)
		root.SetArgs(append(strings.Fields(c.CommandPath())[1:], "--help"))
		if err := root.Execute(); err != nil || !strings.Contains(out.String(), "Usage:") {
			t.Errorf("%s --help: %v, %q", c.CommandPath(), err, out.String())
		}
		for line := range strings.Lines(out.String()) {
			if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > helpColumns {
				t.Errorf("%s --help: %d columns: %s", c.CommandPath(), n, line)
			}
		}
	})
}

// On a narrower terminal, all text is wrapped. Examples and the content of files are copied in
// one piece, so they are not split.
func TestHelpIsWrapped(t *testing.T) {
	const width = 50
	walk(testRoot(), func(c *cobra.Command) {
		c.InitDefaultHelpFlag()
		full, narrow := helpText(c, helpColumns), helpText(c, width)
		commands := false
		for line := range strings.Lines(narrow) {
			line = strings.TrimSuffix(line, "\n")
			commands = line == "Examples:" || commands && strings.HasPrefix(line, " ")
			if commands || strings.HasPrefix(line, "    ") && strings.Contains(full, "\n"+line+"\n") {
				continue
			}
			if n := len([]rune(line)); n > width && len(strings.Fields(line)) > 1 {
				t.Errorf("%s --help: %d columns: %s", c.CommandPath(), n, line)
			}
		}
		if words := func(s string) string { return strings.Join(strings.Fields(s), " ") }; words(full) != words(narrow) {
			t.Errorf("%s --help has other words:\n%s", c.CommandPath(), narrow)
		}
	})
}

func TestHelpListsEveryCommand(t *testing.T) {
	var out strings.Builder
	root := testRoot()
	root.SetOut(&out)
	root.SetArgs([]string{"help"})
	if err := root.Execute(); err != nil {
		t.Fatal(err)
	}
	for _, c := range root.Commands() {
		if !strings.Contains(out.String(), "\n  "+c.Name()+" ") {
			t.Errorf("%s is not in the help:\n%s", c.Name(), out.String())
		}
	}
}

func TestCommandsHaveDocs(t *testing.T) {
	walk(testRoot(), func(c *cobra.Command) {
		if c.Short == "" || strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s: Short is %q", c.CommandPath(), c.Short)
		}
		if c.Example == "" {
			t.Errorf("%s has no Example", c.CommandPath())
		}
		for line := range strings.Lines(strings.ReplaceAll(c.Example, "\\\n", "")) {
			if words := ourWords(line); words != nil {
				parses(t, words)
			}
		}
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Usage == "" {
				t.Errorf("%s --%s has no description", c.CommandPath(), f.Name)
			}
		})
	})
}

// Every command that an error can suggest must exist. The scripts also check the commands
// in all error lines that they encounter.
func TestHintCommandsExist(t *testing.T) {
	lines := []string{
		hint.LoginCommand("corp", ""), hint.LoginCommand("", "my dev"), hint.LoginCommand("", ""),
		hint.LoginCommand("corp", "") + " --use-device-code", hint.LoginCommand("corp", "") + " --if-needed",
		hint.ConfigureCommand(""), hint.ConfigureCommand("my dev"), hint.Command("configure", "--sso-session", "corp"),
		hint.Command("configure", "--profile", "prod", "--sso-session", "corp", "--start-url", "https://x.awsapps.com/start",
			"--sso-region", "us-east-1", "--use-device-code"),
		hint.ConfigureDockerCommand(), hint.ConfigureDockerCommand(host), hint.ConfigureDockerCommand("--podman"),
		hint.ConfigureDockerCommand("--overwrite", host), hint.ConfigureDockerCommand("--podman", "--overwrite", host, "public.ecr.aws"),
		hint.ConfigureDockerCommand("--remove", host), hint.ConfigureDockerCommand("--podman", "--remove"),
		hint.MapCommand(host, "my dev"), hint.MapCommand(host, ""), hint.DoctorCommand(host), hint.DoctorCommand(""), hint.StatusCommand(),
		hint.UnsetCommand("AWS_ENDPOINT_URL_SSO"), hint.AWSLoginCommand("console"), hint.ExportCommand("mfa"),
	}
	for _, line := range lines {
		words := ourWords(line)
		if words == nil {
			// Shell and AWS CLI commands.
			others := []string{"unset AWS_ENDPOINT_URL_SSO", "aws login --profile ", `eval "$(aws configure export-credentials --format env --profile `}
			if !slices.ContainsFunc(others, func(start string) bool { return strings.HasPrefix(line, start) }) {
				t.Errorf("%q is not one of our commands", line)
			}
			continue
		}
		parses(t, words)
		root := testRoot()
		root.SetArgs(append(words, "--help"))
		var out strings.Builder
		root.SetOut(&out)
		if err := root.Execute(); err != nil || !strings.Contains(out.String(), "Usage:") {
			t.Errorf("%s --help: %v", line, err)
		}
	}
}

var quoted = regexp.MustCompile(`'[^']*'|\S+`)

// ourWords returns the arguments in a line that runs the program, or nil for other lines.
func ourWords(line string) []string {
	_, rest, ok := strings.Cut(strings.TrimSpace(line), name)
	if !ok || strings.Contains(rest, "|") || strings.HasPrefix(rest, "/") { // a directory of that name
		return nil
	}
	words := []string{}
	for _, w := range quoted.FindAllString(rest, -1) {
		words = append(words, strings.Trim(w, "')"))
	}
	return words
}

// parses checks that the command exists and accepts these flags and arguments.
func parses(t *testing.T, words []string) {
	t.Helper()
	if err := parse(words); err != nil {
		t.Errorf("%q: error %v", words, err)
	}
}

func parse(words []string) error {
	cmd, rest, err := testRoot().Find(words)
	if err != nil {
		return err
	}
	if len(words) > 0 && !cmd.HasParent() {
		return errors.New("no such command")
	}
	if err := cmd.ParseFlags(rest); err != nil {
		return err
	}
	if cmd.Args == nil {
		return nil
	}
	return cmd.Args(cmd, cmd.Flags().Args())
}

// hintParses checks the command in an error line if it runs the program.
func hintParses(line string) error {
	_, command, ok := strings.Cut(line, "; run: ")
	words := ourWords(command)
	if !ok || words == nil {
		return nil
	}
	return parse(words)
}
