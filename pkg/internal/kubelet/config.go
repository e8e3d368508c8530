package kubelet

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

// Setup describes the kubelet's configuration for this program: a separate file in a
// directory. The kubelet reads one file or, in recent versions, all files in a directory.
type Setup struct {
	Dir       string // configuration directory, an absolute path
	Program   string // absolute path of the program that the kubelet starts
	CacheDir  string // "": the kubelet command's default
	Env       []string
	Aliases   []string // additional hosts
	Accounts  bool     // send service account tokens
	Overwrite bool     // replace a file that was edited, and ignore other files
	Remove    bool
	DryRun    bool
}

// SetupReport describes the changes of Configure or, with DryRun, the changes that it would
// make.
type SetupReport struct {
	Path    string
	Text    string // file content; "" if the file is removed
	Changed bool
}

// ConflictError means that a file in the directory prevents the change.
type ConflictError struct{ Path, Why string }

func (e *ConflictError) Error() string { return e.Path + " " + e.Why }

const (
	// ConfigFile is the name of our file.
	ConfigFile = hint.Program + ".yaml"

	mark = "# Written by " + hint.Program + " configure-kubelet."

	maxConfig = 1 << 20
)

// Path returns the path of the file.
func (s Setup) Path() string { return filepath.Join(s.Dir, ConfigFile) }

// Configure writes or removes the file. It fails if an existing file was not written by
// Configure. It also fails if a different file in the directory configures an ECR
// provider, because the kubelet would run both providers for each image.
func Configure(s Setup) (SetupReport, error) {
	report := SetupReport{Path: s.Path()}
	if !s.Remove {
		var err error
		if report.Text, err = s.text(); err != nil {
			return report, err
		}
	}
	old, err := safefile.Read(report.Path, maxConfig)
	exists := err == nil
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return report, err
	case exists && !bytes.HasPrefix(old, []byte(mark)) && !s.Overwrite:
		return report, &ConflictError{report.Path, "was not written by this command"}
	}
	if !s.Remove && !s.Overwrite {
		if err := s.otherProvider(); err != nil {
			return report, err
		}
	}
	report.Changed = string(old) != report.Text || exists == s.Remove
	if !report.Changed || s.DryRun {
		return report, nil
	}
	if s.Remove {
		return report, safefile.Remove(report.Path)
	}
	if err := safefile.MakeDir(s.Dir); err != nil {
		return report, safefile.ExplainWrite(report.Path, err)
	}
	return report, safefile.ExplainWrite(report.Path, safefile.Write(report.Path, []byte(report.Text), 0o644))
}

// forECR matches an ECR provider in a CredentialProviderConfig, in YAML or JSON.
var forECR = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`\.dkr[.-]ecr|ecr-credential-provider|public\.ecr\.aws`)
})

// otherProvider looks for an ECR provider in the other files that the kubelet reads from
// the directory.
func (s Setup) otherProvider() error {
	entries, err := os.ReadDir(s.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		ext := filepath.Ext(e.Name())
		if e.Name() == ConfigFile || !slices.Contains([]string{".yaml", ".yml", ".json"}, ext) || e.IsDir() {
			continue
		}
		path := filepath.Join(s.Dir, e.Name())
		data, err := safefile.Read(path, maxConfig)
		if err != nil {
			return err
		}
		if bytes.Contains(data, []byte("CredentialProviderConfig")) && forECR().Match(data) {
			return &ConflictError{path, "configures another provider for ECR"}
		}
	}
	return nil
}

// text returns the file content. It quotes strings like JSON, which is valid YAML.
func (s Setup) text() (string, error) {
	args := []string{"kubelet"}
	if s.CacheDir != "" {
		args = append(args, "--cache-dir="+s.CacheDir)
	}
	var b strings.Builder
	line := func(format string, values ...any) { fmt.Fprintf(&b, format+"\n", values...) }
	line("%s Another run replaces it.", mark)
	line("apiVersion: kubelet.config.k8s.io/v1")
	line("kind: CredentialProviderConfig")
	line("providers:")
	line("  - name: %s", strconv.Quote(filepath.Base(s.Program)))
	line("    matchImages:")
	for _, pattern := range append(registry.Patterns(), s.Aliases...) {
		line("      - %q", pattern)
	}
	line("    defaultCacheDuration: 0s")
	line("    apiVersion: %sv1", group)
	line("    args: [%s]", quoted(args))
	if len(s.Env) > 0 {
		line("    env:")
	}
	for _, kv := range s.Env {
		name, value, ok := strings.Cut(kv, "=")
		if !ok || name == "" {
			return "", fmt.Errorf("%.60q is not NAME=VALUE", kv)
		}
		if secretVariable(name) {
			return "", fmt.Errorf("%s is a secret, and every user of the node could read it in the file", name)
		}
		line("      - {name: %q, value: %q}", name, value)
	}
	if s.Accounts {
		line("    tokenAttributes:")
		line("      serviceAccountTokenAudience: sts.amazonaws.com")
		line("      cacheType: ServiceAccount")
		line("      requireServiceAccount: false")
		line("      optionalServiceAccountAnnotationKeys: [%s]", roleAnnotation)
	}
	return b.String(), nil
}

func quoted(words []string) string {
	var all []string
	for _, w := range words {
		all = append(all, strconv.Quote(w))
	}
	return strings.Join(all, ", ")
}

func secretVariable(name string) bool {
	return slices.ContainsFunc(env.Table(), func(row env.Row) bool { return row.Secret && row.Name == name && row.Owner == env.AWS })
}
