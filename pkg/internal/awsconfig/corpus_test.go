package awsconfig

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// corpusEntry is the AWS CLI result for a file in testdata/corpus. TestCorpus in package
// e2e uses the real AWS CLI to write and check testdata/corpus.json.
type corpusEntry struct {
	Error              string
	Sections           map[string]map[string]string
	Profiles, Sessions []string
	Logins             map[string]struct {
		CLI  string // the identity "account/role", "" = rejected
		Ours *string
	}
}

// refusesEdit lists the files that the AWS CLI can read but this program does not edit.
var refusesEdit = map[string]bool{"zero-byte.ini": true, "header-open-equals.ini": true}

func TestCorpus(t *testing.T) {
	data, err := os.ReadFile("testdata/corpus.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden map[string]corpusEntry
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("testdata/corpus/*.ini")
	if err != nil || len(files) != len(golden) {
		t.Fatalf("%d files, %d in corpus.json: %v", len(files), len(golden), err)
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if runtime.GOOS == "windows" && filepath.Base(path) == "latin1.ini" {
				t.Skip("on Windows the AWS CLI reads the code page of the system")
			}
			want := golden[filepath.Base(path)]
			readsAsCLI(t, string(text), want)
			readsNoLess(t, path, string(text), want)
			editsSafely(t, path, string(text), want)
		})
	}
}

// readsAsCLI compares our implementation of the AWS CLI reader with the AWS CLI.
func readsAsCLI(t *testing.T, text string, want corpusEntry) {
	got, err := readAsCLI(text)
	if (err != nil) != (want.Error != "") {
		t.Fatalf("error %v, the AWS CLI: %q", err, want.Error)
	}
	if err != nil {
		return
	}
	if diff := cmp.Diff(want.Sections, inherited(got)); diff != "" {
		t.Errorf("sections (-AWS CLI +ours):\n%s", diff)
	}
	for _, name := range want.Profiles {
		if _, known := got.byName()[sectionKey{kindProfile, name}]; !known {
			t.Errorf("profile %q is not known", name)
		}
	}
	for _, name := range want.Sessions {
		if _, known := got.byName()[sectionKey{kindSession, name}]; !known {
			t.Errorf("session %q is not known", name)
		}
	}
}

// inherited returns all sections with the keys of [DEFAULT], as Python returns them.
func inherited(f cliFile) map[string]map[string]string {
	sections := map[string]map[string]string{}
	for name, keys := range f.sections {
		sections[name] = maps.Clone(f.defaults)
		maps.Copy(sections[name], keys)
	}
	if len(sections) == 0 {
		return nil
	}
	return sections
}

// readsNoLess checks that our reader finds each profile and session that the AWS CLI finds,
// with the same values. It also checks that SSO profiles resolve to the identity that the
// AWS CLI uses.
func readsNoLess(t *testing.T, path, text string, want corpusEntry) {
	c, err := Load(Paths{Config: path})
	if err != nil {
		if _, ok := errors.AsType[*UnreadableError](err); !ok || want.Error == "" {
			t.Errorf("not loaded: %v", err)
		}
		return
	}
	for _, name := range want.Sessions {
		if _, ok := c.Session(name); !ok {
			t.Errorf("no session %q", name)
		}
	}
	cli, _ := readAsCLI(text)
	for _, name := range want.Profiles {
		p, ok := c.Profile(name)
		switch keys := cli.byName()[sectionKey{kindProfile, name}]; {
		case name == "": // [profile ""], which no tool can select
		case !ok:
			t.Errorf("no profile %q", name)
		default:
			sameValues(t, p.Keys(), keys)
		}
	}
	for name, login := range want.Logins {
		identity := login.CLI
		if login.Ours != nil {
			identity = *login.Ours
		}
		if s, ok, _ := c.SSO(name); ok && identity != "" && s.Account+"/"+s.Role != identity {
			t.Errorf("profile %q is %s/%s, the AWS CLI %q", name, s.Account, s.Role, identity)
		}
	}
}

// sameValues compares values. The AWS CLI cannot use a value with quotes, a comment or a
// second line. Our reader returns the intended value.
func sameValues(t *testing.T, ours Keys, cli map[string]string) {
	for key, value := range cli {
		plain := value == unquote(" "+value) && !strings.Contains(value, "\n")
		if got := ours.Get(key); plain && got != value {
			t.Errorf("%s is %q, for the AWS CLI %q", key, got, value)
		}
	}
}

// editsSafely adds a profile and a session, and changes a key in each existing section.
// Either the text is rejected, or the AWS CLI reads everything else as before.
func editsSafely(t *testing.T, path, text string, want corpusEntry) {
	changes := map[string][]Change{"new": {profileChange("added", "sso_session", "added", "region", "x"), {Section: SectionSession, Name: "added", Keys: []Key{{"sso_region", "x"}}}}}
	for _, name := range want.Profiles {
		changes[name] = []Change{profileChange(name, "region", "eu-north-1", "output", "text")}
	}
	for _, name := range want.Sessions {
		changes["session "+name] = []Change{{Section: SectionSession, Name: name, Keys: []Key{{"sso_region", "eu-north-1"}}}}
	}
	for what, c := range changes {
		edited, err := EditText(text, c...)
		if want.Error != "" && err == nil {
			t.Errorf("%s: edited, and the AWS CLI cannot read it", what)
		}
		if err != nil {
			if what == "new" && want.Error == "" && !refusesEdit[filepath.Base(path)] {
				t.Errorf("%s: error %v", what, err)
			}
			continue
		}
		before, _ := readAsCLI(text)
		after, err := readAsCLI(edited)
		if err != nil {
			t.Errorf("%s: the AWS CLI cannot read it any more: %v", what, err)
			continue
		}
		for raw, keys := range before.sections {
			for key, value := range keys {
				if got := after.sections[raw][key]; got != value && key != "region" && key != "output" && key != "sso_region" {
					t.Errorf("%s: [%s] %s became %q", what, raw, key, got)
				}
			}
		}
	}
}
