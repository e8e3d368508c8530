package doctor

import (
	"fmt"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/credhelper"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

// registries checks, without a host, each registry of Docker's configuration
// offline: a line each.
func (x *examination) registries() []Check {
	const title = "registry"
	hosts, _ := x.served()
	var out []Check
	for _, host := range hosts {
		e, err := x.Helper.Explain(host)
		switch {
		case err != nil:
			// The checks of the files have told it already.
			out = append(out, check(title, Skipped, nil, "%s: not before the files are mended", host))
		case e.Problem != "" && e.Cached == nil && e.Stored == nil:
			v := Problem
			if isPublic(host) {
				v = Warning // it can be pulled from without a login
			}
			out = append(out, check(title, v, undoctored(e.Next), "%s: %s", host, e.Problem))
		default:
			out = append(out, check(title, OK, nil, "%s: %s", host, Resolved(e, x.Now())))
		}
	}
	return out
}

func isPublic(host string) bool {
	r, err := registry.Parse(host)
	return err == nil && r.Service == registry.Public
}

// Resolved says whom a registry leads to, and until when a login is held for it.
func Resolved(e credhelper.Explanation, now time.Time) string {
	who := "nobody"
	if id := e.Identity; id != nil {
		switch {
		case id.Profile != "":
			who = fmt.Sprintf("profile %q", id.Profile)
		default:
			who = id.Source
		}
	}
	switch {
	case e.Stored != nil:
		return who + ", login of docker login ends " + In(*e.Stored, now)
	case e.Cached != nil:
		return who + ", cached token ends " + In(*e.Cached, now)
	}
	return who + ", no token yet"
}
