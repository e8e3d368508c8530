//go:build e2e && linux

package e2e

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "keep what the clients show instead of comparing it (make e2e-update)")

// record contains one client's results. Each record is a file in testdata/clients. From
// these files, `make generate` creates the table and the transcripts in docs/clients.md.
type record struct {
	client
	push, pull []string // verbs
	note       string
	expired    string
}

func (r record) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "client: %s\nversion: %s\nfrom: %s\npush: %s\npull: %s\n", r.name, r.version, r.from, verbs(r.push), verbs(r.pull))
	if r.note != "" {
		fmt.Fprintf(&b, "note: %s\n", r.note)
	}
	return b.String() + "\n" + r.expired
}

// verbs summarizes the helper calls, for example as "get, store" or "3 get".
func verbs(all []string) string {
	var parts []string
	for len(all) > 0 {
		n := slices.IndexFunc(all, func(v string) bool { return v != all[0] })
		if n < 0 {
			n = len(all)
		}
		part := all[0]
		if n > 1 {
			part = fmt.Sprintf("%d %s", n, all[0])
		}
		parts, all = append(parts, part), all[n:]
	}
	return strings.Join(parts, ", ")
}

// keep compares the record with the committed file. With -update, it replaces the file.
func (r record) keep(t *testing.T) {
	t.Helper()
	path := filepath.Join("testdata", "clients", strings.ReplaceAll(r.name, " ", "-")+".txt")
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(r.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	kept, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(kept), r.String()); diff != "" {
		t.Errorf("%s differs from docs/clients.md; if the new output is right: make e2e-update generate\n%s", r.name, diff)
	}
}
