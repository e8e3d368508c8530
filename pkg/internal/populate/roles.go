package populate

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sort"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/settings"
)

// RoleCount is a role and the number of accounts that have it.
type RoleCount struct {
	Role     string
	Accounts int
}

// preferRole prompts for the preferred role if an account has several roles and no role
// is preferred. It then prints the number of accounts without a preferred role.
func preferRole(ctx context.Context, in Input, byAccount map[string][]string) error {
	several := 0
	for _, roles := range byAccount {
		if len(roles) > 1 {
			several++
		}
	}
	if several == 0 {
		return nil
	}
	preferred := in.Preferred
	if len(preferred) == 0 && in.Choose != nil && !in.DryRun {
		role, err := in.Choose(ctx, count(byAccount))
		if err != nil {
			return err
		}
		if role != "" {
			if err := in.Prefer(role); err != nil {
				return err
			}
			preferred = []string{role}
		}
	}
	left := ambiguous(byAccount, preferred)
	if left == 0 {
		in.Answer("one preferred role in each account")
		return nil
	}
	most := count(byAccount)[0]
	in.Answer(fmt.Sprintf("no preferred role in %d of %s (%q is a role in %d); run: %s", left, hint.Count(len(byAccount), "account"),
		most.Role, most.Accounts, hint.MapRoleCommand(append(slices.Clone(preferred), most.Role)...)))
	return nil
}

// count returns the roles in all accounts, most frequent first.
func count(byAccount map[string][]string) []RoleCount {
	n := map[string]int{}
	for _, roles := range byAccount {
		for _, role := range roles {
			n[role]++
		}
	}
	var counts []RoleCount
	for role, accounts := range n {
		counts = append(counts, RoleCount{role, accounts})
	}
	sort.Slice(counts, func(i, j int) bool {
		a, b := counts[i], counts[j]
		return cmp.Or(cmp.Compare(b.Accounts, a.Accounts), cmp.Compare(a.Role, b.Role)) < 0
	})
	return counts
}

// ambiguous returns the number of accounts with several roles in which no pattern matches
// exactly one role.
func ambiguous(byAccount map[string][]string, patterns []string) (left int) {
	for _, roles := range byAccount {
		decided := len(roles) < 2 || slices.ContainsFunc(patterns, func(pattern string) bool {
			matching := slices.DeleteFunc(slices.Clone(roles), func(role string) bool { return !settings.Glob(pattern, role) })
			return len(matching) == 1
		})
		if !decided {
			left++
		}
	}
	return left
}
