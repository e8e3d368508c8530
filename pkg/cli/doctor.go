package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/credhelper"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/doctor"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

// newDoctor is `doctor [HOST]`. It finds why a login fails, and the command that
// fixes it.
func newDoctor(a app) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor [HOST]",
		Short: "Check everything that a login needs, and say what mends it",
		Long: `Checks this machine's files and, for a registry, each step of a login to it,
from the SSO session to the registry's own answer, past what is cached. It
asks the network for 10 seconds at the most and changes nothing, but for an
SSO token that is due and renews itself. The output holds no secret; account
ids and start URLs are in it. The exit status is 1 when something is a
problem.`,
		Example: "  " + name + " doctor\n" +
			"  " + name + " doctor 123456789012.dkr.ecr.us-east-1.amazonaws.com\n" +
			"  " + name + " doctor --json public.ecr.aws",
		Args: atMost("HOST"),
		RunE: func(cmd *cobra.Command, args []string) error {
			host := strings.Join(args, "")
			report, err := a.doctor(credhelper.WithContext(cmd.Context())).Run(cmd.Context(), host)
			if errors.Is(err, registry.ErrNotECR) {
				return fmt.Errorf("%q is %w", host, err)
			}
			if err != nil {
				return err
			}
			text := doctorText(report, a.width())
			if asJSON {
				if text, err = indented(report); err != nil {
					return err
				}
			}
			if err := a.answer(text); err != nil {
				return err
			}
			if report.Problems > 0 {
				return exitStatus(exitFailed)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// doctor returns a doctor.Doctor for this process.
func (a app) doctor(options ...credhelper.Option) *doctor.Doctor {
	self, _ := os.Executable() // without it the doctor skips one comparison
	options = append(options, credhelper.WithEnv(a.env.List()), credhelper.WithLogger(a.log), credhelper.WithUserAgent(userAgent()))
	return &doctor.Doctor{
		Env: a.env, Helper: credhelper.New(options...), Now: time.Now,
		Self: self, Version: version(), UserAgent: userAgent(), Log: a.log,
	}
}

// atMost is for a command with one optional argument.
func atMost(arg string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		return exactly(arg)(cmd, args)
	}
}

// doctorText formats a report. The verdicts are in the first column, so a reader can
// scan them. Each command is unbroken on its own line, so a user can paste it.
func doctorText(r doctor.Report, width int) []byte {
	var b bytes.Buffer
	if r.Host != "" {
		_, _ = fmt.Fprintln(&b, r.Host+"\n")
	}
	for _, c := range r.Checks {
		head := fmt.Sprintf("%-8s %-14s", c.Verdict, c.Name)
		writeWrapped(&b, head, c.Detail, width)
		writeNext(&b, strings.Repeat(" ", len(head)), c.Next)
	}
	_, _ = fmt.Fprintf(&b, "\n%s, %s (%s %s, %s)\n", count(r.Problems, "problem"), count(r.Warnings, "warning"),
		name, r.Version, r.Platform)
	return b.Bytes()
}

func writeNext(b *bytes.Buffer, indent string, next []string) {
	for i, command := range next {
		_, _ = fmt.Fprintf(b, "%s%s %s\n", indent, []string{"run:", "or: "}[min(i, 1)], hint.Clean(command, 1000))
	}
}

// writeWrapped writes head and then text, in a column that ends at width. Lines break
// between words. It never splits a word, because a long word is a host or a path.
func writeWrapped(b *bytes.Buffer, head, text string, width int) {
	indent := strings.Repeat(" ", len(head))
	line := head
	empty := true
	for _, word := range strings.Fields(text) {
		if !empty && len([]rune(line))+1+len([]rune(word)) > width {
			b.WriteString(line + "\n")
			line, empty = indent, true
		}
		if !empty {
			line += " "
		}
		line += word
		empty = false
	}
	b.WriteString(line + "\n")
}

func count(n int, noun string) string {
	if n == 0 {
		return "no " + noun
	}
	return hint.Count(n, noun)
}

// width returns the width for text: that of the terminal, up to a readable maximum.
func (a app) width() int {
	const most, least = 100, 60
	w, _, err := term.GetSize(int(a.out.Fd()))
	if err != nil || w <= 0 {
		return most
	}
	return max(least, min(w, most))
}
