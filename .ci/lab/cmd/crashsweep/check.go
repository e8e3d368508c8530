//go:build linux && amd64

package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
)

// checkFiles checks that every file below the home is the complete old or new one.
func (pt *point) checkFiles(p *place, when string) {
	now := p.snapshot()
	for path, text := range p.before {
		got, there := now[path]
		touched := pt.scenario.touches(p, path)
		switch {
		case !there && !touched:
			pt.problem("%s: %s is gone", when, path)
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

// broken returns what is wrong with a changed file.
func (pt *point) broken(p *place, path, text string) string {
	dir, base := filepath.Split(path)
	switch {
	case strings.HasPrefix(base, ".tmp-"):
		return "" // see orphans
	case base == sweptMark:
		return ""
	case filepath.Base(dir) == "locks", filepath.Ext(base) == ".lock":
		if text == "" || json.Valid([]byte(text)) { // a failed sign-in leaves a note
			return ""
		}
	case path == filepath.FromSlash(configFile), path == filepath.FromSlash(settingsFile), path == filepath.FromSlash(dockerFile):
		// Their contents are the same in every run.
		if text == pt.whole[path] {
			return ""
		}
	case filepath.Ext(base) == ".json":
		if len(text) > 2 && json.Valid([]byte(text)) {
			return ""
		}
	case len(text) > 0:
		return "" // not our file
	}
	return "is neither old nor new: " + shorten(text)
}

// sweptMark is an empty file whose date says when the cache was last swept.
const sweptMark = "swept"

func shorten(text string) string {
	if len(text) > 60 {
		return text[:60] + "..."
	}
	return text
}

// orphans finds temporary files that must not be there.
func (pt *point) orphans(p *place, when string, forbidden bool) {
	for path := range p.snapshot() {
		if forbidden && strings.HasPrefix(filepath.Base(path), ".tmp-") {
			pt.problem("%s: %s is left", when, path)
		}
	}
}

// secretsOfFiles are the secrets that are in no file of the user.
func (p *place) secretsOfFiles() []string { return append(p.AWS.Secrets(), p.secret) }
