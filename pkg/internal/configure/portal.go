package configure

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/prompt"
)

// callPortal calls list with a portal client. If the portal no longer accepts the token of
// an earlier sign-in, the token is replaced once.
func (w *wizard) callPortal(ctx context.Context, list func(Portal) error) error {
	portal, err := w.Portal(w.session)
	if err != nil {
		return err
	}
	err = list(portal)
	fault, ok := errors.AsType[*awsclient.Fault](err)
	if !ok || fault.Kind != awsclient.Unauthorized || !w.reused {
		return err
	}
	if err := w.signInAfresh(ctx); err != nil {
		return err
	}
	return list(portal)
}

// chooseAccount determines the account. If there is only one, it is selected without a
// question.
func (w *wizard) chooseAccount(ctx context.Context) error {
	current := w.current.Get("sso_account_id")
	switch {
	case w.Account.Given:
		w.account = w.Account.Value
		w.Say("Account: " + w.account)
	case w.Ask == nil:
		w.account = current
		w.Say("Account: " + w.account)
	default:
		var accounts []awsclient.Account
		err := w.callPortal(ctx, func(portal Portal) (err error) {
			accounts, err = portal.ListAccounts(ctx, w.session.Region, w.token.AccessToken)
			return err
		})
		if err != nil {
			return w.portalError("the list of accounts", err)
		}
		if w.account, err = w.pickAccount(ctx, accounts, current); err != nil {
			return err
		}
	}
	return nil
}

func (w *wizard) pickAccount(ctx context.Context, accounts []awsclient.Account, current string) (string, error) {
	// Only a valid account ID may be written to a profile or displayed.
	accounts = slices.DeleteFunc(accounts, func(a awsclient.Account) bool { return checkAccount(a.ID) != nil })
	switch len(accounts) {
	case 0:
		return "", hint.With(errors.New("no AWS account is assigned to you; contact the administrator of IAM Identity Center, then continue"), w.resumeCommand())
	case 1:
		w.Say("Account: " + accounts[0].ID + " (the only one that is assigned to you)")
		return accounts[0].ID, nil
	}
	w.Say(fmt.Sprintf("%d AWS accounts are assigned to you. Select one:", len(accounts)))
	sort.Slice(accounts, func(i, j int) bool { return byLabel(accounts[i], accounts[j]) < 0 })
	rows := make([]prompt.Row, len(accounts))
	at := -1
	for i, a := range accounts {
		rows[i] = prompt.Row{Text: strings.Join(nonEmpty(a.Name, a.Email), ", "), ID: a.ID}
		if a.ID == current {
			at = i
		}
	}
	i, err := w.Ask.Choose(ctx, "account", rows, at)
	if err != nil {
		return "", err
	}
	return accounts[i].ID, nil
}

// byLabel sorts by name or else email, ignoring case. Accounts that have only an ID come
// last.
func byLabel(a, b awsclient.Account) int {
	la, lb := strings.ToLower(cmp.Or(a.Name, a.Email)), strings.ToLower(cmp.Or(b.Name, b.Email))
	if (la == "") != (lb == "") {
		return cmp.Compare(len(lb), len(la))
	}
	return cmp.Or(cmp.Compare(la, lb), cmp.Compare(a.ID, b.ID))
}

func nonEmpty(texts ...string) []string {
	return slices.DeleteFunc(texts, func(s string) bool { return s == "" })
}

// chooseRole determines the role. The portal must list it; otherwise, a misspelled role
// would not fail before the first push.
func (w *wizard) chooseRole(ctx context.Context) error {
	var roles []string
	err := w.callPortal(ctx, func(portal Portal) (err error) {
		roles, err = portal.ListRoles(ctx, w.session.Region, w.token.AccessToken, w.account)
		return err
	})
	if fault, ok := errors.AsType[*awsclient.Fault](err); ok && fault.Kind == awsclient.Forbidden {
		roles, err = nil, nil
	}
	if err != nil {
		return w.portalError("the list of roles", err)
	}
	roles = slices.DeleteFunc(roles, func(r string) bool { return r == "" || checkLine(r) != nil })
	if len(roles) == 0 {
		return hint.With(errors.New("no role in account "+w.account+" is assigned to you"), w.resumeCommand("account-id", "role-name"))
	}
	sort.Slice(roles, func(i, j int) bool {
		a, b := roles[i], roles[j]
		return cmp.Or(cmp.Compare(strings.ToLower(a), strings.ToLower(b)), cmp.Compare(a, b)) < 0
	})
	w.role, err = w.pickRole(ctx, roles)
	return err
}

func (w *wizard) pickRole(ctx context.Context, roles []string) (string, error) {
	current := w.current.Get("sso_role_name")
	switch {
	case w.Role.Given || w.Ask == nil:
		role := w.Role.Value
		if !w.Role.Given {
			role = current
		}
		if !slices.Contains(roles, role) {
			err := fmt.Errorf("role %q in account %s is not assigned to you (assigned: %s)",
				role, w.account, hint.Clean(strings.Join(roles, ", "), 200))
			return "", hint.With(err, w.resumeCommand("role-name"))
		}
		w.Say("Role: " + role)
		return role, nil
	case len(roles) == 1:
		w.Say("Role: " + roles[0] + " (the only one that is assigned to you)")
		return roles[0], nil
	}
	w.Say(fmt.Sprintf("%d roles are assigned to you. Select one:", len(roles)))
	rows := make([]prompt.Row, len(roles))
	for i, r := range roles {
		rows[i] = prompt.Row{Text: r}
	}
	i, err := w.Ask.Choose(ctx, "role", rows, slices.Index(roles, current))
	if err != nil {
		return "", err
	}
	return roles[i], nil
}

func (w *wizard) portalError(what string, err error) error {
	return hint.With(fmt.Errorf("%s: %w", what, err), hint.DoctorCommand(""))
}
