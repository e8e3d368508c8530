package cli

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
)

var update = flag.Bool("update", false, "write the generated documents instead of comparing them (make generate)")

// Generated documents must match the code, so a commit that changes the code must also
// update its documents. Generated pages without a source must be removed.
func TestGeneratedDocuments(t *testing.T) {
	t.Parallel()
	pages := commandPages(t)
	pages["environment.md"] = environmentPage()
	pages["settings.md"] = settingsPage(t)
	pages["clients.md"] = clientsPage(t)
	for path, want := range pages {
		path = filepath.Join(top, "docs", filepath.FromSlash(path))
		if *update {
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(want), 0o644)); err != nil {
				t.Fatal(err)
			}
			continue
		}
		have, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, string(have)); diff != "" {
			t.Errorf("%s is not up to date, run: make generate\n%s", path, diff)
		}
	}
	for _, dir := range []string{"man", "cli", "completions"} {
		entries, err := os.ReadDir(filepath.Join(top, "docs", dir))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if _, ok := pages[dir+"/"+e.Name()]; !ok {
				t.Errorf("docs/%s/%s is no longer generated; remove it", dir, e.Name())
			}
		}
	}
}

// settingsPage returns docs/settings.md with a new table between its markers.
func settingsPage(t *testing.T) string {
	t.Helper()
	const begin, end = "<!-- generated from pkg/internal/settings by make generate -->\n", "<!-- end -->\n"
	page, err := os.ReadFile(filepath.Join(top, "docs", "settings.md"))
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(page), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatal("docs/settings.md has no markers for its table")
	}
	return before + begin + settingsTable() + end + after
}

func environmentPage() string {
	var b strings.Builder
	b.WriteString("# Environment variables\n\nThe variables that the program reads, and what each one does here. Generated from the table in `pkg/internal/env` by `make generate`.\n")
	owner := env.Owner("")
	for _, row := range env.Table() {
		if row.Owner != owner {
			owner = row.Owner
			fmt.Fprintf(&b, "\n## Variables of %s\n\n| variable | value | what it does here |\n|---|---|---|\n", owner)
		}
		value := row.Expects
		if row.Secret {
			value += " (secret, never shown)"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", row.Name, value, row.Meaning)
	}
	return b.String()
}
