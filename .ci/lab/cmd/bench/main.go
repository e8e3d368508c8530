//go:build unix

// Command bench compares our helper with amazon-ecr-credential-helper and an empty Go
// program. They call a fake AWS with latency, and bench compares the results with the
// limits in docs/performance.md. It builds all three programs in a temporary directory.
// Only module downloads use the network. The method is described in docs/performance.md.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
)

type options struct {
	only         string
	quick        bool
	runs         int
	ours, theirs string // binaries to measure instead of building them
	installed    bool
	json, from   string
	write        []string
}

func main() {
	if err := run(os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func parse(args []string, stderr io.Writer) (o options, err error) {
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&o.only, "only", "", "measure only these `limits`: W1,C1")
	f.BoolVar(&o.quick, "quick", false, "a tenth of the runs, not for publication")
	f.IntVar(&o.runs, "runs", 0, "the `number` of pairs of every measurement")
	f.StringVar(&o.ours, "helper", "", "measure this `binary` instead of building ours")
	f.StringVar(&o.theirs, "peer", "", "use this `binary` instead of building the peer")
	f.BoolVar(&o.installed, "installed", false, "copy the programs into place first, as installers do")
	f.StringVar(&o.json, "json", "", "write the report to this `file`")
	f.StringVar(&o.from, "from", "", "measure nothing; read the report of -json from this `file`")
	f.Func("write", "write the tables into this `page`, between its markers; can be repeated", func(page string) error {
		o.write = append(o.write, page)
		return nil
	})
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("unexpected %q", f.Arg(0))
	}
	return o, nil
}

func run(args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	var r Report
	if o.from != "" {
		data, err := os.ReadFile(o.from)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(data, &r); err != nil {
			return fmt.Errorf("%s: %w", o.from, err)
		}
	} else if r, err = measure(o, stderr); err != nil {
		return err
	}
	return deliver(r, o, stdout)
}

// deliver prints the report and writes it to the files in the options.
func deliver(r Report, o options, stdout io.Writer) error {
	fmt.Fprintf(stdout, "%s\n%s\n%s", r.about(), r.table(), r.behind())
	if o.json != "" {
		data, err := json.MarshalIndent(r, "", "  ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(o.json, append(data, '\n'), 0o644); err != nil {
			return err
		}
	}
	for _, page := range o.write {
		if err := r.write(page); err != nil {
			return err
		}
	}
	return r.failed()
}
