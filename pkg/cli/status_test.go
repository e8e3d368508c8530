package cli

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/credhelper"
)

// The same problem in many accounts is a single entry, even though its text contains the
// account. Its commands fix the problem in all of them.
func TestStatusGroupsAccountsByProblem(t *testing.T) {
	var registries []credhelper.Explanation
	for i := range 300 {
		account := fmt.Sprint(100000000000 + i)
		host := account + ".dkr.ecr.us-east-1.amazonaws.com"
		e := credhelper.Explanation{Registry: credhelper.Registry{Host: host, Account: account}}
		switch {
		case i < 200:
			e.Problem = fmt.Sprintf("account %s matches profiles \"Push-%s\", \"Admin-%s\"", account, account, account)
			e.Next = []string{"x map " + host + " PROFILE", "x map " + host + " Push-" + account, "x map --role Push", "x map --role Admin"}
		case i < 290:
			e.Problem, e.Next = "not signed in", []string{"x login"}
		case i < 296:
			e.Problem, e.Next = "no profile for account "+account, []string{"x map " + host + " PROFILE"}
		default:
			e.Problem = fmt.Sprintf("problem %d", i)
		}
		registries = append(registries, e)
	}
	r := &report{width: 100}
	registryList{r, time.Now(), false}.write(registries)
	host := func(i int) string { return fmt.Sprintf("  %d.dkr.ecr.us-east-1.amazonaws.com\n", 100000000000+i) }
	want := host(0) + host(1) + host(2) +
		"    and 197 more: account ACCOUNT matches profiles \"Push-ACCOUNT\", \"Admin-ACCOUNT\"\n" +
		"    run: x map --role Push\n    or:  x map --role Admin\n" +
		host(200) + host(201) + host(202) + "    and 87 more: not signed in\n    run: x login\n" +
		host(290) + host(291) + host(292) + "    and 3 more: no profile for account ACCOUNT\n" +
		"    run: x map ACCOUNT.dkr.ecr.us-east-1.amazonaws.com PROFILE\n"
	for i := 296; i < 300; i++ {
		want += host(i) + fmt.Sprintf("    problem %d\n", i)
	}
	want += "  all of them:\n  run: docker-credential-ecr-sso status --all\n"
	if diff := cmp.Diff(want, r.String()); diff != "" {
		t.Error(diff)
	}
	all := &report{width: 100}
	registryList{all, time.Now(), true}.write(registries)
	if n := strings.Count(all.String(), ".amazonaws.com\n"); n != 300 {
		t.Errorf("--all shows %d registries", n)
	}
}
