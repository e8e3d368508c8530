// Command mutate measures the number of faults that a package's tests find. It changes
// one operator, condition, statement or returned error at a time and runs the package's
// tests. A change that no test notices is a survivor.
//
// All changes are compiled into one test binary. A number in the environment enables one
// change, so a change needs a run but no build. The command works in a copy of the tree.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/ecr-sso/docker-credential-ecr-sso/lab"
)

func main() {
	asJSON := flag.Bool("json", false, "print JSON")
	page := flag.String("write", "", "write the table into this `page`, between its mutation markers")
	least := flag.Float64("least", 0, "fail if less than this `percentage` of the changes is noticed")
	verbose := flag.Bool("v", false, "list the survivors")
	workers := flag.Int("workers", 2, "`number` of test runs at once")
	top := flag.String("top", filepath.Join("..", ".."), "`directory` of the checkout; packages and the page are relative to it")
	flag.Parse()
	if err := os.Chdir(*top); err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(1)
	}
	var all []*result
	ok := true
	for _, pkg := range flag.Args() {
		r, err := mutate(filepath.Clean(pkg), *workers)
		if err != nil {
			fmt.Fprintln(os.Stderr, "mutate:", err)
			os.Exit(1)
		}
		all = append(all, r)
		ok = ok && r.percent() >= *least
		if *verbose {
			for _, m := range r.Survivors {
				fmt.Fprintln(os.Stderr, m)
			}
		}
	}
	text := table(all)
	if *asJSON {
		enc := json.NewEncoder(os.Stdout)
		enc.SetIndent("", " ")
		_ = enc.Encode(all)
	} else {
		fmt.Print(text)
	}
	if *page != "" {
		if err := lab.WritePart(*page, "mutation", text); err != nil {
			fmt.Fprintln(os.Stderr, "mutate:", err)
			os.Exit(1)
		}
	}
	if !ok {
		fmt.Fprintf(os.Stderr, "mutate: less than %v%% of the changes are noticed\n", *least)
		os.Exit(1)
	}
}

func table(all []*result) string {
	var b strings.Builder
	b.WriteString("| package | changes | noticed | survived | noticed, % |\n|---|---|---|---|---|\n")
	for _, r := range all {
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %.0f |\n", r.Package, r.Mutants, r.Killed, len(r.Survivors), r.percent())
	}
	return b.String()
}
