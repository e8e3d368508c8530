//go:build e2e && linux

package e2e

import (
	"path/filepath"
	"testing"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

func TestSkopeoPushAndPull(t *testing.T) {
	w := newWorld(t)
	skopeo := find(t, "skopeo", "skopeo")
	w.signIn()
	ref := repo("v1")
	archive := w.image(ref)
	w.ok(skopeo, "--insecure-policy", "copy", "docker-archive:"+archive, "docker://"+ref)
	w.calls(map[awstest.Op]int{awstest.GetRoleCredentials: 1, awstest.GetAuthorizationToken: 1})
	w.ok(skopeo, "--insecure-policy", "copy", "docker://"+ref, "oci:"+filepath.Join(w.home.Dir, "layout"))
	w.ok(skopeo, "inspect", "--format", "{{.Digest}}", "docker://"+ref)
	w.calls(quiet)
}

func TestSkopeoShowsWhyItFails(t *testing.T) {
	w := newWorld(t)
	skopeo := find(t, "skopeo", "skopeo")
	r := w.run("", skopeo, "inspect", "docker://"+repo("v1"))
	if r.code == 0 {
		t.Fatal("succeeded without a session")
	}
	wantLine(t, r.stderr, `no SSO token for session "corp"; run: docker-credential-ecr-sso login`)
	w.calls(quiet)
}
