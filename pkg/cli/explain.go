package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"

	"github.com/spf13/cobra"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/credhelper"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

// newExplain returns the command `explain HOST`. It shows which credentials a get would
// use, and why.
func newExplain(a app) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "explain HOST",
		Short: "Show which credentials a registry uses, and why",
		Long: `Shows the steps that select the credentials for a registry. It does not call
AWS, except the credential endpoint of a container or instance if that provides
the credentials. The exit status is 1 if a login would fail.`,
		Example: "  " + name + " explain 123456789012.dkr.ecr.us-east-1.amazonaws.com\n" +
			"  " + name + " explain --json public.ecr.aws",
		Args: exactArgs("HOST"),
		RunE: func(cmd *cobra.Command, args []string) error {
			x, err := a.helper(cmd.Context()).Explain(args[0])
			if errors.Is(err, registry.ErrNotECR) {
				if text, failed, ok := explainOther(a, args[0], asJSON); ok {
					return answerExplained(a, text, failed)
				}
				return hint.With(fmt.Errorf("%q is %w", args[0], err), hint.StatusCommand())
			}
			if err != nil {
				return err
			}
			text := explainText(x, a.lines())
			if asJSON {
				if text, err = indented(x); err != nil {
					return err
				}
			}
			return answerExplained(a, text, x.Problem != "")
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func answerExplained(a app, text []byte, failed bool) error {
	if err := a.answer(text); err != nil {
		return err
	}
	if failed {
		return exitStatus(exitFailed)
	}
	return nil
}

func indented(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(v)
	return visible(b.Bytes()), err
}

// visible escapes characters that a terminal interprets or hides but encoding/json does not
// escape: DEL, C1 controls, and format characters such as direction overrides. The JSON
// value does not change.
func visible(text []byte) []byte {
	var b bytes.Buffer
	for _, r := range string(text) {
		switch {
		case r < 0x7F || !unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp):
			b.WriteRune(r)
		case r > 0xFFFF:
			high, low := utf16.EncodeRune(r)
			_, _ = fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			_, _ = fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.Bytes()
}

// explainText formats an explanation for the terminal.
func explainText(x credhelper.Explanation, r *report) []byte {
	var rows [][2]string
	line := func(label, format string, args ...any) {
		rows = append(rows, [2]string{label, fmt.Sprintf(format, args...)})
	}
	if x.Registry.Alias != "" {
		line("alias", "%s", x.Registry.Alias)
	}
	line("registry", "%s", x.Registry.Host)
	if x.Registry.API != "" { // empty if an endpoint override is rejected
		line("API endpoint", "%s", x.Registry.API)
	}
	if x.StoredUntil != nil {
		line("docker login", "saved until %s, used before all others", clock(*x.StoredUntil))
	}
	for _, why := range x.Skipped {
		line("skipped", "%s", why)
	}
	for i, s := range x.Steps {
		line(fmt.Sprintf("%d. %s", i+1, s.Name), "%s: %s", s.Verdict, s.Detail)
	}
	if x.Identity != nil {
		line("identity", "%s", identity(*x.Identity))
		if s := x.Identity.Session; s != nil {
			line("session", "%s", session(*s))
		}
	}
	if x.CachedUntil != nil {
		line("ECR login", "cached until %s", clock(*x.CachedUntil))
	}
	if x.Problem != "" {
		line("problem", "%s", x.Problem)
		for i, next := range x.Next {
			line([]string{"run", "or"}[min(i, 1)], "%s", next)
		}
	}
	width := 0
	for _, row := range rows {
		width = max(width, len(row[0]))
	}
	for _, row := range rows {
		head := fmt.Sprintf("%-*s  ", width, row[0])
		r.wrap(head, len(head), row[1])
	}
	return r.Bytes()
}

func identity(id credhelper.Identity) string {
	var parts []string
	if id.Profile != "" {
		parts = append(parts, fmt.Sprintf("profile %q", id.Profile))
	}
	if id.Role != "" {
		parts = append(parts, fmt.Sprintf("role %q in account %s", id.Role, id.Account))
	}
	if len(parts) == 0 {
		return "credentials of the " + id.Source
	}
	return strings.Join(append(parts, "by "+id.Source), ", ")
}

func session(s credhelper.Session) string {
	name := s.StartURL
	if s.Name != "" {
		name = fmt.Sprintf("%q at %s", s.Name, s.StartURL)
	}
	text := fmt.Sprintf("%s (%s): %s", name, s.Region, s.State)
	if s.ExpiresAt != nil {
		text += ", access token until " + clock(*s.ExpiresAt)
	}
	if s.Refreshable {
		text += ", renewed automatically"
	}
	return text
}

// clock formats a time for the terminal: local time with minutes.
func clock(t time.Time) string { return t.Local().Format("2006-01-02 15:04 MST") }
