package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// testPattern matches the pattern of a -run or -skip flag of go test.
var testPattern = regexp.MustCompile(`-(?:test\.)?(?:run|skip)[ =]'?([^\s';]+)`)

// scriptPattern matches the text before and after the script names in a pattern.
var scriptPattern = regexp.MustCompile(`^\^\(?|\)?\$$`)

// go test succeeds if a -run or -skip pattern matches no test. So each alternative in the
// patterns of the Makefile and the scripts must match an existing test.
func TestPatternsOfTestsMatch(t *testing.T) {
	t.Parallel()
	functions, texts := testSources(t, "pkg", "docker-credential-ecr-sso")
	scripts, err := filepath.Glob(filepath.Join(scriptDir, "*.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	for i, script := range scripts {
		scripts[i] = strings.TrimSuffix(filepath.Base(script), ".txtar")
	}
	seen := 0
	for _, file := range []string{"Makefile", ".ci/cover", ".ci/mac-sim", ".ci/other-cpus", ".ci/run", ".ci/wine/run"} {
		for _, m := range testPattern.FindAllStringSubmatch(readSource(t, file), -1) {
			function, subtest, _ := strings.Cut(strings.ReplaceAll(m[1], "$$", "$"), "/")
			for alternative := range strings.SplitSeq(function, "|") {
				seen++
				pattern, err := regexp.Compile(alternative)
				if err != nil {
					t.Fatalf("%s: %s: %v", file, m[0], err)
				}
				if !anyMatch(pattern, functions) {
					t.Errorf("%s: %s: no test matches %s", file, m[0], alternative)
				}
			}
			if strings.Contains(function, "TestScripts") && subtest != "" {
				for alternative := range strings.SplitSeq(scriptPattern.ReplaceAllString(subtest, ""), "|") {
					if !anyMatch(regexp.MustCompile("^"+alternative+"$"), scripts) {
						t.Errorf("%s: %s: no script %s", file, m[0], alternative)
					}
				}
				continue
			}
			if name := strings.ReplaceAll(subtest, "_", " "); regexp.MustCompile(`^[\w ]+$`).MatchString(name) && !strings.Contains(texts, `"`+name+`"`) {
				t.Errorf("%s: %s: no subtest %q", file, m[0], name)
			}
		}
	}
	if seen < 15 {
		t.Errorf("only %d patterns", seen)
	}
}

// The tests in a file with the tag "programs" or "buildtest" run only if the target of the
// tag in the Makefile has their package, and a pattern that matches their name.
func TestTargetsRunTaggedTests(t *testing.T) {
	t.Parallel()
	makefile := readSource(t, "Makefile")
	for _, tag := range []string{"programs", "buildtest"} {
		line := regexp.MustCompile(`(?m)^\tgo test -tags ` + tag + `,.* -run '(.+)' (.+)$`).FindStringSubmatch(makefile)
		if line == nil {
			t.Fatalf("the Makefile has no target for the tag %s", tag)
		}
		pattern, tests := regexp.MustCompile(line[1]), 0
		for _, path := range sourceFiles(t, filepath.Join(top, "pkg"), "_test.go") {
			relative, err := filepath.Rel(top, path)
			if err != nil {
				t.Fatal(err)
			}
			source := readSource(t, relative)
			if constraint, _, _ := strings.Cut(source, "\n"); !strings.HasPrefix(constraint, "//go:build "+tag) {
				continue
			}
			if dir := "./" + filepath.ToSlash(filepath.Dir(relative)); !slices.Contains(strings.Fields(line[2]), dir) {
				t.Errorf("the target of the tag %s does not run %s", tag, dir)
			}
			for _, function := range testFunctions(source) {
				tests++
				if !pattern.MatchString(function) {
					t.Errorf("%s: the target of the tag %s does not run %s", relative, tag, function)
				}
			}
		}
		if tests < 3 {
			t.Errorf("only %d tests with the tag %s", tests, tag)
		}
	}
}

func anyMatch(pattern *regexp.Regexp, names []string) bool {
	for _, name := range names {
		if pattern.MatchString(name) {
			return true
		}
	}
	return false
}

// testSources returns the names of all test functions in the directories, and the text of
// their test files.
func testSources(t *testing.T, dirs ...string) (functions []string, texts string) {
	t.Helper()
	var all strings.Builder
	for _, dir := range dirs {
		for _, path := range sourceFiles(t, filepath.Join(top, dir), "_test.go") {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			all.Write(text)
			functions = append(functions, testFunctions(string(text))...)
		}
	}
	return functions, all.String()
}

func testFunctions(source string) (names []string) {
	for line := range strings.Lines(source) {
		name, _, _ := strings.Cut(strings.TrimPrefix(line, "func "), "(")
		if strings.HasPrefix(line, "func ") && (strings.HasPrefix(name, "Test") || strings.HasPrefix(name, "Fuzz")) {
			names = append(names, name)
		}
	}
	return names
}
