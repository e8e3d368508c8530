package cli

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
)

// notOurs lists environment variables that the linked part of the AWS SDK reads but package
// env does not contain, each with the reason.
var notOurs = map[string]string{
	"AWS_EXECUTION_ENV":                      "a word in the User-Agent header",
	"AWS_LAMBDA_FUNCTION_NAME":               "a header inside AWS Lambda",
	"_X_AMZN_TRACE_ID":                       "the same",
	"AWS_NEW_RETRIES_2026":                   "the SDK's retries, which are not used",
	"AWS_ENABLE_DEFAULT_SOCKET_TIMEOUT_2026": "the SDK's transport, which is not used",
}

// loaderPackage reads most of the SDK's variables. awsclient discards what it reads
// (TestProcessEnvironmentIsIgnored). TestSDKLoaderIsCalledOnce checks that no other
// code calls the loader.
const loaderPackage = "github.com/aws/aws-sdk-go-v2/config"

func TestSDKLoaderIsCalledOnce(t *testing.T) {
	t.Parallel()
	const caller = "pkg/internal/awsclient/client.go"
	for _, file := range linkedFiles(t) {
		source := readSource(t, file)
		if imports := strings.Contains(source, strconv.Quote(loaderPackage)); imports != (file == caller) {
			t.Errorf("%s imports the loader: %v", file, imports)
		}
		for _, with := range []string{"config.WithSharedConfigFiles([]string{})", "config.WithSharedCredentialsFiles([]string{})", "return withoutEnvironment(cfg)"} {
			if file == caller && (strings.Count(source, "config.Load") != 1 || strings.Count(source, with) != 1) {
				t.Errorf("%s: one load, with %s", file, with)
			}
		}
	}
}

// linkedFiles returns the paths of our linked Go files in the source tree.
func linkedFiles(t *testing.T) (files []string) {
	t.Helper()
	for _, p := range linkedPackages(t, runtime.GOOS) {
		if dir, ours := local(p.ImportPath); ours {
			for _, name := range p.GoFiles {
				files = append(files, dir+"/"+name)
			}
		}
	}
	return files
}

// TestSDKReadsOnlyKnownVariables checks all linked SDK code except the loader. A variable
// that only the SDK reads could select different credentials than explain shows, or make a
// get fail because of an unneeded setting.
func TestSDKReadsOnlyKnownVariables(t *testing.T) {
	t.Parallel()
	rows := map[string]bool{}
	for _, row := range env.Table() {
		rows[row.Name] = true
	}
	found := map[string]bool{}
	for _, p := range linkedPackages(t, runtime.GOOS) {
		if !strings.HasPrefix(p.ImportPath, "github.com/aws/") || p.ImportPath == loaderPackage {
			continue
		}
		for _, name := range variables(t, p.Dir, p.GoFiles) {
			found[name] = true
			if !rows[name] && notOurs[name] == "" {
				t.Errorf("%s reads %s: add it to package env, or hide it from the SDK and add the reason here", p.ImportPath, name)
			}
		}
	}
	for name := range notOurs {
		if !found[name] {
			t.Errorf("%s is not read by any code", name)
		}
	}
	if !found["AWS_EC2_METADATA_DISABLED"] {
		t.Error("the search found nothing")
	}
}

// variables returns the arguments of the package's calls to os.Getenv and os.LookupEnv. For
// other than literals and constants, it returns the source text.
func variables(t *testing.T, dir string, files []string) (names []string) {
	t.Helper()
	sources, reads := make([][]byte, len(files)), false
	for i, name := range files {
		var err error
		if sources[i], err = os.ReadFile(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		reads = reads || bytes.Contains(sources[i], []byte("Getenv")) || bytes.Contains(sources[i], []byte("LookupEnv"))
	}
	if !reads {
		return nil // parsing takes a second
	}
	constants := map[string]string{}
	var asked []ast.Expr
	for i, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, sources[i], parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ValueSpec:
				for i, value := range n.Values {
					if text, ok := literal(value); ok && i < len(n.Names) {
						constants[n.Names[i].Name] = text
					}
				}
			case *ast.CallExpr:
				f, ok := n.Fun.(*ast.SelectorExpr)
				if ok && len(n.Args) == 1 && (f.Sel.Name == "Getenv" || f.Sel.Name == "LookupEnv") {
					asked = append(asked, n.Args[0])
				}
			}
			return true
		})
	}
	for _, arg := range asked {
		name, ok := literal(arg)
		if id, is := arg.(*ast.Ident); is && !ok {
			if name, ok = constants[id.Name]; !ok {
				name = id.Name
			}
		}
		names = append(names, name)
	}
	return names
}

func literal(e ast.Expr) (string, bool) {
	l, ok := e.(*ast.BasicLit)
	if !ok || l.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(l.Value)
	return text, err == nil
}
