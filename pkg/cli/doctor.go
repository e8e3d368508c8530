package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/doctor"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/style"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

// newDoctor returns the command `doctor [HOST]`. It finds the cause of failing logins and
// the command that fixes it.
func newDoctor(a app) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor [HOST]",
		Short: "Check everything that a login needs, and suggest fixes",
		Long: `Checks the files on this computer and, for a registry, each step of a login,
from the SSO session to the response of the registry. It does not use cached
logins. It takes up to 10 seconds and changes nothing, except that it refreshes
an expired access token. The output contains account IDs and start URLs, but no
secrets. The exit status is 1 if there is a problem.`,
		Example: "  " + name + " doctor\n" +
			"  " + name + " doctor 123456789012.dkr.ecr.us-east-1.amazonaws.com\n" +
			"  " + name + " doctor --json public.ecr.aws",
		Args: atMostOneArg("HOST"),
		RunE: func(cmd *cobra.Command, args []string) error {
			host := strings.Join(args, "")
			result, err := a.doctor(cmd.Context()).Run(cmd.Context(), host)
			if errors.Is(err, registry.ErrNotECR) {
				next := hint.DoctorCommand("")
				if _, _, ok := explainOther(a, host, asJSON); ok { // another store answers for it
					next = hint.Command("explain", host)
				}
				return hint.With(fmt.Errorf("%q is %w", host, err), next)
			}
			if err != nil {
				return err
			}
			text := doctorText(result, a.report())
			if asJSON {
				if text, err = indented(result); err != nil {
					return err
				}
			}
			if err := a.answer(text); err != nil {
				return err
			}
			if result.Problems > 0 {
				return exitStatus(exitFailed)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// doctor returns a doctor.Doctor for this process.
func (a app) doctor(ctx context.Context) *doctor.Doctor {
	self, _ := os.Executable() // without it, doctor skips one comparison
	return &doctor.Doctor{
		Env: a.env, Helper: a.helper(ctx), Now: time.Now,
		Self: self, Version: version(), UserAgent: userAgent(), Log: a.log,
	}
}

// atMostOneArg accepts one optional argument.
func atMostOneArg(arg string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		return exactArgs(arg)(cmd, args)
	}
}

// doctorText formats a report. Verdicts are in the first column, so that they are easy to
// scan.
func doctorText(d doctor.Report, r *report) []byte {
	if d.Host != "" {
		r.WriteString(d.Host + "\n\n")
	}
	for _, c := range d.Checks {
		r.row(r.verdict(c.Verdict), fmt.Sprintf(" %-13s ", c.Name), c.Detail, c.Next)
	}
	r.WriteByte('\n')
	r.line("", "%s, %s (%s %s, %s)", count(d.Problems, "problem"), count(d.Warnings, "warning"), name, d.Version, d.Platform)
	return r.Bytes()
}

// verdict returns the text of the first column, with its symbol.
func (r *report) verdict(v doctor.Verdict) string {
	word := fmt.Sprintf("%-8s", v)
	switch v {
	case doctor.OK:
		return r.style.Mark(style.OK, word)
	case doctor.Warning:
		return r.style.Mark(style.Warning, word)
	case doctor.Problem:
		return r.style.Mark(style.Problem, word)
	case doctor.Skipped:
	}
	if r.style.Plain() {
		return word
	}
	return "  " + r.style.Faint(word) // not preceded by a symbol
}
