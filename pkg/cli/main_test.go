package cli

import (
	"runtime/debug"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestBuildFromBuildInfo(t *testing.T) {
	checkout := []debug.BuildSetting{
		{Key: "vcs.revision", Value: "0123abc"}, {Key: "vcs.time", Value: "2026-11-26T12:00:00Z"},
		{Key: "vcs.modified", Value: "false"},
	}
	dirty := []debug.BuildSetting{{Key: "vcs.revision", Value: "0123abc"}, {Key: "vcs.modified", Value: "true"}}
	for name, c := range map[string]struct {
		info *debug.BuildInfo
		want build
	}{
		"no build info":                 {nil, build{Version: "devel"}},
		"build without version control": {&debug.BuildInfo{Main: debug.Module{Version: "(devel)"}}, build{Version: "devel"}},
		"go install":                    {&debug.BuildInfo{Main: debug.Module{Version: "v0.1.0"}}, build{Version: "0.1.0"}},
		"checkout":                      {&debug.BuildInfo{Settings: checkout}, build{Version: "devel", Commit: "0123abc", Date: "2026-11-26T12:00:00Z"}},
		"modified checkout":             {&debug.BuildInfo{Settings: dirty}, build{Version: "devel", Commit: "0123abc+dirty"}},
	} {
		if diff := cmp.Diff(c.want, buildFrom(c.info)); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}
