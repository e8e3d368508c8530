package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// clientOrder is the order of the rows in docs/clients.md.
var clientOrder = []string{
	"docker", "docker-current", "compose", "docker-compose", "docker-buildx", "podman", "buildah", "skopeo",
	"crane", "oras", "helm", "regctl",
}

const (
	runsBegin = "<!-- runs: written by make generate from docker-credential-ecr-sso/e2e/testdata/clients -->\n"
	runsEnd   = "<!-- end of runs -->\n"
)

// clientsPage returns docs/clients.md with a new generated table. The table is built from
// the records that every run of `make e2e` checks.
func clientsPage(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(top, "docs", "clients.md"))
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(page), runsBegin)
	_, after, ended := strings.Cut(rest, runsEnd)
	if !ok || !ended {
		t.Fatal("docs/clients.md has no markers")
	}
	return before + runsBegin + clientRuns(t) + runsEnd + after
}

func clientRuns(t *testing.T) string {
	t.Helper()
	table := "\n| client | version | from | calls of a push | calls of a pull |\n|---|---|---|---|---|\n"
	shown := "\nA push after the session has expired shows (stderr, then stdout):\n"
	seen := 0
	for _, name := range clientOrder {
		data, err := os.ReadFile(filepath.Join(commandDir, "e2e", "testdata", "clients", name+".txt"))
		if err != nil {
			t.Fatal(err)
		}
		seen++
		head, expired, _ := strings.Cut(string(data), "\n\n")
		row := map[string]string{}
		for line := range strings.Lines(head) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
			row[key] = value
		}
		title := row["client"]
		if row["note"] != "" {
			title += " (" + row["note"] + ")"
		}
		table += fmt.Sprintf("| %s | %s | %s | %s | %s |\n", title, row["version"], row["from"], row["push"], row["pull"])
		shown += fmt.Sprintf("\n%s %s:\n\n```\n%s```\n", row["client"], row["version"], expired)
	}
	if all, _ := filepath.Glob(filepath.Join(commandDir, "e2e", "testdata", "clients", "*.txt")); len(all) != seen {
		t.Errorf("testdata/clients has clients that are not in clientOrder: %v", slices.Sorted(slices.Values(all)))
	}
	return table + shown + "\n"
}
