package populate

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"
	"sync"
)

// isRole reports whether a text is a valid IAM role name.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html
func isRole(name string) bool { return roleName().MatchString(name) }

var roleName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9_+=,.@-]{1,64}$`) })

// nameSafe lists the characters allowed in profile name parts from the portal.
// nameLiteral lists the characters that the user may write. The AWS CLI and all SDKs read
// them without quotes.
const (
	nameSafe    = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.@+-"
	nameLiteral = nameSafe + "/:%"
	maxPart     = 64
)

// safe replaces characters that are not allowed in a name with hyphens.
func safe(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case strings.ContainsRune(nameSafe, r):
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
		if b.Len() == maxPart {
			break
		}
	}
	return strings.Trim(b.String(), "-")
}

// Template generates profile names.
type Template struct{ parts []string } // alternating text and {placeholder}

// DefaultTemplate is ROLE-ACCOUNT, the name proposed by `aws configure sso`.
const DefaultTemplate = "{role}-{account_id}"

var placeholders = []string{"{account_id}", "{account_name}", "{role}", "{region}"}

// ParseTemplate parses a name template. text contains placeholders and is appended to
// prefix. {region} requires a region.
func ParseTemplate(prefix, text, region string) (Template, error) {
	var t Template
	for rest := prefix + text; rest != ""; {
		at := strings.IndexByte(rest, '{')
		if at < 0 {
			at = len(rest)
		}
		if literal := rest[:at]; strings.Trim(literal, nameLiteral) != "" {
			return t, fmt.Errorf("%q has a character that not all AWS tools read in a profile name; they read letters, digits and _.@+/:%%-", literal)
		}
		t.parts = append(t.parts, rest[:at])
		if rest = rest[at:]; rest == "" {
			break
		}
		found := ""
		for _, p := range placeholders {
			if strings.HasPrefix(rest, p) {
				found = p
			}
		}
		switch {
		case found == "":
			return t, fmt.Errorf("%q is not one of %s", rest, strings.Join(placeholders, ", "))
		case found == "{region}" && region == "":
			return t, fmt.Errorf("{region} needs --region")
		}
		t.parts, rest = append(t.parts, found), rest[len(found):]
	}
	if text == "" {
		return t, fmt.Errorf("the name is empty")
	}
	return t, nil
}

// name returns the profile name for a role.
func (t Template) name(a account, role, region string) string {
	var b strings.Builder
	for i, part := range t.parts {
		if i%2 == 0 {
			b.WriteString(part)
			continue
		}
		switch part {
		case "{account_id}":
			b.WriteString(a.ID)
		case "{role}":
			b.WriteString(cmp.Or(safe(role), "role"))
		case "{region}":
			b.WriteString(region)
		case "{account_name}":
			if name := safe(a.Name); name != "" {
				b.WriteString(name)
			} else {
				b.WriteString(a.ID)
			}
		}
	}
	return b.String()
}

// free returns the name, or the first of name-2, name-3, ... that is not in use. It never
// returns "default", which tools use as the default profile.
func free(name string, used map[string]bool) string {
	candidate := name
	for n := 2; used[candidate] || strings.EqualFold(candidate, "default") || candidate == ""; n++ {
		candidate = fmt.Sprintf("%s-%d", name, n)
	}
	return candidate
}
