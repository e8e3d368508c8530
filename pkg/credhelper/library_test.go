package credhelper_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker-credential-helpers/credentials"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/credhelper"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/settings"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/warmfile"
)

// These tests cover the promises in docs/library.md to programs that embed a Helper.

// sentinels are the error causes that callers can distinguish. An error has at most one.
var sentinels = []error{
	credhelper.ErrNotSignedIn, credhelper.ErrSessionExpired, credhelper.ErrSessionRevoked, credhelper.ErrNotAssigned,
	credhelper.ErrDenied, credhelper.ErrNoCredentials, credhelper.ErrAmbiguous, credhelper.ErrProfile,
	credhelper.ErrNetwork, credhelper.ErrService, credhelper.ErrNotStorable,
}

func TestErrorCauses(t *testing.T) {
	signIn := func(w *world) { w.home.WriteToken("corp", w.aws.SignIn(startURL, region, true)) }
	fail := func(op awstest.Op, f awstest.Fault) func(*world) {
		return func(w *world) { signIn(w); w.aws.Fail(op, f) }
	}
	for name, c := range map[string]struct {
		set  func(*world)
		more []string // additional environment
		is   error
	}{
		"not signed in": {func(*world) {}, nil, credhelper.ErrNotSignedIn},
		"session expired": {func(w *world) {
			token := w.aws.SignIn(startURL, region, false)
			token.ExpiresAt = w.now().Add(-time.Hour)
			w.home.WriteToken("corp", token)
		}, nil, credhelper.ErrSessionExpired},
		"session revoked": {func(w *world) {
			w.home.WriteToken("corp", w.aws.SignIn(startURL, region, false))
			w.aws.RevokeSession()
		}, nil, credhelper.ErrSessionRevoked},
		"role not assigned":      {func(w *world) { signIn(w); w.aws.DenyRole("123456789012", "Push") }, nil, credhelper.ErrNotAssigned},
		"ECR denied":             {func(w *world) { signIn(w); w.aws.DenyECR("") }, nil, credhelper.ErrDenied},
		"profile missing":        {signIn, []string{"AWS_PROFILE=gone"}, credhelper.ErrProfile},
		"no profile":             {func(w *world) { w.home.WriteConfig("") }, nil, credhelper.ErrNoCredentials},
		"network down":           {fail(awstest.Any, awstest.Fault{Kind: awstest.Down}), nil, credhelper.ErrNetwork},
		"untrusted certificate":  {fail(awstest.Portal, awstest.Fault{Kind: awstest.WrongCA}), nil, credhelper.ErrNetwork},
		"captive portal":         {fail(awstest.ECR, awstest.Fault{Kind: awstest.HTML}), nil, credhelper.ErrNetwork},
		"portal unavailable":     {fail(awstest.Portal, awstest.Fault{Status: 503}), nil, credhelper.ErrService},
		"ECR is throttling":      {fail(awstest.ECR, awstest.Fault{Kind: awstest.Throttle}), nil, credhelper.ErrService},
		"ECR's answer is broken": {fail(awstest.ECR, awstest.Fault{Kind: awstest.Garbage}), nil, credhelper.ErrService},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c.set(w)
			_, _, err := credhelper.New(credhelper.WithEnv(append(w.home.Env(), c.more...)),
				credhelper.WithClock(w.now), credhelper.WithTransport(w.aws.Transport())).Get(host)
			for _, s := range sentinels {
				if errors.Is(err, s) != (s == c.is) {
					t.Errorf("is it %q? %v: %v", s, errors.Is(err, s), err)
				}
			}
			_, isFault := errors.AsType[*awsclient.Fault](err)
			if aws, ok := errors.AsType[*credhelper.AWSError](err); ok != (isFault && c.is != credhelper.ErrNoCredentials) || ok && (aws.Host == "" || aws.Service == "") {
				t.Errorf("AWSError %+v of %v", aws, err)
			}
			if fromAWS := c.is == credhelper.ErrNetwork || c.is == credhelper.ErrService || c.is == credhelper.ErrDenied; fromAWS && !isFault {
				t.Errorf("no AWSError: %v", err)
			}
			if credentials.IsErrCredentialsNotFound(err) {
				t.Error("clients would continue anonymously")
			}
		})
	}
}

func TestWithSettingsReplacesFile(t *testing.T) {
	w := newWorld(t)
	w.home.SSOProfile("second", "corp", startURL, region, "123456789012", "ReadOnly") // now ambiguous
	w.aws.AddAccount("123456789012", "Production", "prod@example.com", "ReadOnly")
	w.home.WriteToken("corp", w.aws.SignIn(startURL, region, true))
	e := env.FromList(w.home.Env())
	file := settings.Path(e)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("this is no TOML"), 0o600); err != nil {
		t.Fatal(err)
	}
	with := func(s credhelper.Settings) *credhelper.Helper {
		return credhelper.New(credhelper.WithEnv(e.List()), credhelper.WithSettings(s), credhelper.WithTransport(w.aws.Transport()))
	}
	mapped := with(credhelper.Settings{Profiles: map[string]string{"*.dkr.ecr.*.amazonaws.com": "second"}, Cache: credhelper.CacheNone})
	if _, _, err := mapped.Get(host); err != nil {
		t.Fatal(err)
	}
	// Nothing is cached, so List must get each login that it returns.
	asked := w.aws.Calls(awstest.GetAuthorizationToken)
	list, err := mapped.List()
	if err != nil || list[host] != "AWS" || w.aws.Calls(awstest.GetAuthorizationToken) == asked {
		t.Errorf("list: %v, %v", list, err)
	}
	if _, _, err := with(credhelper.Settings{Cache: "cloud"}).Get(host); err == nil || !strings.Contains(err.Error(), `cache = "cloud"`) {
		t.Errorf("invalid value: %v", err)
	}
}

// Warm entries depend only on files, so a Helper with WithSettings must not write any.
func TestWithSettingsWritesNoWarmEntry(t *testing.T) {
	if !warmfile.Supported {
		t.Skip("no warm path on this system")
	}
	w := newWorld(t)
	w.home.WriteToken("corp", w.aws.SignIn(startURL, region, true))
	past := time.Now().Add(-time.Hour)
	for _, path := range []string{w.home.ConfigPath(), w.home.TokenPath("corp")} {
		if err := os.Chtimes(path, past, past); err != nil {
			t.Fatal(err)
		}
	}
	e := env.FromList(w.home.Env())
	for _, own := range []bool{true, false} {
		options := []credhelper.Option{credhelper.WithEnv(e.List()), credhelper.WithTransport(w.aws.Transport())}
		if own {
			options = append(options, credhelper.WithSettings(credhelper.Settings{}))
		}
		if _, _, err := credhelper.New(options...).Get(host); err != nil {
			t.Fatal(err)
		}
		if left, _ := filepath.Glob(filepath.Join(e.CacheDir(), "*"+warmfile.Suffix)); (len(left) == 0) != own {
			t.Errorf("with WithSettings: %v, warm entries: %v", own, left)
		}
	}
}

// The next get must ask the container again, because the same address can return another
// identity. A warm entry would answer it.
func TestContainerLoginHasNoWarmEntry(t *testing.T) {
	if !warmfile.Supported {
		t.Skip("no warm path on this system")
	}
	w := newWorld(t)
	w.home.WriteConfig("[profile p]\ncredential_source = EcsContainer\nrole_arn = arn:aws:iam::123456789012:role/Push\n")
	past := time.Now().Add(-time.Hour)
	if err := os.Chtimes(w.home.ConfigPath(), past, past); err != nil {
		t.Fatal(err)
	}
	uri, token := w.aws.AddContainer("123456789012", "task")
	file := filepath.Join(w.home.Dir, "token")
	if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
	for profile, warm := range map[string]int{"": 0, "p": 1} {
		e := env.FromList(append(w.home.Env(), "AWS_PROFILE="+profile, "ECR_SSO_CACHE_DIR="+filepath.Join(t.TempDir(), "cache"),
			"AWS_CONTAINER_CREDENTIALS_FULL_URI="+uri, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE="+file))
		if _, _, err := credhelper.New(credhelper.WithEnv(e.List()), credhelper.WithTransport(w.aws.Transport())).Get(host); err != nil {
			t.Fatal(err)
		}
		if got, _ := filepath.Glob(filepath.Join(e.CacheDir(), "*"+warmfile.Suffix)); len(got) != warm {
			t.Errorf("profile %q: warm entries: %v", profile, got)
		}
	}
}

func TestWithContextCancelsCall(t *testing.T) {
	w := newWorld(t)
	w.home.WriteToken("corp", w.aws.SignIn(startURL, region, true))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err := credhelper.New(credhelper.WithContext(ctx), credhelper.WithEnv(w.home.Env()),
		credhelper.WithTransport(w.aws.Transport())).Get(host)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v", err)
	}
}

// A Helper writes only to its logger, and never logs secrets.
func TestHelperWritesOnlyToLogger(t *testing.T) {
	w := newWorld(t)
	w.home.WriteToken("corp", w.aws.SignIn(startURL, region, true))
	var log bytes.Buffer
	printed := captured(t, func() {
		h := credhelper.New(credhelper.WithEnv(w.home.Env()), credhelper.WithTransport(w.aws.Transport()),
			credhelper.WithLogger(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))))
		if _, _, err := h.Get(host); err != nil {
			t.Error(err)
		}
		w.aws.Fail(awstest.Any, awstest.Fault{Kind: awstest.Down})
		_ = h.Delete(host)
		if _, _, err := h.Get(host); err == nil {
			t.Error("no error without a network")
		}
	})
	if printed != "" {
		t.Errorf("printed: %q", printed)
	}
	if !strings.Contains(log.String(), "GetRoleCredentials") {
		t.Errorf("no calls in the log:\n%s", &log)
	}
	for _, s := range w.aws.Secrets() {
		if len(s) > 8 && strings.Contains(log.String(), s) {
			t.Error("the log contains a secret")
		}
	}
}

// captured returns the output that the process writes during work.
func captured(t *testing.T, work func()) string {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "printed"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out, errOut := os.Stdout, os.Stderr
	os.Stdout, os.Stderr = f, f
	work()
	os.Stdout, os.Stderr = out, errOut
	data, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// The page must list every option, and its code must match the examples, which are run.
func TestLibraryPageIsUpToDate(t *testing.T) {
	page, err := os.ReadFile(filepath.FromSlash("../../docs/library.md"))
	if err != nil {
		t.Fatal(err)
	}
	code, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, option := range regexp.MustCompile(`(?m)^func (With\w+)\(`).FindAllStringSubmatch(string(source), -1) {
			if !strings.Contains(string(page), "| `"+option[1]+"` |") {
				t.Errorf("%s is missing from the page", option[1])
			}
		}
	}
	blocks := strings.Split(string(page), "```go\n")[1:]
	if len(blocks) == 0 {
		t.Fatal("the page has no code")
	}
	have := strings.Join(strings.Fields(string(code)), " ")
	for _, block := range blocks {
		block, _, _ = strings.Cut(block, "```")
		if !strings.Contains(have, strings.Join(strings.Fields(block), " ")) {
			t.Errorf("this code is not in example_test.go:\n%s", block)
		}
	}
}
