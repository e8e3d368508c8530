package cli

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestBuildIsWhatTheToolchainRecorded(t *testing.T) {
	checkout := []debug.BuildSetting{
		{Key: "vcs.revision", Value: "0123abc"}, {Key: "vcs.time", Value: "2026-11-26T12:00:00Z"},
		{Key: "vcs.modified", Value: "false"},
	}
	dirty := []debug.BuildSetting{{Key: "vcs.revision", Value: "0123abc"}, {Key: "vcs.modified", Value: "true"}}
	for name, c := range map[string]struct {
		info *debug.BuildInfo
		want build
	}{
		"nothing is recorded":                {nil, build{Version: "devel"}},
		"a build without version control":    {&debug.BuildInfo{Main: debug.Module{Version: "(devel)"}}, build{Version: "devel"}},
		"go install of a version":            {&debug.BuildInfo{Main: debug.Module{Version: "v0.1.0"}}, build{Version: "0.1.0"}},
		"a checkout":                         {&debug.BuildInfo{Settings: checkout}, build{Version: "devel", Commit: "0123abc", Date: "2026-11-26T12:00:00Z"}},
		"a checkout with changes of its own": {&debug.BuildInfo{Settings: dirty}, build{Version: "devel", Commit: "0123abc+dirty"}},
	} {
		if diff := cmp.Diff(c.want, buildFrom(c.info)); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

// A release is what the linker was told, with the flags of .goreleaser.yaml; the
// word of the protocol stays one line.
func TestVersionOfARelease(t *testing.T) {
	bin := filepath.Join(t.TempDir(), name+exeSuffix())
	link := exec.Command("go", "build", "-buildvcs=false", "-o", bin,
		"-ldflags", "-X "+modulePath+"/pkg/cli.release=9.8.7 -X "+modulePath+"/pkg/cli.commit=0123abc -X "+modulePath+"/pkg/cli.date=2026-11-26T12:00:00Z", commandDir)
	if out, err := link.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	say := func(args ...string) string {
		t.Helper()
		out, err := exec.Command(bin, args...).Output()
		if err != nil {
			t.Fatalf("%v: %v", args, err)
		}
		return string(out)
	}
	line := name + " (" + modulePath + ") 9.8.7\n"
	for _, args := range [][]string{{"version"}, {"--version"}, {"-v"}} {
		if have := say(args...); have != line {
			t.Errorf("%v: %q, want %q", args, have, line)
		}
	}
	platform := runtime.GOOS + "/" + runtime.GOARCH
	want := "version   9.8.7\ncommit    0123abc\ndate      2026-11-26T12:00:00Z\ngo        " +
		runtime.Version() + "\nplatform  " + platform + "\n"
	if diff := cmp.Diff(want, say("version", "--long")); diff != "" {
		t.Error(diff)
	}
	var have build
	if err := json.NewDecoder(strings.NewReader(say("version", "--json"))).Decode(&have); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(build{"9.8.7", "0123abc", "2026-11-26T12:00:00Z", runtime.Version(), platform}, have); diff != "" {
		t.Error(diff)
	}
}
