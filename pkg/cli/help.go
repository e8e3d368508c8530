package cli

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// newHelp returns the command `help [COMMAND]`. Unlike cobra's own, it fails for an unknown
// command.
func newHelp() *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND]",
		Short:   "Show the help of a command",
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

// printUsage prints a command's usage. cobra's output is wider than 80 columns.
func printUsage(c *cobra.Command) error {
	var b strings.Builder
	b.WriteString("Usage:\n")
	if c.Runnable() {
		fmt.Fprintf(&b, "  %s\n", c.UseLine())
	}
	if c.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "  %s [command]\n", c.CommandPath())
	}
	if c.HasExample() {
		fmt.Fprintf(&b, "\nExamples:\n%s\n", c.Example)
	}
	for _, group := range c.Groups() {
		fmt.Fprintf(&b, "\n%s\n", group.Title)
		for _, sub := range c.Commands() {
			if sub.GroupID == group.ID && !sub.Hidden {
				fmt.Fprintf(&b, "  %-*s %s\n", sub.NamePadding(), sub.Name(), sub.Short)
			}
		}
	}
	if c.HasAvailableLocalFlags() {
		fmt.Fprintf(&b, "\nFlags:\n%s", c.LocalFlags().FlagUsagesWrapped(helpColumns))
	}
	if c.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "\nHelp for a command: %s COMMAND --help\n", c.CommandPath())
	}
	_, err := fmt.Fprint(c.OutOrStderr(), b.String())
	return err
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
