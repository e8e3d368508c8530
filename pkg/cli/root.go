package cli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/docker/docker-credential-helpers/credentials"
	"github.com/spf13/cobra"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/style"
)

const name = hint.Program

// app contains what all commands need.
type app struct {
	streams
	env env.Set
	log *slog.Logger
}

// command runs a cobra command and returns the exit status.
func command(ctx context.Context, args []string, s streams, e env.Set) int {
	log, closeLog := openLog(e, s)
	defer closeLog()
	root := newRoot(app{s, e, log}, args)
	root.SetArgs(args)
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	if cmd, _, err := root.Find(args); err == nil {
		log = log.With("command", cmd.Name())
	}
	log.Debug("start")
	err := root.ExecuteContext(ctx)
	if err == nil {
		log.Debug("end")
		return exitOK
	}
	log.Debug("end", "error", awsclient.Quiet(err))
	if status, ok := errors.AsType[exitStatus](err); ok {
		return int(status)
	}
	s.printError(byOwner(err, args))
	if _, ok := errors.AsType[usageError](err); ok {
		return exitUsage
	}
	return exitFailed
}

// byOwner attaches the same command as the owner's, if root was given another user's home
// directory (sudo may keep HOME) and therefore refused to write there.
func byOwner(err error, args []string) error {
	e, ok := errors.AsType[*safefile.NotTrustedError](err)
	if !ok || !e.Owner || os.Geteuid() != 0 {
		return err
	}
	if _, next := safefile.Repair(filepath.Join(e.Path, "file"), hint.Command(args...)); next != "" {
		return hint.With(err, next)
	}
	return err
}

// exitStatus is the result of a command that has already printed its messages.
type exitStatus int

func (s exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// usageError is the error for an invalid command line.
type usageError struct{ error }

// newRoot builds the command tree for args.
func newRoot(a app, args []string) *cobra.Command {
	var showVersion bool
	root := &cobra.Command{
		Use:   name,
		Short: "Docker credential helper for Amazon ECR with AWS IAM Identity Center (SSO)",
		Long: `Docker credential helper for Amazon ECR with AWS IAM Identity Center (SSO).

Docker calls it for each registry that ~/.docker/config.json names:

    {"credHelpers": {"123456789012.dkr.ecr.us-east-1.amazonaws.com": "ecr-sso"}}`,
		Example:       "  " + name + " explain 123456789012.dkr.ecr.us-east-1.amazonaws.com",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if showVersion {
				return a.answer([]byte(versionLine()))
			}
			if len(args) == 0 {
				// Like other credential helpers, print the usage on stdout and return a
				// nonzero exit status.
				if err := a.answer([]byte(cmd.UsageString())); err != nil {
					return err
				}
				return exitStatus(exitFailed)
			}
			return usage(cmd, unknown(cmd, args[0]))
		},
	}
	// Do not use cobra's --version: it needs a template, and templates make the linker keep
	// all methods of the AWS SDK.
	root.Flags().BoolVarP(&showVersion, "version", "v", false, "print the version")
	root.SetFlagErrorFunc(usage)
	root.SetUsageFunc(func(c *cobra.Command) error {
		_, err := io.WriteString(c.OutOrStderr(), usageText(c, a.helpWidth()))
		return err
	})
	root.SetHelpFunc(func(c *cobra.Command, _ []string) {
		_, _ = io.WriteString(c.OutOrStdout(), helpText(c, a.helpWidth()))
	})
	addCommands(root, a, args)
	return root
}

// addCommands adds the command that args name, or otherwise all of them in the order of the
// help. Only the help and the completion need the other commands.
func addCommands(root *cobra.Command, a app, args []string) {
	const own, docker = "own", "docker"
	root.AddGroup(
		&cobra.Group{ID: own, Title: "Commands:"},
		&cobra.Group{ID: docker, Title: "Commands for Docker (the credential helper protocol on stdin and stdout):"},
	)
	type command struct {
		name, group string
		construct   func(app) *cobra.Command
	}
	commands := []command{
		{"configure", own, newConfigure}, {"configure-docker", own, newConfigureDocker},
		{"login", own, newLogin}, {"logout", own, newLogout}, {"status", own, newStatus},
		{"explain", own, newExplain}, {"map", own, newMap}, {"doctor", own, newDoctor},
		{"configure-kubelet", own, newConfigureKubelet}, {kubeletCommand, own, newKubelet},
		{"completion", own, newCompletion},
	}
	for _, v := range verbs {
		commands = append(commands, command{v.name, docker, func(a app) *cobra.Command { return newVerb(a, v.name, v.short, v.example) }})
	}
	commands = append(commands, command{credentials.ActionVersion, docker, newVersion})
	if i := slices.IndexFunc(commands, func(c command) bool { return len(args) > 0 && c.name == args[0] }); i >= 0 {
		commands = commands[i : i+1]
	}
	for _, c := range commands {
		cmd := c.construct(a)
		cmd.GroupID = c.group
		cmd.DisableFlagsInUseLine = true
		root.AddCommand(cmd)
	}
	help := newHelp()
	help.GroupID = own
	help.DisableFlagsInUseLine = true
	root.SetHelpCommand(help)
	root.AddCommand(help)
	root.CompletionOptions.DisableDefaultCmd = true // ours is in the list
}

// usage returns the error for an invalid command line. Its next command shows the help for
// cmd.
func usage(cmd *cobra.Command, err error) error {
	return hint.With(usageError{err}, cmd.CommandPath()+" --help")
}

// unknown returns the error for an unknown command, with similar commands as suggestions.
func unknown(root *cobra.Command, word string) error {
	root.SuggestionsMinimumDistance = 2
	if like := root.SuggestionsFor(word); len(like) > 0 {
		return fmt.Errorf("unknown command %q (%s?)", word, strings.Join(like, ", "))
	}
	return fmt.Errorf("unknown command %q", word)
}

// exactArgs is cobra.ExactArgs with our error messages.
func exactArgs(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names):
			return usage(cmd, fmt.Errorf("%s is missing", names[len(args)]))
		case len(args) > len(names):
			return usage(cmd, fmt.Errorf("unexpected argument %q", args[len(names)]))
		}
		return nil
	}
}

var verbs = [...]struct{ name, short, example string }{
	{credentials.ActionGet, "Print the login for the registry named on stdin", "echo public.ecr.aws | " + name + " get"},
	{credentials.ActionStore, "Save the login given on stdin until it expires", "docker login --username AWS --password-stdin public.ecr.aws"},
	{credentials.ActionErase, "Erase the logins for the registry named on stdin", "echo public.ecr.aws | " + name + " erase"},
	{credentials.ActionList, "Print the registries for which get returns a login", name + " list"},
}

// newVerb returns a command for a protocol verb, so that the verb has a help page. It runs
// only if the verb has flags or arguments; run handles a verb alone.
func newVerb(a app, verb, short, example string) *cobra.Command {
	return &cobra.Command{
		Use: verb, Short: short, Example: "  " + example, Args: exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if code := serve(cmd.Context(), verb, a.streams, a.env); code != exitOK {
				return exitStatus(code)
			}
			return nil
		},
	}
}

// newHelp returns the command `help [COMMAND]`. Unlike cobra's own, it fails for an unknown
// command.
func newHelp() *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND]",
		Short:   "Show the help for a command",
		Example: "  " + name + " help configure",
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) (words []string, _ cobra.ShellCompDirective) {
			for _, c := range cmd.Root().Commands() {
				if len(args) == 0 && c.IsAvailableCommand() {
					words = append(words, cobra.CompletionWithDesc(c.Name(), c.Short))
				}
			}
			return words, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			found, rest, err := cmd.Root().Find(args)
			if len(rest) > 0 {
				err = unknown(found, rest[0])
			}
			if err != nil {
				return usage(cmd.Root(), err)
			}
			found.InitDefaultHelpFlag()
			return found.Help()
		},
	}
}

// helpColumns is the maximum width of help texts. TestHelpFitsTerminal checks it.
const helpColumns = 80

// helpWidth returns the width of help texts on stdout.
func (a app) helpWidth() int {
	if width := style.Width(a.streams.out); width > 0 {
		return min(width, helpColumns)
	}
	return helpColumns
}

// helpText returns a command's description and usage. It wraps paragraphs to the width, but
// not indented lines: they are commands or the content of files.
func helpText(c *cobra.Command, width int) string {
	var b strings.Builder
	for paragraph := range strings.SplitSeq(cmp.Or(c.Long, c.Short), "\n\n") {
		if width < helpColumns && !strings.HasPrefix(paragraph, " ") {
			paragraph = strings.Join(style.Wrap(paragraph, width), "\n")
		}
		b.WriteString(paragraph + "\n\n")
	}
	return b.String() + usageText(c, width)
}

// usageIndent is the indentation of the second line of a long usage line.
const usageIndent = 6

// usageText returns a command's usage. cobra's text is wider than 80 columns.
func usageText(c *cobra.Command, width int) string {
	var b strings.Builder
	b.WriteString("Usage:\n")
	if c.Runnable() {
		line := c.UseLine()
		if len("  "+line) > width {
			line = strings.Join(style.Wrap(line, width-usageIndent), "\n"+strings.Repeat(" ", usageIndent))
		}
		fmt.Fprintf(&b, "  %s\n", line)
	}
	if c.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "  %s [command]\n", c.CommandPath())
	}
	if c.HasExample() {
		fmt.Fprintf(&b, "\nExamples:\n%s\n", c.Example)
	}
	for _, group := range c.Groups() {
		fmt.Fprintf(&b, "\n%s\n", strings.Join(style.Wrap(group.Title, width), "\n"))
		for _, sub := range c.Commands() {
			if sub.GroupID == group.ID && !sub.Hidden {
				column := 2 + sub.NamePadding() + 1
				short := strings.Join(style.Wrap(sub.Short, max(width-column, leastColumns-column)), "\n"+strings.Repeat(" ", column))
				fmt.Fprintf(&b, "  %-*s %s\n", sub.NamePadding(), sub.Name(), short)
			}
		}
	}
	if c.HasAvailableLocalFlags() {
		fmt.Fprintf(&b, "\nFlags:\n%s", c.LocalFlags().FlagUsagesWrapped(width))
	}
	if c.HasAvailableSubCommands() {
		line := fmt.Sprintf("Help for a command: %s COMMAND --help", c.CommandPath())
		if len(line) > width {
			line = strings.Replace(line, ": ", ":\n  ", 1) // the command is copied in one piece
		}
		fmt.Fprintf(&b, "\n%s\n", line)
	}
	return b.String()
}

// newCompletion returns the command `completion SHELL`. cobra's own has a subcommand for
// each shell, and its help is wider than 80 columns.
func newCompletion(a app) *cobra.Command {
	shells := []string{"bash", "zsh", "fish", "powershell"}
	return &cobra.Command{
		Use:   "completion {bash | zsh | fish | powershell}",
		Short: "Print the completion script for a shell",
		Long: `Prints the completion script for a shell. The example loads it in bash. To load
it in all new shells, save the script in a directory that the shell searches:

    bash  ~/.local/share/bash-completion/completions/` + name + `
    zsh   _` + name + ` in a directory of $fpath
    fish  ~/.config/fish/completions/` + name + `.fish

For PowerShell, add it to the file in $PROFILE.`,
		Example:   "  source <(" + name + " completion bash)",
		ValidArgs: shells,
		Args:      exactArgs("SHELL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			script, err := completionScript(cmd.Root(), args[0])
			if err != nil {
				return usage(cmd, err)
			}
			return a.answer(script)
		},
	}
}

func completionScript(root *cobra.Command, shell string) ([]byte, error) {
	var b bytes.Buffer
	var err error
	switch shell {
	case "bash":
		err = root.GenBashCompletionV2(&b, true)
	case "zsh":
		err = root.GenZshCompletion(&b)
	case "fish":
		err = root.GenFishCompletion(&b, true)
	case "powershell":
		err = root.GenPowerShellCompletionWithDesc(&b)
	default:
		err = fmt.Errorf("unknown shell %q (bash, zsh, fish or powershell)", shell)
	}
	return b.Bytes(), err
}
