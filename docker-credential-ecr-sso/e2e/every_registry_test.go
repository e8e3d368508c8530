//go:build e2e && linux

package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	ggcr "github.com/google/go-containerregistry/pkg/registry"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// basicRegistry is a non-ECR registry with basic authentication. The engine and the tools
// connect to it over plain HTTP, because it is on loopback.
func basicRegistry(t *testing.T) (host string) {
	t.Helper()
	inner := ggcr.New()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "me" || password != "pa:ss word" {
			w.Header().Set("WWW-Authenticate", `Basic realm="other"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		inner.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// scriptedStore adds docker-credential-script to PATH. It has one file per registry.
func (w *world) scriptedStore() {
	w.t.Helper()
	dir := w.path("store")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		w.t.Fatal(err)
	}
	script := `#!/bin/sh
cd '` + dir + `' || exit 1
in=$(cat); echo "$1" >>verbs
file=$(printf '%s' "$in" | sed 's/.*"ServerURL":"//; s/".*//' | tr -c 'a-z0-9\n' _)
case $1 in
store) printf '%s\n' "$in" >"$file.json" ;;
get) cat "$file.json" 2>/dev/null || { echo credentials not found in native keychain; exit 1; } ;;
erase) rm -f "$file.json" ;;
list) echo '{}' ;;
esac
`
	if err := os.WriteFile(filepath.Join(dir, "docker-credential-script"), []byte(script), 0o700); err != nil {
		w.t.Fatal(err)
	}
	w.env = append(w.env, "PATH="+dir+":"+filepath.Join(shared.dir, "bin")+":"+strings.Join(debian, ":")+":/bin:/sbin")
}

// everyRegistry returns a world in which Docker calls the helper for every registry. The
// helper uses the scripted store for non-ECR registries. other is one such registry.
func everyRegistry(t *testing.T) (w *world, docker, other string) {
	w = newWorld(t)
	docker = w.docker()
	w.signIn()
	w.scriptedStore()
	w.env = append(w.env, "DOCKER_API_VERSION=1.41") // see engine
	w.write(".docker/config.json", "{\n\t\"credsStore\": \"script\"\n}\n")
	w.ok(filepath.Join(shared.dir, "bin", helper), "configure-docker", "--all-registries")
	w.aws.ResetLog()
	return w, docker, basicRegistry(t)
}

// login logs in to a registry created by basicRegistry.
func (w *world) login(docker, other string) {
	w.t.Helper()
	if r := w.run("pa:ss word", docker, "login", "-u", "me", "--password-stdin", other); r.code != 0 {
		w.t.Fatal("login to the other registry")
	}
}

// noECRLogin checks that the scripted store received a login, but never an ECR login.
func (w *world) noECRLogin() {
	w.t.Helper()
	logins := 0
	for _, file := range w.files("store") {
		if strings.Contains(file, "amazonaws") {
			w.t.Errorf("the store got an ECR login: %s", file)
		}
		if strings.HasSuffix(file, ".json") {
			logins++
		}
	}
	if logins != 1 {
		w.t.Errorf("the store has %d logins", logins)
	}
}

// With one entry for all registries, docker can log in to, push to, pull from and log out
// of a non-ECR registry. ECR works without its own entry.
func TestDockerEveryRegistry(t *testing.T) {
	w, docker, other := everyRegistry(t)
	ref := other + "/team/app:v1"
	w.load(docker, ref)
	if r := w.run("", docker, "push", ref); r.code == 0 {
		t.Fatal("the other registry needs no login")
	}
	w.login(docker, other)
	w.ok(docker, "push", ref)
	w.ok(docker, "rmi", ref)
	w.ok(docker, "pull", ref)
	w.calls(quiet) // no AWS calls

	ecr := repo("v1")
	w.ok(docker, "tag", ref, ecr)
	w.ok(docker, "push", ecr)
	w.calls(map[awstest.Op]int{awstest.GetRoleCredentials: 1, awstest.GetAuthorizationToken: 1})
	w.noECRLogin()

	w.ok(docker, "logout", other)
	if r := w.run("", docker, "push", ref); r.code == 0 {
		t.Error("docker logout left a login")
	}
	w.ok(docker, "push", ecr)
	w.ok(filepath.Join(shared.dir, "bin", helper), "configure-docker", "--all-registries", "--remove")
	if after, _ := os.ReadFile(w.path(".docker/config.json")); !strings.Contains(string(after), `"credsStore": "script"`) || strings.Contains(string(after), "ecr-sso") {
		t.Errorf("the file was not restored: %s", after)
	}
	w.ok(docker, "rmi", ref, ecr)
}

// Both versions of compose push and pull three services concurrently: one in a non-ECR
// registry, and two in ECR accounts that are not in Docker's file.
func TestComposeEveryRegistry(t *testing.T) {
	for name, find := range map[string]func(t *testing.T) string{
		"compose":        func(t *testing.T) string { path, _ := module(t, "compose"); return path },
		"docker-compose": func(t *testing.T) string { return find(t, "docker-compose", "docker-compose") },
	} {
		t.Run(name, func(t *testing.T) {
			compose := find(t)
			w, docker, other := everyRegistry(t)
			w.home.SSOProfile("dev", session, startURL, region, strings.Split(otherRegistry, ".")[0], role)
			w.login(docker, other)
			refs := w.services(other+"/team/web:v1", repo("v1"), strings.Replace(repo("v1"), registry, otherRegistry, 1))
			for _, ref := range refs {
				w.load(docker, ref)
			}
			w.ok(compose, "push")
			w.calls(map[awstest.Op]int{awstest.OIDC: 0, awstest.GetRoleCredentials: 2, awstest.GetAuthorizationToken: 2})
			w.ok(docker, append([]string{"rmi"}, refs...)...)
			w.ok(compose, "pull")
			w.calls(quiet)
			w.ok(docker, append([]string{"rmi"}, refs...)...)
			w.noECRLogin()
		})
	}
}

// buildx builds from an image in a non-ECR registry and pushes to ECR, and vice versa.
func TestBuildxEveryRegistry(t *testing.T) {
	buildx, _ := module(t, "buildx")
	buildkitd, _ := module(t, "buildkitd")
	w, docker, other := everyRegistry(t)
	socket := startBuildkit(t, buildkitd)
	w.env = append(w.env, "BUILDX_CONFIG="+w.path("buildx"))
	w.ok(buildx, "create", "--name", "kit", "--driver", "remote", "unix://"+socket)
	build := func(from, to string) {
		t.Helper()
		w.write("Dockerfile", "FROM "+from+"\nLABEL to="+to+"\n")
		w.ok(buildx, "build", "--builder", "kit", "--progress", "plain", "--provenance=false", "--push", "-t", to, ".")
	}
	w.login(docker, other)
	base, ecr := other+"/team/base:v1", repo("v1")
	build("scratch", base)
	w.calls(quiet)
	build(base, ecr)
	w.calls(map[awstest.Op]int{awstest.OIDC: 0, awstest.GetRoleCredentials: 1, awstest.GetAuthorizationToken: 1})
	build(ecr, other+"/team/child:v1")
	w.calls(quiet)
	w.noECRLogin()
}

func (w *world) files(dir string) (names []string) {
	entries, err := os.ReadDir(w.path(dir))
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// Docker gets logins for fifty accounts that have no entry in Docker's file.
func TestFiftyAccountsWithoutEntry(t *testing.T) {
	w := newWorld(t)
	docker := w.docker()
	w.signIn()
	w.write(".docker/config.json", `{"credsStore":"ecr-sso"}`)
	for i := range 50 {
		id := fmt.Sprintf("7%011d", i)
		w.aws.AddAccount(id, "Team "+id, "team@example.com", role)
		w.home.SSOProfile("team-"+id, session, startURL, region, id, role)
	}
	for i := range 50 {
		host := fmt.Sprintf("7%011d.dkr.ecr.us-east-1.amazonaws.com", i)
		if r := w.ok(docker, "login", host); !strings.Contains(r.stdout, "Login Succeeded") {
			t.Fatal(host)
		}
	}
}

// docker pushes to and pulls from a registry through an alias on loopback. A proxy
// forwards the alias to the registry, like a CNAME with a proxy.
func TestDockerThroughAlias(t *testing.T) {
	w := newWorld(t)
	docker := w.docker()
	w.signIn()
	front := httptest.NewServer(&httputil.ReverseProxy{Transport: w.transport(), Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: "https", Host: registry})
	}})
	t.Cleanup(front.Close)
	_, port, _ := net.SplitHostPort(front.Listener.Addr().String())
	alias := "localhost:" + port
	program := filepath.Join(shared.dir, "bin", helper)
	w.ok(program, "map", alias, registry)
	w.ok(program, "configure-docker", alias)
	w.aws.ResetLog()
	ref := alias + strings.TrimPrefix(repo("v1"), registry)
	w.load(docker, ref)
	w.ok(docker, "push", ref)
	w.calls(map[awstest.Op]int{awstest.GetRoleCredentials: 1, awstest.GetAuthorizationToken: 1})
	w.ok(docker, "rmi", ref)
	w.ok(docker, "pull", ref)
	w.calls(quiet)
	w.ok(docker, "rmi", ref)
}

// transport returns a transport that connects to the fake AWS and its registries.
func (w *world) transport() *http.Transport {
	w.t.Helper()
	pool, proxy := x509.NewCertPool(), ""
	pem, err := os.ReadFile(w.aws.CAFile())
	if err != nil || !pool.AppendCertsFromPEM(pem) {
		w.t.Fatal(err)
	}
	for _, kv := range w.env {
		if value, ok := strings.CutPrefix(kv, "HTTPS_PROXY="); ok {
			proxy = value
		}
	}
	at, err := url.Parse(proxy)
	if err != nil {
		w.t.Fatal(err)
	}
	return &http.Transport{Proxy: http.ProxyURL(at), TLSClientConfig: &tls.Config{RootCAs: pool}}
}

// With the drop-in, podman calls the helper for every registry, but its own login and
// logout commands still work.
func TestPodmanEveryRegistry(t *testing.T) {
	podman := find(t, "podman", "podman")
	w := storage(t)
	w.signIn()
	w.write(".docker/config.json", `{}`)
	w.ok(filepath.Join(shared.dir, "bin", helper), "configure-docker", "--podman", "--all-registries")
	other := basicRegistry(t)
	w.ok(podman, "login", "--tls-verify=false", "-u", "me", "-p", "pa:ss word", other)
	w.aws.ResetLog()
	ref, ecr := other+"/team/app:v1", repo("v1")
	w.ok(podman, "load", "-q", "-i", w.image(ref))
	w.ok(podman, "push", "-q", "--tls-verify=false", ref)
	w.calls(quiet)
	w.ok(podman, "tag", ref, ecr)
	w.ok(podman, "push", "-q", ecr)
	w.calls(map[awstest.Op]int{awstest.GetRoleCredentials: 1, awstest.GetAuthorizationToken: 1})
	w.ok(podman, "logout", other)
	if r := w.run("", podman, "push", "-q", "--tls-verify=false", ref); r.code == 0 {
		t.Error("podman logout left a login")
	}
}
