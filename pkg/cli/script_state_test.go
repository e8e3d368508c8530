package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

var stamp = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`)

// age token SESSION | age roles | age cached | age checks moves the times in those files
// DURATION into the past. A static Go program cannot be given a fake clock.
func cmdAge(ts *testscript.TestScript, _ bool, args []string) {
	want(ts, args, 2, 3, "age token SESSION DURATION | age roles DURATION | age registration SESSION DURATION | age cached DURATION | age checks DURATION")
	s, by := stageOf(ts), duration(ts, args[len(args)-1])
	field, files := "expiresAt", []string{}
	switch args[0] {
	case "token":
		files = append(files, s.home.TokenPath(tokenKey(args[1])))
	case "registration":
		field, files = "registrationExpiresAt", append(files, s.home.TokenPath(tokenKey(args[1])))
	case "roles":
		field = "Expiration"
		files, _ = filepath.Glob(filepath.Join(s.home.Dir, ".aws", "cli", "cache", "*.json"))
	case "checks":
		field = "check_at"
		files, _ = filepath.Glob(filepath.Join(ts.Getenv("CACHE"), "*.v1.json"))
	case "cached":
		field = "expires_at"
		files, _ = filepath.Glob(filepath.Join(ts.Getenv("CACHE"), "*.v1.json"))
	}
	if len(files) == 0 {
		ts.Fatalf("age: no files")
	}
	for _, path := range files {
		shiftDates(ts, path, field, by)
	}
}

// shiftDates changes one time field in a file and no other byte.
func shiftDates(ts *testscript.TestScript, path, field string, by time.Duration) {
	data, err := os.ReadFile(path)
	ts.Check(err)
	at := regexp.MustCompile(`"` + field + `": ?"` + stamp.String() + `"`)
	if !at.Match(data) {
		ts.Fatalf("%s has no %s", path, field)
	}
	data = at.ReplaceAllFunc(data, func(pair []byte) []byte {
		return stamp.ReplaceAllFunc(pair, func(date []byte) []byte {
			t, err := time.Parse(time.RFC3339, string(date))
			ts.Check(err)
			return []byte(t.Add(-by).UTC().Format(time.RFC3339))
		})
	})
	ts.Check(os.WriteFile(path, data, 0o600))
}

// age-inputs makes the AWS files, access tokens and settings an hour old, because a get
// that reads new files writes no warm entry.
func cmdAgeInputs(ts *testscript.TestScript, _ bool, _ []string) {
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
