package populate

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

// profilePlan is the difference between the listing and the configuration.
type profilePlan struct {
	add       []profile
	made      int                 // existing profiles
	stale     []profile           // created by an earlier run but no longer listed
	byAccount map[string][]string // the roles of all profiles of an account
}

type profile struct {
	name, role string
	account    account
}

// identity is the account and role of a profile. Profiles with the same identity are
// equivalent.
type identity struct{ account, role string }

// plan compares the listing with the session's profiles. A role has an existing profile
// if a profile has the same account, role and session, with or without the marker.
func plan(in Input, l listing) profilePlan {
	p := profilePlan{byAccount: map[string][]string{}}
	used, made, sources := map[string]bool{}, map[identity]bool{}, map[string]bool{}
	var marked []profile
	for _, existing := range in.Config.Profiles {
		used[existing.Name] = true
		keys := existing.Keys()
		sources[keys.Get("source_profile")] = true
		of := identity{keys.Get("sso_account_id"), keys.Get("sso_role_name")}
		if keys.Get("sso_session") != in.Session.Name || of.account == "" || of.role == "" || keys.Get("role_arn") != "" {
			continue
		}
		made[of] = true
		if keys.Get(marker) == in.Session.Name {
			marked = append(marked, profile{existing.Name, of.role, account{ID: of.account}})
		}
	}
	listed := map[identity]bool{}
	for _, a := range l.Accounts {
		for _, role := range a.Roles {
			of := identity{a.ID, role}
			listed[of] = true
			if !matchesAny(in.Roles, role) {
				continue
			}
			p.byAccount[a.ID] = append(p.byAccount[a.ID], role)
			if made[of] {
				p.made++
				continue
			}
			name := free(in.Names.name(a, role, in.Region), used)
			used[name] = true
			p.add = append(p.add, profile{name, role, a})
		}
	}
	for of := range made { // profiles that the globs do not match are also considered
		if roles, ok := p.byAccount[of.account]; ok && !slices.Contains(roles, of.role) {
			p.byAccount[of.account] = append(roles, of.role)
		}
	}
	for _, old := range marked {
		if !sources[old.name] && l.lacks(old, listed) {
			p.stale = append(p.stale, old)
		}
	}
	return p
}

// lacks reports whether a complete listing does not contain a profile's role. The roles
// of accounts that match no glob are unknown.
func (l listing) lacks(old profile, listed map[identity]bool) bool {
	switch {
	case !registry.IsAccount(old.account.ID) || len(l.Failed) > 0 || len(l.known) == 0:
		return false
	case !l.known[old.account.ID]:
		return true
	}
	for _, a := range l.Accounts {
		if a.ID == old.account.ID {
			return a.Listed && !listed[identity{a.ID, old.role}]
		}
	}
	return false
}

// show prints the plan.
func (p profilePlan) show(in Input) {
	for _, a := range p.add {
		in.Answer(fmt.Sprintf("add profile %s (role %s in account %s %s)", a.name, a.role, a.account.ID, quote(a.account.Name)))
	}
	for _, old := range p.stale {
		verb, more := "remove", ""
		if !in.Prune {
			verb, more = "keep", "; --prune removes it"
		}
		in.Answer(fmt.Sprintf("%s profile %s (role %s in account %s is no longer assigned to you%s)", verb, old.name, old.role, old.account.ID, more))
	}
	in.Answer(fmt.Sprintf("%s to add, %d already there, %d to remove (dry run: no changes)",
		hint.Count(len(p.add), "profile"), p.made, p.removed(in)))
}

func (p profilePlan) removed(in Input) int {
	if in.Prune {
		return len(p.stale)
	}
	return 0
}

// write makes all changes in a single edit.
func (p profilePlan) write(in Input) error {
	var changes []awsconfig.Change
	if in.SessionKeys != nil {
		changes = append(changes, awsconfig.Change{Section: awsconfig.SectionSession, Name: in.Session.Name, Keys: in.SessionKeys})
	}
	for _, a := range p.add {
		changes = append(changes, awsconfig.Change{Section: awsconfig.SectionProfile, Name: a.name, Keys: []awsconfig.Key{
			{Name: "sso_session", Value: in.Session.Name},
			{Name: "sso_account_id", Value: a.account.ID},
			{Name: "sso_role_name", Value: a.role},
			{Name: "region", Value: in.Region},
			{Name: marker, Value: in.Session.Name},
		}})
	}
	if in.Prune {
		for _, old := range p.stale {
			changes = append(changes, awsconfig.Change{Section: awsconfig.SectionProfile, Name: old.name, Remove: true})
		}
	}
	path := in.Config.Paths.Config
	if _, err := awsconfig.Edit(path, changes...); err != nil {
		return err
	}
	in.Answer(fmt.Sprintf("%s: %s added, %d already there, %d removed", path, hint.Count(len(p.add), "profile"), p.made, p.removed(in)))
	if n := len(p.stale); n > 0 && !in.Prune {
		in.Say(fmt.Sprintf("the role of %s is no longer assigned to you; --prune removes such profiles", hint.Count(n, "generated profile")))
	}
	return nil
}

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
