//go:build linux

// Command herd runs many helpers that need the same login or session concurrently. It
// starts hundreds of real processes in one home, or on nodes that share one rate limit. A
// fake AWS counts their calls and accepts a refresh token once. Every process must get an
// answer, with as few AWS calls as possible.
//
// It uses only the helper's protocol. To stop the process that holds a lock, it also uses
// the lock directory.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/lab"
)

type options struct {
	program, write, only string
	quick, asJSON        bool
	rounds               int
}

func main() {
	var o options
	flag.StringVar(&o.program, "program", "", "run this `helper` instead of building ours")
	flag.BoolVar(&o.quick, "quick", false, "smaller herds, for CI")
	flag.BoolVar(&o.asJSON, "json", false, "print JSON")
	flag.StringVar(&o.write, "write", "", "write the table into this `page`; with -only, its row")
	flag.StringVar(&o.only, "only", "", "only the herd of this `name`")
	flag.IntVar(&o.rounds, "rounds", 0, "at most this `number` of rounds for each herd; 0: all")
	flag.Parse()
	ok, err := run(o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "herd:", err)
	}
	if !ok || err != nil {
		os.Exit(1)
	}
}

func run(o options) (bool, error) {
	dir, err := os.MkdirTemp("", "herd-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)
	r := &runner{dir: dir, program: o.program, quick: o.quick, maxRounds: o.rounds, progress: printProgress(os.Stderr)}
	if o.program == "" {
		if r.program, err = lab.Build(dir); err != nil {
			return false, err
		}
	}
	if r.browser, err = lab.BuildCommand(dir, "pkg/awstest/cmd/awstest"); err != nil {
		return false, err
	}
	var all report
	for _, h := range herds() {
		if o.only != "" && h.name != o.only || o.quick && h.quickRounds == 0 {
			continue
		}
		res, err := r.rounds(h)
		if err != nil {
			return false, fmt.Errorf("%s: %w", h.name, err)
		}
		fmt.Fprintf(os.Stderr, "%s: %d of %d answered, %d problems\n", h.name, res.Answered, res.Processes*res.Rounds, len(res.Problems))
		all = append(all, res)
	}
	if o.asJSON {
		enc := json.NewEncoder(os.Stdout)
		enc.SetIndent("", " ")
		err = enc.Encode(all)
	} else {
		fmt.Print(all.table())
	}
	all.explain(os.Stderr)
	if err == nil && o.write != "" && all.ok() {
		write := lab.WritePart
		if o.only != "" {
			write = lab.WriteRows
		}
		err = write(o.write, "herd", all.table())
	}
	return all.ok(), err
}

// printProgress prints the progress of a long herd every 15 s.
func printProgress(w io.Writer) func(herd, *result) {
	last := time.Now()
	return func(h herd, r *result) {
		if time.Since(last) < 15*time.Second {
			return
		}
		last = time.Now()
		fmt.Fprintf(w, "%s: %d rounds of %d: %d answered, %d CreateToken, %d InvalidGrant, longest %.1f s, %d problems\n",
			h.name, r.Rounds, r.Processes, r.Answered, r.Tokens, r.Refused, r.Longest.Seconds(), len(r.Problems))
	}
}
