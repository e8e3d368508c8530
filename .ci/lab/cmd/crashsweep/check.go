//go:build linux && amd64

package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
)

// checkFiles checks that every file in the home directory has its complete old or new
// content.
func (pt *point) checkFiles(p *place, when string) {
	now := p.snapshot()
	for path, text := range p.before {
		got, there := now[path]
		touched := pt.scenario.touches(p, path)
		switch {
		case !there && !touched:
			pt.problem("%s: %s is missing", when, path)
		case there && got != text && !touched:
			pt.problem("%s: %s has changed", when, path)
		}
	}
	for path, text := range now {
		if text == p.before[path] && p.before[path] != "" {
			continue
		}
		if why := pt.broken(p, path, text); why != "" {
			pt.problem("%s: %s %s", when, path, why)
		}
	}
}

// broken returns why a changed file is wrong, or "" if it is correct.
func (pt *point) broken(p *place, path, text string) string {
	dir, base := filepath.Split(path)
	switch {
	case strings.HasPrefix(base, ".tmp-"):
		return "" // orphans checks temporary files
	case base == sweptMark:
		return ""
	case filepath.Base(dir) == "locks", filepath.Ext(base) == ".lock":
		if text == "" || json.Valid([]byte(text)) { // a failed sign-in saves its error for waiting processes
			return ""
		}
	case path == filepath.FromSlash(configFile), path == filepath.FromSlash(settingsFile), path == filepath.FromSlash(dockerFile):
		// Their content is the same in every run.
		if text == pt.clean[path] {
			return ""
		}
	case filepath.Ext(base) == ".json":
		if len(text) > 2 && json.Valid([]byte(text)) {
			return ""
		}
	case len(text) > 0:
		return "" // not our file
	}
	return "has neither the old nor the new content: " + shorten(text)
}

// sweptMark is an empty file. Its modification time is the time of the last cache
// cleanup.
const sweptMark = "swept"

func shorten(text string) string {
	if len(text) > 60 {
		return text[:60] + "..."
	}
	return text
}

// orphans reports temporary files, if they are forbidden.
func (pt *point) orphans(p *place, when string, forbidden bool) {
	for path := range p.snapshot() {
		if forbidden && strings.HasPrefix(filepath.Base(path), ".tmp-") {
			pt.problem("%s: %s is left", when, path)
		}
	}
}

// secretsOfFiles returns the secrets that are not in the user's own files.
func (p *place) secretsOfFiles() []string { return append(p.AWS.Secrets(), p.secret) }
