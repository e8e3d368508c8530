package awsconfig

import "testing"

// headerCases are the test cases of TestHeaders.
var headerCases = map[string]string{
	`[profile x]`:                          "x",
	`[profile	x]`:                          "x",
	`[profile   x]`:                        "x",
	`[ profile x ]`:                        "x",
	`  [profile x]`:                        "x",
	`[profile x] # c`:                      "x",
	`[profile x];c]`:                       "x",
	`[profile 'my dev']`:                   "my dev",
	`[profile "my dev"]`:                   "my dev",
	`[profile "my dev" ]`:                  "my dev",
	`[profile my dev]`:                     "my dev",
	`[profile 'a]b']`:                      "a]b",
	`[profile 'it'"'"'s me']`:              "it's me",
	`[profile "say \"hi\" \\ \n"]`:         `say "hi" \ \n`,
	`[profile it's]`:                       "it's",
	`[profile 'my' dev]`:                   "'my' dev",
	`[profile 'open]`:                      "'open",
	`[profile DOMAIN\user]`:                `DOMAINuser`, // Profile also finds it by DOMAIN\user
	`[profile DOMAIN\\user]`:               `DOMAIN\user`,
	`[profile my' 'dev]`:                   "my dev",
	`[profiles x]`:                         "x",
	"[profile\u00a0x]":                     "",
	"[profile x\u00a0]":                    "x\u00a0",
	"\u3000[profile x]\u2003":              "x",
	`[profile a#b]`:                        "a#b",
	`[profile größe]`:                      "größe",
	`[default]`:                            "default",
	`[ default ]`:                          "default",
	`[profile default]`:                    "default",
	`[profile "default"]`:                  "default",
	`[default x]`:                          "",
	`[profile]`:                            "",
	`[profile ]`:                           "",
	`[profile '']`:                         "",
	`[profile x`:                           "",
	`[]`:                                   "",
	`[`:                                    "",
	`[x]`:                                  "",
	`[profilex]`:                           "",
	`[Profile x]`:                          "",
	`[plugins]`:                            "",
	`[sso-session x]`:                      "",
	`[services x]`:                         "",
	`[[profile x]]`:                        "",
	"[profile \"a\tb\"]":                   "a\tb",
	`[profile 444455556666_AdminAccess/a]`: "444455556666_AdminAccess/a",
}

func TestHeaders(t *testing.T) {
	for header, want := range headerCases {
		t.Run(header, func(t *testing.T) {
			c := load(t, "[profile before]\nregion = a\n"+header+"\nregion = b\n", "")
			got := ""
			if len(c.Profiles) > 1 {
				got = c.Profiles[1].Name
			}
			if got != want {
				t.Errorf("name = %q, want %q", got, want)
			}
			if c.Profiles[0].Keys().Get("region") != "a" {
				t.Error("a key leaked into the section before")
			}
		})
	}
}

func TestValues(t *testing.T) {
	for line, want := range map[string]string{
		"k = v":                                  "v",
		"k=v":                                    "v",
		"k : v":                                  "v",
		"k: https://x/start":                     "https://x/start",
		"K  =  v":                                "v",
		"\tk = v":                                "v",
		"k = v # c":                              "v",
		"k = v ; c":                              "v",
		"k = v\t#c":                              "v",
		"k = v   ;c # d":                         "v",
		"k = https://x/start#/":                  "https://x/start#/",
		"k = https://x/start/#/":                 "https://x/start/#/",
		"k = https://x/start;a=b":                "https://x/start;a=b",
		"k = 'v'":                                "v",
		`k = "v"`:                                "v",
		`k = "v" # c`:                            "v",
		`k = "a # b"`:                            "a # b",
		`k = " a "`:                              " a ",
		`k = "v"w"`:                              `v"w`,
		`k = "open`:                              `"open`,
		`k = "v'`:                                `"v'`,
		"k = a = b":                              "a = b",
		"k = # c":                                "",
		"k =# c":                                 "# c",
		"k =":                                    "",
		`k = ""`:                                 "",
		"k = v\nk = w":                           "w",
		"k = v\n\n  # comment\n  ; another":      "v",
		"k = v\nnonsense\n= nothing\n: at all":   "v",
		"s3 =\n  k = nested\nk = v":              "v",
		"k = v\ns3 =\n\tk = nested":              "v",
		"k = v\ns3 = # c\n\n  # c\n  k = nested": "v",
		"  s3 =\n    k = nested\n  k = v":        "v",
		"k = v\nregion = x\n   json = y\n   k = w":  "w",
		"k = v\ns3 =\n  k = 1\ns3 = none\n  k = vv": "vv",
	} {
		t.Run(line, func(t *testing.T) {
			c := load(t, "[profile p]\n"+line+"\n", "")
			if got := c.Profiles[0].Keys().Get("k"); got != want {
				t.Errorf("value = %q, want %q", got, want)
			}
		})
	}
}
