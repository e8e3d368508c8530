package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// maxBinary is the bar for the binary as it is released, for linux/amd64. Size is
// memory and time: nearly all of the file ends up mapped in a cold get. What to do
// about a failure here is in docs/dependencies.md.
const maxBinary = 13_000_000

func TestTheBinaryIsSmall(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "released")
	cmd := exec.Command("go", "build", "-tags", "nethttpomithttp2", "-trimpath", "-ldflags", "-s -w", "-o", bin, commandDir)
	cmd.Env = append(cmd.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	info, err := os.Stat(bin)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes", info.Size())
	if info.Size() > maxBinary {
		t.Errorf("the binary has %d bytes, more than %d", info.Size(), maxBinary)
	}
}

// Every command, and every get that is not answered from the cache, pays for what
// packages prepare while they are initialised. Ours prepare nothing worth naming.
func TestOurPackagesPrepareNothing(t *testing.T) {
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

// Newer service clients of the SDK build a table of their whole API while they
// are initialised; see docs/decisions/0006.
func TestNoServiceClientBuildsTables(t *testing.T) {
	for _, p := range list(t, "linux", "-deps", commandDir) {
		if strings.HasPrefix(p.ImportPath, "github.com/aws/aws-sdk-go-v2/service/") && strings.HasSuffix(p.ImportPath, "/schemas") {
			t.Errorf("the binary links %s: a release that has it is to be measured first", p.ImportPath)
		}
	}
}
