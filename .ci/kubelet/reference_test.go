package kubelet

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// referenceName is the name of the provider in kubernetes/cloud-provider-aws. Our
// provider replaces it. Both get the same requests.
const referenceName = "ecr-credential-provider"

// referenceProvider returns the path of the reference provider built by
// .ci/clients/build, and its name with the version. The path is "" if it was not built.
func referenceProvider(t *testing.T) (path, name string) {
	t.Helper()
	table, err := os.ReadFile(filepath.Join("..", "clients", "versions"))
	if err != nil {
		t.Fatal(err)
	}
	version := ""
	for line := range strings.Lines(string(table)) {
		if fields := strings.Fields(line); len(fields) == 5 && fields[0] == referenceName {
			version = fields[3]
		}
	}
	if version == "" {
		t.Fatalf("%s has no row in .ci/clients/versions", referenceName)
	}
	dir := os.Getenv("E2E_CLIENTS")
	if dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			t.Fatal(err)
		}
		dir = filepath.Join(cache, "docker-credential-ecr-sso-clients")
	}
	path = filepath.Join(dir, referenceName+"@"+version, referenceName)
	if _, err := os.Stat(path); err != nil {
		t.Logf("%s %s is not built: .ci/clients/build kubelet", referenceName, version)
		return "", ""
	}
	return path, referenceName + " " + version
}
