package kubelet

import (
	"bufio"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// The provider returns no login for hostile host names, with or without a path, and does
// not call AWS.
func TestHostileHostsGetNoLogin(t *testing.T) {
	file, err := os.Open("../../registry/testdata/hostile.tsv")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	n := newNode(t)
	checked := 0
	for lines := bufio.NewScanner(file); lines.Scan(); {
		_, quoted, _ := strings.Cut(lines.Text(), "\t")
		host, err := strconv.Unquote(quoted)
		if err != nil || host == "" {
			continue
		}
		checked++
		for _, image := range []string{host, host + "/team/app:v1"} {
			if out, err := n.pull(image); err != nil || login(t, out) != "" {
				t.Errorf("%q: %d bytes, %v", image, len(out), err)
			}
		}
	}
	if calls := n.aws.Calls(awstest.Any); checked < 200 || calls != 0 {
		t.Errorf("%d names, %d calls", checked, calls)
	}
}
