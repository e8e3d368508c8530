package cli

import (
	"bytes"
	"fmt"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/settings"
)

// This file generates a man page and a web page for each command, and a completion script
// for each shell. A test does this so that the released program does not link cobra/doc.

// commandPages returns the text of each page by its path below docs.
func commandPages(t *testing.T) map[string]string {
	t.Helper()
	pages := map[string]string{}
	root := testRoot()
	walk(root, func(c *cobra.Command) {
		c.DisableAutoGenTag = true
	})
	walk(root, func(c *cobra.Command) {
		var man, web bytes.Buffer
		header := &doc.GenManHeader{Section: "1", Source: name, Manual: "User Commands", Date: &time.Time{}}
		if err := doc.GenMan(c, header, &man); err != nil {
			t.Fatal(err)
		}
		if err := doc.GenMarkdown(c, &web); err != nil {
			t.Fatal(err)
		}
		file := strings.ReplaceAll(c.CommandPath(), " ", "-")
		pages[path.Join("man", file+".1")] = manPage(c, man.String())
		pages[path.Join("cli", strings.ReplaceAll(c.CommandPath(), " ", "_")+".md")] =
			strings.TrimRight(web.String(), "\n") + "\n"
	})
	for file, shell := range map[string]string{
		name + ".bash": "bash", "_" + name: "zsh", name + ".fish": "fish", name + ".ps1": "powershell",
	} {
		script, err := completionScript(root, shell)
		if err != nil {
			t.Fatal(err)
		}
		pages[path.Join("completions", file)] = string(script)
	}
	return pages
}

// manPage removes the date, which would change even if the page did not. It also adds the
// sections that apply to all commands to the program's page.
func manPage(c *cobra.Command, page string) string {
	page = strings.Replace(page, `"Jan 0001"`, `""`, 1)
	if c.HasParent() {
		return page
	}
	before, after, _ := strings.Cut(page, ".SH SEE ALSO")
	return before + manEnvironment() + manFiles() + ".SH SEE ALSO" + after
}

func manEnvironment() string {
	var b strings.Builder
	b.WriteString(".SH ENVIRONMENT\n")
	for _, row := range env.Table() {
		if row.Owner == env.Ours {
			fmt.Fprintf(&b, ".TP\n\\fB%s\\fP\n%s: %s\n", row.Name, roff(row.Expects), roff(row.Meaning))
		}
	}
	b.WriteString(".PP\nThe variables of the AWS SDKs and CLI, of Docker and of the system count as they do there; docs/environment.md lists each.\n")
	return b.String()
}

func manFiles() string {
	var b strings.Builder
	fmt.Fprintf(&b, ".SH FILES\n.TP\n\\fI~/.config/%s/config.toml\\fP\nSettings, all optional:\n.RS\n", name)
	for _, key := range settings.Keys() {
		fmt.Fprintf(&b, ".TP\n\\fB%s\\fP\n", roff(key.Name))
		if len(key.Values) > 0 {
			fmt.Fprintf(&b, "\"%s\" (the first is the default); ", strings.Join(key.Values, `", "`))
		} else {
			b.WriteString(roff(key.Expects) + "; ")
		}
		b.WriteString(roff(key.Meaning) + "\n")
	}
	fmt.Fprintf(&b, ".RE\n.TP\n\\fI~/.cache/%s/\\fP\nECR logins and locks; can be removed at any time.\n", name)
	b.WriteString(".TP\n\\fI~/.aws/config\\fP, \\fI~/.aws/sso/cache/\\fP, \\fI~/.aws/cli/cache/\\fP\nThe AWS CLI's own files: profiles and sessions, SSO tokens, role credentials.\n")
	b.WriteString(".TP\n\\fI~/.docker/config.json\\fP\nDocker's; the helper is named in credHelpers.\n")
	return b.String()
}

// roff escapes text for a man page, in which backslashes, leading dots and hyphens have
// special meanings.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "`", "", "-", `\-`).Replace(text)
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		text = `\&` + text
	}
	return text
}

// settingsTable returns the part of docs/settings.md that is generated from the parser's
// table.
func settingsTable() string {
	var b strings.Builder
	b.WriteString("| key | values, the default first | what it does |\n|---|---|---|\n")
	for _, key := range settings.Keys() {
		values := key.Expects
		if len(key.Values) > 0 {
			values = "`\"" + strings.Join(key.Values, "\"`, `\"") + "\"`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", key.Name, values, key.Meaning)
	}
	return b.String()
}
