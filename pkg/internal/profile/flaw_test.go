package profile

import (
	"errors"
	"testing"
)

// Choose must check only the variables that affect the choice.
func TestInvalidVariables(t *testing.T) {
	keys := map[string]string{"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "x"}
	web := map[string]string{"AWS_WEB_IDENTITY_TOKEN_FILE": "/a b/token", "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/x"}
	container := map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1/x"}
	for name, tt := range map[string]struct {
		with       map[string]string
		name       string
		value      string
		wantFlawed bool
	}{
		"secret key":                        {keys, "AWS_SECRET_ACCESS_KEY", "x\n", true},
		"session token":                     {keys, "AWS_SESSION_TOKEN", "x y", true},
		"region beside keys":                {keys, "AWS_REGION", "eu-west-1\r", true},
		"second region is not read":         {merged(keys, "AWS_REGION", "eu-west-1"), "AWS_DEFAULT_REGION", "eu-west-1\r", false},
		"other region":                      {keys, "AWS_DEFAULT_REGION", "'eu-west-1'", true},
		"role":                              {web, "AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/x ", true},
		"path may have blanks":              {web, "AWS_CONFIG_FILE", "/a b", false},
		"container's address":               {container, "AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1/x\n", true},
		"header's value may have blanks":    {container, "AWS_CONTAINER_AUTHORIZATION_TOKEN", "Bearer x", false},
		"but no line end":                   {container, "AWS_CONTAINER_AUTHORIZATION_TOKEN", "Bearer x\n", true},
		"profile that exists in no file":    {nil, "AWS_PROFILE", "p\r", true},
		"older variable":                    {nil, "AWS_DEFAULT_PROFILE", `"p"`, true},
		"profile's name may have blanks":    {nil, "AWS_PROFILE", "my p", false},
		"region that an SSO profile leaves": {map[string]string{"AWS_PROFILE": "p"}, "AWS_REGION", "eu-west-1\r", false},
	} {
		t.Run(name, func(t *testing.T) {
			config := session + sso("p", "111111111111", "R") + sso("'my p'", "111111111111", "R")
			_, err := choose(t, host, files{config: config, env: merged(tt.with, tt.name, tt.value)})
			flawed, ok := errors.AsType[*FlawedVariableError](err)
			if ok != tt.wantFlawed || ok && flawed.Variable != tt.name {
				t.Errorf("error %v", err)
			}
			if !ok && err != nil {
				t.Errorf("error %v", err)
			}
			if ok && len(StepsOf(err)) == 0 {
				t.Error("no step shows it")
			}
		})
	}
}

func merged(m map[string]string, name, value string) map[string]string {
	out := map[string]string{name: value}
	for k, v := range m {
		if k != name {
			out[k] = v
		}
	}
	return out
}
