package populate

import (
	"fmt"
	"slices"

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
		if keys.Get(Marker) == in.Session.Name {
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
			{Name: Marker, Value: in.Session.Name},
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
