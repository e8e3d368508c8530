package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/docker/docker-credential-helpers/credentials"
	"github.com/spf13/cobra"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
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
	root := newRoot(app{s, e, log})
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
	s.printError(err)
	if _, ok := errors.AsType[usageError](err); ok {
		return exitUsage
	}
	return exitFailed
}

// exitStatus is the result of a command that has already printed its messages.
type exitStatus int

func (s exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// usageError is the error for an invalid command line.
type usageError struct{ error }

// newRoot builds the command tree.
func newRoot(a app) *cobra.Command {
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
	root.SetUsageFunc(printUsage)
	addCommands(root, a)
	return root
}

// addCommands adds all commands in the order of the help.
func addCommands(root *cobra.Command, a app) {
	add := func(group string, commands ...*cobra.Command) {
		for _, c := range commands {
			c.GroupID = group
			c.DisableFlagsInUseLine = true
			root.AddCommand(c)
		}
	}
	const own, docker = "own", "docker"
	root.AddGroup(
		&cobra.Group{ID: own, Title: "Commands:"},
		&cobra.Group{ID: docker, Title: "Commands for Docker (the credential helper protocol on stdin and stdout):"},
	)
	add(own,
		newConfigure(a), newConfigureDocker(a), newLogin(a), newLogout(a), newStatus(a),
		newExplain(a), newMap(a), newDoctor(a), newConfigureKubelet(a), newKubelet(a),
		newCompletion(a))
	for _, verb := range verbs {
		add(docker, newVerb(a, verb.name, verb.short, verb.example))
	}
	add(docker, newVersion(a))
	help := newHelp()
	root.SetHelpCommand(help)
	add(own, help)
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
	{credentials.ActionGet, "Print the login of the registry named on stdin", "echo public.ecr.aws | " + name + " get"},
	{credentials.ActionStore, "Save the login given on stdin until it expires", "docker login --username AWS --password-stdin public.ecr.aws"},
	{credentials.ActionErase, "Erase the logins of the registry named on stdin", "echo public.ecr.aws | " + name + " erase"},
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
