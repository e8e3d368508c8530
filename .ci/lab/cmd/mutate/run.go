package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

type result struct {
	Package   string   `json:"package"`
	Mutants   int      `json:"mutants"`
	Killed    int      `json:"killed"`
	Survivors []string `json:"survivors"`
}

func (r *result) percent() float64 { return 100 * float64(r.Killed) / float64(max(r.Mutants, 1)) }

// mutate tests all changes of the package in a directory.
func mutate(pkg string, workers int) (*result, error) {
	tree, err := os.MkdirTemp("", "mutate-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(tree)
	if err := copyTree(tree); err != nil {
		return nil, err
	}
	dir := filepath.Join(tree, pkg)
	mutants, err := instrument(dir)
	if err != nil {
		return nil, err
	}
	bin := filepath.Join(tree, "mutants.test")
	build := exec.Command("go", "test", "-c", "-o", bin, ".")
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%s with its changes: %w\n%s", pkg, err, out)
	}
	start := time.Now()
	if !passes(bin, dir, 0, 5*time.Minute) {
		return nil, fmt.Errorf("the tests of %s fail without a change", pkg)
	}
	limit := 10*time.Since(start) + 10*time.Second // stops an endless loop
	return try(pkg, bin, dir, mutants, limit, workers), nil
}

// try runs the tests once for each change.
func try(pkg, bin, dir string, mutants []string, limit time.Duration, workers int) *result {
	r := &result{Package: pkg, Mutants: len(mutants)}
	alive := make([]bool, len(mutants))
	todo := make(chan int)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := range todo {
				alive[i] = passes(bin, dir, i+1, limit)
			}
		})
	}
	for i := range mutants {
		todo <- i
	}
	close(todo)
	wg.Wait()
	for i, m := range mutants {
		if alive[i] {
			r.Survivors = append(r.Survivors, filepath.Join(pkg, m))
		} else {
			r.Killed++
		}
	}
	return r
}

func passes(bin, dir string, mutant int, limit time.Duration) bool {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, bin, "-test.failfast", "-test.short")
	cmd.Dir, cmd.WaitDelay = dir, time.Second
	cmd.Env = append(os.Environ(), "MUTANT="+strconv.Itoa(mutant))
	return cmd.Run() == nil
}

// copyTree copies the files of this module that git tracks.
func copyTree(to string) error {
	out, err := exec.Command("git", "ls-files", "-z").Output()
	if err != nil {
		return err
	}
	for _, name := range strings.Split(strings.TrimRight(string(out), "\x00"), "\x00") {
		if ext := filepath.Ext(name); ext != ".go" && ext != ".mod" && ext != ".sum" && !strings.Contains(name, "testdata/") {
			continue
		}
		data, err := os.ReadFile(name)
		if err != nil {
			continue // deleted, not yet committed
		}
		path := filepath.Join(to, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			return err
		}
	}
	return nil
}
