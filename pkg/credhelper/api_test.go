package credhelper_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker-credential-helpers/credentials"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/credhelper"
)

// Programs outside this module cannot name types of internal packages, so exported
// declarations of public packages must not need them.
func TestExportedNamesUseNoInternalTypes(t *testing.T) {
	for _, dir := range []string{".", "../registry"} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatal(files, err)
		}
		for _, path := range files {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			internal := map[string]bool{}
			for _, spec := range file.Imports {
				if importPath := strings.Trim(spec.Path.Value, `"`); strings.Contains(importPath, "/internal/") {
					internal[importPath[strings.LastIndexByte(importPath, '/')+1:]] = true
				}
			}
			if !ast.FileExports(file) {
				continue
			}
			ast.Inspect(file, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.BlockStmt: // function bodies are not part of a declaration
					return false
				case *ast.ValueSpec: // nor are values, only their types
					if n.Type == nil && !literals(n.Values) {
						t.Errorf("%s: %s has no explicit type", path, n.Names[0])
					}
					if n.Type != nil {
						ast.Inspect(n.Type, mention(t, path, internal))
					}
					return false
				}
				return mention(t, path, internal)(n)
			})
		}
	}
}

// mention returns a function that reports selectors of internal packages.
func mention(t *testing.T, path string, internal map[string]bool) func(ast.Node) bool {
	return func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok && internal[x.Name] {
				t.Errorf("%s: an exported declaration has the type %s.%s", path, x.Name, s.Sel.Name)
			}
		}
		return true
	}
}

// literals reports whether the type of each value is obvious: a literal, or a call to
// errors.New.
func literals(values []ast.Expr) bool {
	for _, value := range values {
		switch v := value.(type) {
		case *ast.BasicLit:
		case *ast.CallExpr:
			if s, ok := v.Fun.(*ast.SelectorExpr); !ok || s.Sel.Name != "New" {
				return false
			}
		default:
			return false
		}
	}
	return true
}

func TestLoginDoesNotPrintPassword(t *testing.T) {
	w := newWorld(t)
	w.home.WriteToken("corp", w.aws.SignIn(startURL, region, true))
	login, err := w.helper().Login(t.Context(), host)
	if err != nil || login.Password == "" || login.Stored || login.Identity.Profile != "prod" || login.Identity.Kind != credhelper.KindSSO {
		t.Fatalf("login: %v, %+v, %v", login, login.Identity, err)
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(format, login); strings.Contains(text, login.Password) {
			t.Errorf("%s prints the password", format)
		}
	}
	if _, err := w.helper().Login(t.Context(), "docker.io"); err == nil {
		t.Error("got a login for docker.io")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_ = w.helper().Delete(host)
	if _, err := w.helper().Login(ctx, host); err == nil {
		t.Error("got a login after the context ended")
	}
}

// SignIn and SignOut have the same effects as the commands.
func TestSignInThenSignOut(t *testing.T) {
	w := newWorld(t)
	w.aws.AddInstance(startURL, region)
	signIn := credhelper.SignInOptions{DeviceCode: true, NoBrowser: true, Output: atOnce{w.aws}}
	got, err := w.helper().SignIn(t.Context(), credhelper.Target{}, signIn)
	if err != nil || got.StartURL != startURL || got.Region != region || got.AlreadySignedIn || got.RegionChanged {
		t.Fatalf("sign-in: %+v, %v", got, err)
	}
	if _, _, err := w.helper().Get(host); err != nil {
		t.Fatal(err)
	}
	signIn.IfNeeded = true
	if again, err := w.helper().SignIn(t.Context(), credhelper.Target{}, signIn); err != nil || !again.AlreadySignedIn || again.ExpiresAt.IsZero() {
		t.Errorf("sign-in if needed: %+v, %v", again, err)
	}
	out, err := w.helper().SignOut(t.Context(), credhelper.Target{SSOSession: "corp"})
	if err != nil || len(out) != 1 || out[0].Session != "corp" || out[0].StartURL != startURL || out[0].PortalErr != nil {
		t.Errorf("sign-out: %+v, %v", out, err)
	}
	var left []string
	err = filepath.WalkDir(w.home.Dir, func(path string, d os.DirEntry, err error) error {
		if data, readErr := os.ReadFile(path); readErr == nil && strings.Contains(string(data), "assword") {
			left = append(left, path)
		}
		return err
	})
	if err != nil || len(left) > 0 {
		t.Errorf("logins on disk: %v, %v", left, err)
	}
}

// Without an identity, each step of an inspection returns the reason.
func TestInspectWithoutIdentity(t *testing.T) {
	w := newWorld(t)
	helper := credhelper.New(credhelper.WithEnv(append(w.home.Env(), "AWS_PROFILE=gone")), credhelper.WithTransport(w.aws.Transport()))
	i, err := helper.Inspect(host)
	if err != nil || i.Identity != nil || i.Problem == "" {
		t.Fatalf("got %+v, error %v", i, err)
	}
	_, renewErr := i.Renew(t.Context())
	_, credentialsErr := i.Credentials(t.Context())
	_, loginErr := i.Login(t.Context(), credhelper.Credentials{})
	for _, err := range []error{renewErr, credentialsErr, loginErr} {
		if !errors.Is(err, credhelper.ErrProfile) {
			t.Errorf("%v, but the problem is %s", err, i.Problem)
		}
	}
	if _, ok := i.Cached(); ok {
		t.Error("a login is cached")
	}
}

// The key of a login from the container's credentials contains a digest of these.
func TestInspectFindsLoginOfContainer(t *testing.T) {
	w := newWorld(t)
	w.home.WriteConfig("")
	uri, token := w.aws.AddContainer("123456789012", "task")
	helper := credhelper.New(credhelper.WithTransport(w.aws.Transport()), credhelper.WithEnv(append(w.home.Env(),
		"AWS_CONTAINER_CREDENTIALS_FULL_URI="+uri, "AWS_CONTAINER_AUTHORIZATION_TOKEN="+token)))
	want, err := helper.Login(t.Context(), host)
	if err != nil {
		t.Fatal(err)
	}
	i, err := helper.Inspect(host)
	if err != nil || i.CachedUntil == nil {
		t.Fatalf("got %+v, error %v", i, err)
	}
	if got, ok := i.Cached(); !ok || got.Password != want.Password {
		t.Errorf("got %v, ok %v", got, ok)
	}
	if creds, err := i.Credentials(t.Context()); err != nil {
		t.Error(err)
	} else if _, err := i.Login(t.Context(), creds); err != nil {
		t.Error(err)
	}
}

// A login saved by docker login belongs to the user of the machine, not to a pod.
func TestWebIdentityIgnoresSavedLogin(t *testing.T) {
	w := newWorld(t)
	saved := base64.StdEncoding.EncodeToString([]byte(fmt.Sprintf(`{"expiration": %d}`, time.Now().Add(time.Hour).Unix())))
	if err := w.helper().Add(&credentials.Credentials{ServerURL: host, Username: "AWS", Secret: saved}); err != nil {
		t.Fatal(err)
	}
	const role = "arn:aws:iam::123456789012:role/Push"
	token := w.aws.ServiceAccountToken(awstest.ServiceAccount{
		Issuer: "https://c.example", Name: "team:app", Audience: "sts.amazonaws.com", Roles: []string{role},
	}, time.Hour)
	login, err := credhelper.New(credhelper.WithEnv(w.home.Env()), credhelper.WithTransport(w.aws.Transport()),
		credhelper.WithWebIdentity(credhelper.WebIdentity{RoleARN: role, Token: token})).Login(t.Context(), host)
	if err != nil || login.Stored || login.Password == saved {
		t.Errorf("%v, %v", login, err)
	}
}

// atOnce approves a device code as soon as it is displayed.
type atOnce struct{ aws *awstest.AWS }

func (a atOnce) Write(text []byte) (int, error) {
	if code, ok := deviceCode(text); ok {
		a.aws.ApproveDevice(code)
	}
	return len(text), nil
}
