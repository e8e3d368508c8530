package cli

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

func (s *stage) leaks(text string) bool { return awstest.Leaks(s.aws.Secrets(), text) }

// scanFiles searches every file in the home directory, and the files in more, for secrets.
func (s *stage) scanFiles(t *testing.T, more ...string) {
	for _, err := range awstest.ScanFiles(s.home, s.aws.Secrets()) {
		t.Error(err)
	}
	for _, path := range more {
		if data, err := os.ReadFile(path); err == nil && s.leaks(string(data)) {
			t.Errorf("a secret in %s", path)
		}
	}
}

// witness checks the output of every command in a script, including our own commands and
// their terminals, before it is written to the test log.
type witness struct {
	*testing.T
	stage *stage // the script's stage; nil for the parent test
}

// Run implements testscript.T.
func (w *witness) Run(name string, f func(testscript.T)) {
	w.T.Run(name, func(t *testing.T) { f(&witness{T: t}) })
}

// Verbose makes testscript also log passing commands, so that witness checks their output.
func (w *witness) Verbose() bool { return true }

// answers matches output lines in which a get may print a secret.
var answers = regexp.MustCompile(`(?m)^\{"ServerURL":"[^"]*","Username":"AWS","Secret":"[^"]*"\}$`)

// Log implements testscript.T.
func (w *witness) Log(args ...any) {
	w.Helper()
	text := fmt.Sprint(args...)
	w.T.Log(text)
	if w.stage == nil {
		return
	}
	if strings.Contains(text, `{"ServerURL":"`) { // few texts have one, and the search is slow
		text = answers.ReplaceAllString(text, "")
	}
	if !w.stage.leaks(text) {
		return
	}
	for line := range strings.Lines(text) {
		if w.stage.leaks(line) {
			w.Errorf("a script command printed a secret: %.80q", line)
		}
	}
}
