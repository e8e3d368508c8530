//go:build e2e && linux

package e2e

import (
	"bufio"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// corpusDir contains the configuration files. NAME.credentials, if it exists, is the
// credentials file of NAME.ini. corpus.json next to it records how the AWS CLI reads them.
// The awsconfig tests compare their parser with it.
const corpusDir = "../../pkg/internal/awsconfig/testdata/corpus"

// reading contains the AWS CLI's results from reading a file.
type reading struct {
	Error    string                       `json:"error,omitempty"`
	Sections map[string]map[string]string `json:"sections,omitempty"`
	Profiles []string                     `json:"profiles,omitempty"`
	Sessions []string                     `json:"sessions,omitempty"`
	// Keys lists the sections of the credentials file.
	Keys []string `json:"keys,omitempty"`
}

// outcome is the result of a login with a profile: the identity "account/role", or "" if it
// failed. Ours is set only if our result differs from the AWS CLI's.
type outcome struct {
	CLI  string  `json:"cli"`
	Ours *string `json:"ours,omitempty"`
}

type corpusEntry struct {
	reading
	Logins map[string]outcome `json:"logins,omitempty"`
}

// onlyOurs lists profiles that we find but the AWS CLI does not.
var onlyOurs = map[string][]string{
	"name-with-blank-bare.ini": {"my prod"}, "name-blanks-around.ini": {"prod"}, "name-backslash-bare.ini": {`DOMAIN\user`},
	"comment-behind-header-bracket.ini": {"prod"}, "comment-behind-header-no-blank.ini": {"prod"},
}

// corpusWorld is a home directory with the corpus files.
type corpusWorld struct {
	*world
	reader *bufio.Scanner
	ask    *json.Encoder
	words  *strings.Replacer // replaces the placeholders in a file
}

func newCorpusWorld(t *testing.T) *corpusWorld {
	w := &corpusWorld{world: newWorld(t)}
	w.awsCLI()
	token := w.aws.SignIn(startURL, region, true)
	for _, key := range []string{startURL, startURL + "/#/"} {
		w.home.WriteToken(key, token)
	}
	// The corpus files spell the start URL in several ways. A token with a start URL that
	// differs from the configuration is not used.
	token.StartURL = ""
	for _, key := range []string{session, "Corp", "My Corp", "default", "会社", "a #b"} {
		w.home.WriteToken(key, token)
	}
	// Each get must call AWS, because the fake AWS's log shows the identity.
	if err := os.MkdirAll(filepath.Join(w.home.Dir, ".config", helper), 0o700); err != nil {
		t.Fatal(err)
	}
	w.write(".config/"+helper+"/config.toml", "cache = \"none\"\n")
	keys, foreign := w.aws.AddKeys(account), w.aws.AddKeys(other)
	printed, err := json.Marshal(map[string]any{"Version": 1, "AccessKeyId": foreign.AccessKeyID, "SecretAccessKey": foreign.SecretAccessKey})
	if err != nil {
		t.Fatal(err)
	}
	w.write("tool", "#!/bin/sh\necho '"+string(printed)+"'\n")
	w.write("web-token", w.aws.AddWebIdentity())
	if err := os.Chmod(filepath.Join(w.home.Dir, "tool"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(w.home.Dir, "my tools"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(w.home.Dir, "tool"), filepath.Join(w.home.Dir, "my tools", "tool")); err != nil {
		t.Fatal(err)
	}
	w.words = strings.NewReplacer("KEYID", keys.AccessKeyID, "KEYSECRET", keys.SecretAccessKey,
		"PROCESS", `"`+filepath.Join(w.home.Dir, "my tools", "tool")+`"`, "TOKENFILE", filepath.Join(w.home.Dir, "web-token"))
	w.startReader()
	return w
}

// startReader starts the AWS CLI's configuration reader, once for all files.
func (w *corpusWorld) startReader() {
	cmd := exec.CommandContext(w.t.Context(), find(w.t, "python3", "awscli"), "testdata/botocore_reads.py")
	cmd.Env, cmd.Stderr = w.env, os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	w.ask, w.reader = json.NewEncoder(in), bufio.NewScanner(out)
	w.reader.Buffer(nil, 16<<20)
}

func (w *corpusWorld) cli(question map[string]string) (answer reading) {
	w.t.Helper()
	if err := w.ask.Encode(question); err != nil {
		w.t.Fatal(err)
	}
	if !w.reader.Scan() {
		w.t.Fatalf("the AWS CLI's reader ended at %v: %v", question, w.reader.Err())
	}
	if err := json.Unmarshal(w.reader.Bytes(), &answer); err != nil {
		w.t.Fatal(err)
	}
	return answer
}

// identity returns the identity of the last successful GetAuthorizationToken call since
// the previous call of identity.
func (w *corpusWorld) identity() (identity string) {
	for _, call := range w.aws.Log() {
		if call.Op == awstest.GetAuthorizationToken && call.Status == 200 {
			identity = strings.TrimSuffix(call.Key, "/"+region)
		}
	}
	w.aws.ResetLog()
	return identity
}

// ours runs the helper with a configuration file.
func (w *corpusWorld) ours(path, profile, stdin string, args ...string) {
	w.t.Helper()
	cmd := exec.CommandContext(w.t.Context(), filepath.Join(shared.dir, "bin", helper), args...)
	cmd.Env = append(slices.Clone(w.env), "AWS_CONFIG_FILE="+path, "AWS_PROFILE="+profile, "CI=true")
	cmd.Dir, cmd.Stdin = w.home.Dir, strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if strings.Contains(string(out), "internal error") {
		w.t.Errorf("%s: %s: %v", path, w.redact(string(out)), err)
	}
}

// login logs in with a profile, once with the AWS CLI's code and once with the helper.
func (w *corpusWorld) login(path, profile string) outcome {
	w.aws.ResetLog()
	w.cli(map[string]string{"login": path, "profile": profile})
	o := outcome{CLI: w.identity()}
	w.ours(path, profile, registry, "get")
	if ours := w.identity(); ours != o.CLI {
		o.Ours = &ours
	}
	return o
}

// edit adds a profile with `configure`. If the AWS CLI can read the file, it must then read
// the same sections and the new profile. Otherwise, the file must not change.
func (w *corpusWorld) edit(path string, before reading) {
	w.t.Helper()
	old, err := os.ReadFile(path)
	if err != nil {
		w.t.Fatal(err)
	}
	w.ours(path, "", "", "configure", "--profile", "added", "--sso-session", "", "--start-url", startURL, "--sso-region", region,
		"--account-id", account, "--role-name", role, "--region", region, "--no-docker")
	edited, err := os.ReadFile(path)
	if err != nil {
		w.t.Fatal(err)
	}
	if string(edited) == string(old) {
		if before.Error == "" && !refusesEdit[filepath.Base(path)] {
			w.t.Errorf("%s was not edited", filepath.Base(path))
		}
		return
	}
	after := w.cli(map[string]string{"read": path})
	added := after.Sections["profile added"]
	if added["sso_role_name"] != role || added["sso_start_url"] != startURL {
		w.t.Errorf("%s: the AWS CLI reads the new profile as %v (%s)", filepath.Base(path), added, after.Error)
	}
	delete(after.Sections, "profile added")
	if diff := cmp.Diff(before.Sections, after.Sections); diff != "" {
		w.t.Errorf("%s: the AWS CLI reads other values (-before +after):\n%s", filepath.Base(path), diff)
	}
}

// refusesEdit lists files that the AWS CLI can read but that we do not edit.
var refusesEdit = map[string]bool{
	"zero-byte.ini":          true, // the tools count its lines differently
	"header-open-equals.ini": true, // the AWS CLI reads a key, but it looks like a broken header
}

// TestCorpus tries each configuration file in the corpus with the AWS CLI's code and with
// the helper. corpus.json records the AWS CLI's results and the helper's differences
// (-update writes it). The only allowed difference is a login that works with the helper
// but fails with the AWS CLI.
func TestCorpus(t *testing.T) {
	w := newCorpusWorld(t)
	golden := map[string]corpusEntry{}
	data, err := os.ReadFile(corpusDir + ".json")
	if err == nil {
		err = json.Unmarshal(data, &golden)
	}
	if err != nil && !*update {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(corpusDir, "*.ini"))
	if err != nil || len(files) < 60 {
		t.Fatal(len(files), err)
	}
	got := map[string]corpusEntry{}
	for _, file := range files {
		got[filepath.Base(file)] = w.try(file)
	}
	for name, entry := range got {
		for profile, o := range entry.Logins {
			if o.CLI != "" && o.Ours != nil {
				t.Errorf("%s: with profile %q the AWS CLI is %s and we are %q", name, profile, o.CLI, *o.Ours)
			}
		}
	}
	if *update {
		text, err := json.MarshalIndent(got, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(corpusDir+".json", append(text, '\n'), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(golden, got, cmp.AllowUnexported(corpusEntry{}), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("corpus.json (-golden +now):\n%s", diff)
	}
}

// alike matches files that differ only in the type of whitespace. The test only reads
// them.
var alike = regexp.MustCompile(`^blank-(85|2003|1f|2028)-`)

func (w *corpusWorld) try(file string) corpusEntry {
	text, err := os.ReadFile(file)
	if err != nil {
		w.t.Fatal(err)
	}
	path := filepath.Join(w.home.Dir, filepath.Base(file))
	w.write(filepath.Base(file), w.words.Replace(string(text)))
	credentials, err := os.ReadFile(strings.TrimSuffix(file, ".ini") + ".credentials")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		w.t.Fatal(err)
	}
	w.write(".aws/credentials", w.words.Replace(string(credentials)))
	entry := corpusEntry{reading: w.cli(map[string]string{"read": file}), Logins: map[string]outcome{}}
	entry.Keys = w.cli(map[string]string{"keys": filepath.Join(w.home.Dir, ".aws/credentials")}).Keys
	profiles := slices.Concat(entry.Profiles, entry.Keys, onlyOurs[filepath.Base(file)])
	if entry.Error != "" {
		profiles = []string{"prod"}
	}
	if alike.MatchString(filepath.Base(file)) {
		return entry
	}
	for _, profile := range slices.DeleteFunc(profiles, func(name string) bool { return name == "" }) {
		entry.Logins[profile] = w.login(path, profile)
	}
	w.edit(path, w.cli(map[string]string{"read": path}))
	return entry
}
