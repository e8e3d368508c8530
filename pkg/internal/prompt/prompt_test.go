package prompt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/style"
)

// plainTerminal is a terminal with typed as its input. shown returns its output. A pipe has
// no cursor to move, so lists are numbered.
func plainTerminal(t *testing.T, typed string) (term *Terminal, shown func() string) {
	t.Helper()
	in, keyboard, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	screen, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := keyboard.WriteString(typed); err != nil {
		t.Fatal(err)
	}
	_ = keyboard.Close()
	term = newTerminal(in, out, env.FromMap(map[string]string{"TERM": "xterm"}))
	t.Cleanup(func() { _, _ = in.Close(), screen.Close() })
	return term, func() string {
		_ = out.Close()
		text, _ := io.ReadAll(screen)
		return string(text)
	}
}

func TestTextMatchesAWSCLIFormat(t *testing.T) {
	noBlank := func(s string) error {
		if s == "" {
			return errors.New("a value is required")
		}
		return nil
	}
	for name, tc := range map[string]struct {
		q     Question
		typed string
		want  string
		shown string
	}{
		"no current value":                {Question{Label: "SSO region"}, "us-east-1\n", "us-east-1", "SSO region: "},
		"text in place of None":           {Question{Label: "SSO session name", Empty: "(Recommended)"}, "\n", "", "SSO session name (Recommended): "},
		"Enter selects the current value": {Question{Label: "Region", Current: "eu-west-1", Empty: "x"}, "\n", "eu-west-1", "Region [eu-west-1]: "},
		"surrounding blanks are removed":  {Question{Label: "Region"}, " \t us-east-1 \r\n", "us-east-1", "Region: "},
		"wrong answer is asked again": {Question{Label: "URL", Check: noBlank}, "\nhttps://x\n", "https://x",
			"URL:   a value is required\nURL: "},
		"current value is checked too": {Question{Label: "R", Current: "bad", Check: func(s string) error {
			if s == "bad" {
				return errors.New("not that")
			}
			return nil
		}}, "\ngood\n", "good", "R [bad]:   not that\nR [bad]: "},
		"arrow key is not an answer": {Question{Label: "R"}, "a\x1b[D\nb\n", "b",
			"R:   the answer contains control characters, enter it again\nR: "},
		"current value cannot steer the terminal": {Question{Label: "R", Current: "a\x1b[2J"}, "b\n", "b", "R [a?[2J]: "},
	} {
		t.Run(name, func(t *testing.T) {
			term, shown := plainTerminal(t, tc.typed)
			got, err := term.Text(context.Background(), tc.q)
			if err != nil || got != tc.want {
				t.Errorf("Text = %q, %v; want %q", got, err, tc.want)
			}
			if diff := cmp.Diff(tc.shown, shown()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLinesTypedAheadAreUsed(t *testing.T) {
	term, _ := plainTerminal(t, "one\ntwo\nthree\n")
	var got []string
	for range 3 {
		answer, err := term.Text(context.Background(), Question{Label: "x"})
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, answer)
	}
	if diff := cmp.Diff([]string{"one", "two", "three"}, got); diff != "" {
		t.Error(diff)
	}
	if _, err := term.Text(context.Background(), Question{Label: "x"}); !errors.Is(err, ErrEnded) {
		t.Errorf("at the end: %v", err)
	}
}

func TestLineEnds(t *testing.T) {
	for typed, want := range map[string]string{"a\nb\n": "a b", "a\r\nb\r\n": "a b", "a\rb\r": "a b", "a\r\n\nb\n": "a  b", "a\r\rb\n": "a  b", "a": ""} {
		var got []string
		for rest := []byte(typed); ; {
			line, n := parseLine(rest)
			if n == 0 {
				break
			}
			got, rest = append(got, line), rest[n:]
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: got %q", typed, got)
		}
	}
}

func TestEndedContextEndsQuestion(t *testing.T) {
	in, keyboard, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer keyboard.Close()
	defer in.Close()
	out, err := os.Create(t.TempDir() + "/screen")
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	term := newTerminal(in, out, env.Set{})
	ctx, cancel := context.WithCancel(context.Background())
	context.AfterFunc(ctx, func() {})
	go cancel()
	if _, err := term.Text(ctx, Question{Label: "x"}); !errors.Is(err, ErrInterrupted) {
		t.Errorf("Text = %v", err)
	}
}

var accounts = []Row{
	{Text: "Development, dev@example.com", ID: "210987654321"},
	{Text: "Production\x1b[31m", ID: "123456789012"},
	{ID: "333333333333"},
	{Text: "PowerUser"},
}

func TestNumberedList(t *testing.T) {
	for name, tc := range map[string]struct {
		typed   string
		current int
		want    int
		again   string
	}{
		"number":                      {"2\n", -1, 1, ""},
		"id":                          {"333333333333\n", -1, 2, ""},
		"text in any case":            {"poweruser\n", -1, 3, ""},
		"Enter keeps the current row": {"\n", 2, 2, ""},
		"no such row":                 {"5\n0\n\n4\n", -1, 3, "enter a number from 1 to 4"},
	} {
		t.Run(name, func(t *testing.T) {
			term, shown := plainTerminal(t, tc.typed)
			got, err := term.Choose(context.Background(), "account", accounts, tc.current)
			if err != nil || got != tc.want {
				t.Errorf("Choose = %d, %v; want %d", got, err, tc.want)
			}
			text := shown()
			question := "Number (1-4): "
			if tc.current >= 0 {
				question = fmt.Sprintf("Number (1-4) [%d]: ", tc.current+1)
			}
			if !strings.HasPrefix(text, "Account:\n  1) Development, dev@example.com (210987654321)\n  2) Production?[31m (123456789012)\n"+
				"  3) 333333333333\n  4) PowerUser\n"+question) {
				t.Errorf("shown: %q", text)
			}
			if !strings.Contains(text, tc.again) {
				t.Errorf("%q is not in %q", tc.again, text)
			}
		})
	}
}

func TestRowsFitAndShowTheirIDs(t *testing.T) {
	for _, tc := range []struct {
		row   Row
		width int
		want  string
	}{
		{Row{"Development", "210987654321"}, 40, "Development (210987654321)"},
		{Row{"Data platform and analytics", "210987654321"}, 30, "Data platfor... (210987654321)"},
		{Row{"東京東京東京東京東京東京", "210987654321"}, 30, "東京東京東京... (210987654321)"},
		{Row{"Development", "210987654321"}, 10, " (21098..."},
		{Row{"AdministratorAccess", ""}, 10, "Adminis..."},
	} {
		got := tc.row.fit(tc.width)
		if style.Columns(got) > tc.width {
			t.Errorf("%q is wider than %d", got, tc.width)
		}
		if tc.want != "" && got != tc.want {
			t.Errorf("fit(%q, %d) = %q, want %q", tc.row.Text, tc.width, got, tc.want)
		}
	}
}
