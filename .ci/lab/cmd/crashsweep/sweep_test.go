//go:build linux && amd64

package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ecr-sso/docker-credential-ecr-sso/lab"
)

// This test binary also serves as a helper with faults. The sweep must find each fault.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "get" {
		os.Exit(faultyHelper())
	}
	os.Exit(m.Run())
}

// faultyHelper saves the session's token in its cache. It first removes the old file. It
// then writes in place, or through a temporary file that is never removed.
func faultyHelper() int {
	home := os.Getenv("HOME")
	tokens, _ := filepath.Glob(filepath.Join(home, ".aws", "sso", "cache", "*.json"))
	token, _ := os.ReadFile(tokens[0])
	dir := filepath.Join(home, ".cache", lab.Helper)
	entry := filepath.Join(dir, "entry.json")
	_ = os.MkdirAll(dir, 0o700)
	way, _ := os.ReadFile(filepath.Join(home, "way"))
	switch string(way) {
	case "in place":
		_ = os.Remove(entry)
		if err := os.WriteFile(entry, token, 0o600); err != nil {
			return 1
		}
	case "leaves orphans":
		temp := filepath.Join(dir, fmt.Sprintf(".tmp-%016x", os.Getpid()))
		if err := os.WriteFile(temp, token, 0o600); err == nil {
			_ = os.Rename(temp, entry)
		}
	case "damages the token":
		_ = os.WriteFile(tokens[0], []byte("{}"), 0o600)
	case "prints a secret":
		fmt.Fprintln(os.Stderr, string(token))
	}
	host, _ := io.ReadAll(os.Stdin)
	fmt.Printf(`{"ServerURL":%q,"Username":"AWS","Secret":"x"}`, host)
	return 0
}

func TestFaultyHelperIsReported(t *testing.T) {
	me, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	programs, bench, err := build(me, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	workers, closeAll, err := open(1, programs, bench, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll()
	for way, want := range map[string][]string{
		"in place":          {"no answer", "entry.json has neither the old nor the new content"},
		"leaves orphans":    {"after the fault: .cache/" + lab.Helper + "/.tmp-", "after the next run: a secret in "},
		"damages the token": {".json has changed"},
		"prints a secret":   {"a secret on stderr"},
		"does nothing":      nil,
	} {
		t.Run(way, func(t *testing.T) {
			sc := &scenario{name: way, touches: nothing, served: true, call: (*place).get, prepare: func(p *place) error {
				_ = signedIn(p)
				return os.WriteFile(p.Path("way"), []byte(way), 0o600)
			}}
			points, err := workers[0].record(sc)
			if err != nil {
				t.Fatal(err)
			}
			var all strings.Builder
			for _, pt := range points {
				if pt.Kind != "change" || pt.Fault != "EIO" && pt.Fault != "kill-after" {
					continue
				}
				if err := workers[0].test(pt); err != nil {
					t.Fatal(err)
				}
				for _, problem := range pt.Problems {
					all.WriteString(problem + "\n")
				}
			}
			for _, w := range want {
				if !strings.Contains(all.String(), w) {
					t.Errorf("%q is not found in:\n%s", w, all.String())
				}
			}
			if want == nil && all.Len() > 0 {
				t.Errorf("found:\n%s", all.String())
			}
		})
	}
}

func TestSampleIsSpreadOverAllPoints(t *testing.T) {
	all := make([]*point, 1000)
	for i := range all {
		all[i] = &point{sysCall: sysCall{Number: i}}
	}
	some := sample(all, 10)
	if len(some) != 10 || some[0].Number != 0 || some[9].Number != 900 {
		t.Errorf("%d points, the last is %v", len(some), some[len(some)-1])
	}
}
