package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// licenses are the allowed licenses of linked modules, each with a check of its text.
var licenses = map[string]func(text string) bool{
	"Apache-2.0": func(s string) bool {
		return strings.Contains(s, "Apache License") && strings.Contains(s, "Version 2.0, January 2004")
	},
	"MIT":          func(s string) bool { return strings.Contains(s, "Permission is hereby granted, free of charge") },
	"BSD-3-Clause": func(s string) bool { return bsd(s) && strings.Contains(s, "Neither the name") },
	"BSD-2-Clause": func(s string) bool { return bsd(s) && !strings.Contains(s, "Neither the name") },
}

func bsd(s string) bool {
	return strings.Contains(s, "Redistribution and use in source and binary forms")
}

// tableRow matches a row of docs/dependencies.md: the module in the first column, the
// license in the last.
var tableRow = regexp.MustCompile(`(?m)^\| ([a-z]+\.[a-z0-9./-]+) \|.*\| ([A-Za-z0-9.-]+) \|$`)

func TestDependenciesTableIsCurrent(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join(top, "docs", "dependencies.md"))
	if err != nil {
		t.Fatal(err)
	}
	linked := linkedModules(t)
	for _, row := range tableRow.FindAllStringSubmatch(string(page), -1) {
		module, license := row[1], row[2]
		dir, ok := linked[module]
		if !ok {
			t.Errorf("%s is in docs/dependencies.md but is not linked", module)
			continue
		}
		delete(linked, module)
		allowed, ok := licenses[license]
		if !ok {
			t.Errorf("%s: license %s is not allowed", module, license)
			continue
		}
		text := licenseText(t, dir)
		if !allowed(text) {
			t.Errorf("%s: the license file is not %s", module, license)
		}
		if strings.Contains(text, "GNU ") {
			t.Errorf("%s: the license file mentions another license", module)
		}
	}
	for module := range linked {
		t.Errorf("%s is linked but not in docs/dependencies.md", module)
	}
}

// linkedModules returns the modules linked on any platform, with their directories.
func linkedModules(t *testing.T) map[string]string {
	t.Helper()
	modules := map[string]string{}
	for _, goos := range []string{"linux", "darwin", "windows"} {
		for _, p := range linkedPackages(t, goos) {
			if p.Module != nil && !p.Module.Main {
				modules[p.Module.Path] = p.Module.Dir
			}
		}
	}
	return modules
}

func licenseText(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "LICENSE*"))
	slices.Sort(files)
	if err != nil || len(files) == 0 {
		t.Errorf("no license file in %s", dir)
		return ""
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Package initialization delays every command and every uncached get, so our packages must
// not have any.
func TestNoPackageInitialization(t *testing.T) {
	t.Parallel()
	cmd := exec.Command(filepath.Join(binDir, name+exeSuffix()), "version")
	cmd.Env = append(cmd.Environ(), "GODEBUG=inittrace=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	seen := 0
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line) // init PATH @0.1 ms, 0.2 ms clock, 300 bytes, 4 allocs
		if len(f) < 8 || f[0] != "init" {
			continue
		}
		seen++
		bytes, err := strconv.Atoi(f[7])
		if err != nil || strings.HasPrefix(f[1], modulePath) && bytes > 2000 {
			t.Error(line)
		}
	}
	if seen == 0 {
		t.Errorf("no trace in %s", out)
	}
}

// Newer SDK service clients build a table of their whole API during initialization. See
// docs/decisions/0006.
func TestNoServiceClientBuildsTables(t *testing.T) {
	t.Parallel()
	for _, p := range linkedPackages(t, "linux") {
		if strings.HasPrefix(p.ImportPath, "github.com/aws/aws-sdk-go-v2/service/") && strings.HasSuffix(p.ImportPath, "/schemas") {
			t.Errorf("the binary links %s: measure the startup time before you accept this SDK version", p.ImportPath)
		}
	}
}
