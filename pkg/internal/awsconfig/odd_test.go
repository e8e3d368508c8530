package awsconfig

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
)

func TestOddValues(t *testing.T) {
	const (
		open    = "has a quote that is not closed"
		quotes  = "is in quotes, which the AWS CLI reads as part of the value"
		comment = "has a comment after it, which the AWS CLI reads as part of the value"
	)
	for name, c := range map[string]struct {
		line string
		why  string // "" for a value that all tools read identically
	}{
		"quote alone":                  {`foo = "`, open},
		"apostrophe alone":             {`foo = '`, open},
		"quote at the start":           {`role_arn = "arn:aws:iam::123456789012:role/A`, open},
		"quote at the end":             {`region = us-east-1"`, open},
		"quotes":                       {`region = "us-east-1"`, quotes},
		"comment":                      {`region = us-east-1 # main`, comment},
		"comment after a semicolon":    {`region = us-east-1 ; main`, comment},
		"comment alone":                {`region = # none`, comment},
		"ordinary value":               {`region = us-east-1`, ""},
		"a URL with a fragment":        {`sso_start_url = https://x.awsapps.com/start#/`, ""},
		"apostrophe in a value":        {`role_session_name = o'neil`, ""},
		"command line":                 {`credential_process = "/a b/c" "d`, ""},
		"command line of another tool": {`mfa_process = "/a b/c"`, ""},
		"pager in quotes":              {`cli_pager = ""`, ""},
		"name with a comment":          {`source_profile = a #b`, ""},
		"key with blocks":              {"s3 =\n  max_queue_size = 5", ""},
		"rest of a value":              {"foo =\n  bar = \"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "config")
			writeFile(t, path, "[profile 'a #b']\n\n[profile x]\n"+c.line+"\n")
			var got, want []string
			for _, err := range OddValues(path) {
				e, ok := errors.AsType[*OddValueError](err)
				if next := hint.Next(err); !ok || len(next) != 1 || !strings.Contains(next[0], path) {
					t.Fatal(err)
				}
				got = append(got, e.Error())
			}
			if c.why != "" {
				key, _, _ := assignment(c.line)
				want = []string{fmt.Sprintf("%s line 4: %s of [profile x] %s", path, key, c.why)}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
