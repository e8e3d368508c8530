package configure

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/prompt"
)

// chooseAccount settles the account. A single one is taken and said.
func (w *wizard) chooseAccount(ctx context.Context) error {
	current := w.current.Get("sso_account_id")
	switch {
	case w.Account.Given:
		w.account = w.Account.Value
	case w.Ask == nil:
		w.account = current
	default:
		var accounts []awsclient.Account
		err := w.listed(ctx, func(portal Portal) (err error) {
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
	w.Say("Using the account ID " + w.account)
	return nil
}

func (w *wizard) pickAccount(ctx context.Context, accounts []awsclient.Account, current string) (string, error) {
	// What is no account id is no use in a profile, and nothing to print.
	accounts = slices.DeleteFunc(accounts, func(a awsclient.Account) bool { return checkAccount(a.ID) != nil })
	switch len(accounts) {
	case 0:
		return "", errors.New("no AWS accounts are available to you; whoever runs IAM Identity Center can assign one")
	case 1:
		w.Say("The only AWS account available to you is: " + accounts[0].ID)
		return accounts[0].ID, nil
	}
	w.Say(fmt.Sprintf("There are %d AWS accounts available to you.", len(accounts)))
	slices.SortFunc(accounts, byLabel)
	rows := make([]prompt.Row, len(accounts))
	at := -1
	for i, a := range accounts {
		rows[i] = prompt.Row{Text: strings.Join(filled(a.Name, a.Email), ", "), ID: a.ID}
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

// byLabel sorts by what stands first in a row, in lower case, rows of a bare id
// last.
func byLabel(a, b awsclient.Account) int {
	la, lb := strings.ToLower(cmp.Or(a.Name, a.Email)), strings.ToLower(cmp.Or(b.Name, b.Email))
	if (la == "") != (lb == "") {
		return cmp.Compare(len(lb), len(la))
	}
	return cmp.Or(cmp.Compare(la, lb), cmp.Compare(a.ID, b.ID))
}

func filled(texts ...string) []string {
	return slices.DeleteFunc(texts, func(s string) bool { return s == "" })
}

// chooseRole settles the role, which the portal must know: a misspelt one would
// fail at the first push only.
func (w *wizard) chooseRole(ctx context.Context) error {
	var roles []string
	err := w.listed(ctx, func(portal Portal) (err error) {
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
		return errors.New("no roles are available for the account " + w.account)
	}
	slices.SortFunc(roles, func(a, b string) int {
		return cmp.Or(cmp.Compare(strings.ToLower(a), strings.ToLower(b)), cmp.Compare(a, b))
	})
	if w.role, err = w.pickRole(ctx, roles); err != nil {
		return err
	}
	w.Say(fmt.Sprintf("Using the role name %q", w.role))
	return nil
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
			return "", fmt.Errorf("role %q in account %s is not open to you (open: %s)",
				role, w.account, hint.Clean(strings.Join(roles, ", "), 200))
		}
		return role, nil
	case len(roles) == 1:
		w.Say("The only role available to you is: " + roles[0])
		return roles[0], nil
	}
	w.Say(fmt.Sprintf("There are %d roles available to you.", len(roles)))
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
