package cli

import (
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// settle makes the AWS files, its SSO tokens and the settings an hour old: what has just been
// written has no warm entry.
func cmdSettle(ts *testscript.TestScript, _ bool, _ []string) {
	past := time.Now().Add(-time.Hour)
	dir := stageOf(ts).home.Dir
	tokens, err := filepath.Glob(filepath.Join(dir, ".aws", "sso", "cache", "*.json"))
	ts.Check(err)
	for _, file := range append(tokens,
		filepath.Join(dir, ".aws", "config"), filepath.Join(dir, ".aws", "credentials"), ts.Getenv("SETTINGS")) {
		if err := os.Chtimes(file, past, past); err != nil && !os.IsNotExist(err) {
			ts.Check(err)
		}
	}
}

// early get HOST is ask get HOST, answered before package os is initialised;
// ! early: answered, but after that.
func cmdEarly(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, args, 2, 2, "early get HOST")
	ts.Setenv("GODEBUG", "inittrace=1")
	// On a busy machine the question could come later than the early answer waits.
	err := ts.Exec("feed", append(args, "at-once")...)
	ts.Setenv("GODEBUG", "")
	ts.Check(err)
	stageOf(ts).scanOutput(ts, args, true)
	// feed itself is a Go program with a list of its own; the helper's comes last.
	lists := strings.Split(ts.ReadFile("stderr"), "init runtime @")
	if late := strings.Contains(lists[len(lists)-1], "\ninit os @"); late != neg {
		ts.Fatalf("answered early: %v", !late)
	}
}
