package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/env"
)

var update = flag.Bool("update", false, "write the generated documents instead of comparing them (make generate)")

// The generated documents are what the code says; a commit that changes one
// changes the other.
func TestGeneratedDocuments(t *testing.T) {
	for path, want := range map[string]string{
		"environment.md": environmentPage(),
	} {
		path = filepath.Join("..", "docs", path)
		if *update {
			if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
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
}

func environmentPage() string {
	var b strings.Builder
	b.WriteString("# Environment variables\n\nGenerated from the table in `pkg/env` by `make generate`.\n")
	owner := env.Owner("")
	for _, row := range env.Table() {
		if row.Owner != owner {
			owner = row.Owner
			fmt.Fprintf(&b, "\n## Of %s\n\n| variable | value | what it does here |\n|---|---|---|\n", owner)
		}
		value := row.Expects
		if row.Secret {
			value += " (secret, never shown)"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", row.Name, value, row.Meaning)
	}
	return b.String()
}
