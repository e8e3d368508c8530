//go:build linux

// Command faultlab runs helpers through a table of faults and checks five invariants for
// each fault: no secrets leak (I1), no valid state is lost (I2), time and memory are
// bounded (I3), the protocol is followed (I4), and errors contain their cause and the next
// command (I5).
//
// It runs the built binary like a Docker client. Each fault has its own home directory and
// fake AWS. Each file covers a family of faults; fault.go defines a fault, and judge.go the
// checks. The same table can be run on other helpers (-peer). It requires Linux, because it
// uses namespaces, limits and signals.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime"

	"github.com/ecr-sso/docker-credential-ecr-sso/lab"
)

func main() {
	code, err := run(os.Args[1:], os.Stdout, os.Stderr)
	if err != nil {
		fmt.Fprintln(os.Stderr, "faultlab:", err)
		code = 2
	}
	os.Exit(code)
}

type options struct {
	helper, peer, awsCLI, json, page string
	only                             string
	quick, list                      bool
	workers                          int
}

func run(args []string, out, progress io.Writer) (code int, err error) {
	var o options
	flags := flag.NewFlagSet("faultlab", flag.ContinueOnError)
	flags.StringVar(&o.helper, "helper", "", "our helper's `PATH`; without it, it is built")
	flags.StringVar(&o.peer, "peer", "", "`PATH` of another helper to run the same faults on: docker-credential-ecr-login")
	flags.StringVar(&o.awsCLI, "aws-cli", "", "`PATH` of the AWS CLI: run the faults that apply to it on `aws ecr get-login-password`; not with -quick")
	flags.StringVar(&o.only, "run", "", "only the faults whose id or family matches the `REGEXP`")
	flags.BoolVar(&o.quick, "quick", false, "only the faults for CI, a minute or two")
	flags.StringVar(&o.json, "json", "", "write the results to `FILE`")
	flags.StringVar(&o.page, "write", "", "replace the table of totals in the documentation `PAGE`")
	flags.BoolVar(&o.list, "list", false, "list the faults and run none")
	flags.IntVar(&o.workers, "j", 2, "how many faults run at once (eight times as many of those that mostly wait)")
	if err := flags.Parse(args); err != nil {
		return 2, nil
	}
	faults, err := selectFaults(o)
	if err != nil {
		return 2, err
	}
	if o.list {
		return 0, list(out, faults)
	}
	dir, err := os.MkdirTemp("", "faultlab-")
	if err != nil {
		return 2, err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o711); err != nil { // allows runs as a different user
		return 2, err
	}
	if o.helper == "" {
		if o.helper, err = lab.Build(dir); err != nil {
			return 2, err
		}
	}
	bench, err := lab.NewBench(dir)
	if err != nil {
		return 2, err
	}
	helpers, err := subjects(o, dir)
	if err != nil {
		return 2, err
	}
	// The trap tool is built now to avoid a delay in the first fault that needs it.
	if runtime.GOARCH == "amd64" {
		if _, err := bench.Tool(".ci/lab/cmd/trap"); err != nil {
			return 2, err
		}
	}
	return measure(o, helpers, faults, bench, dir, out, progress)
}

// subjects returns the helpers to test, ours first.
func subjects(o options, dir string) ([]helper, error) {
	helpers := []helper{ours(absolute(o.helper))}
	if o.peer != "" {
		helpers = append(helpers, peer(absolute(o.peer)))
	}
	if o.awsCLI == "" {
		return helpers, nil
	}
	if o.quick {
		return nil, errors.New("-aws-cli takes minutes: not with -quick")
	}
	cli, err := awsCLI(o.awsCLI, dir)
	return append(helpers, cli), err
}

func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// measure runs the table on each helper. The exit status depends only on our helper.
func measure(o options, helpers []helper, faults []fault, bench *lab.Bench, dir string, out, progress io.Writer) (int, error) {
	var all []report
	for _, h := range helpers {
		rows, err := runAll(faults, h, bench, dir, o.workers, progress)
		if err != nil {
			return 2, err
		}
		all = append(all, reportOf(h, rows))
		if err := printTable(out, h, rows); err != nil {
			return 2, err
		}
	}
	if o.json != "" {
		if err := writeJSON(o.json, all); err != nil {
			return 2, err
		}
	}
	if o.page != "" {
		if err := writePage(o.page, all); err != nil {
			return 2, err
		}
	}
	if all[0].Passed < all[0].Run {
		return 1, nil
	}
	return 0, nil
}

func selectFaults(o options) ([]fault, error) {
	pattern, err := regexp.Compile(o.only)
	if err != nil {
		return nil, err
	}
	var some []fault
	for _, f := range table() {
		if (pattern.MatchString(f.id) || pattern.MatchString(f.family)) && (f.quick || !o.quick) {
			some = append(some, f)
		}
	}
	if len(some) == 0 {
		return nil, fmt.Errorf("no fault matches %q", o.only)
	}
	return some, nil
}

func list(out io.Writer, faults []fault) error {
	for _, f := range faults {
		if _, err := fmt.Fprintf(out, "%-11s %-28s %s\n", f.family, f.id, f.what); err != nil {
			return err
		}
	}
	return nil
}
