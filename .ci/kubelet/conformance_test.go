package kubelet

import (
	"flag"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/lab"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

var write = flag.String("write", "", "write the matrix into this page")

// row is one case: a kubelet's requests, the expected logins and the expected calls.
type row struct {
	name   string
	do     func(*world) result
	logins int
	portal int
	sts    int
	ecr    int
	public int
	quiet  bool // nothing in the kubelet's log
	same   int  // number of different logins; 0: not checked

	endpoint string // part of the names of the called hosts; "": not checked
}

var rows = []row{
	{name: "30 images of one registry at once, node with an SSO session", do: func(w *world) result {
		w.signIn()
		return w.kubelet(1, images(30, host)...)
	}, logins: 30, portal: 1, ecr: 1, quiet: true, same: 1},
	{name: "the same, with keys", do: func(w *world) result {
		w.keys()
		return w.kubelet(1, images(30, host)...)
	}, logins: 30, ecr: 1, quiet: true, same: 1},
	{name: "two rounds: the kubelet's own cache", do: func(w *world) result {
		w.keys()
		return w.kubelet(2, images(30, host)...)
	}, logins: 60, ecr: 1, quiet: true, same: 1},
	{name: "the kubelet starts again: the program's cache", do: func(w *world) result {
		w.signIn()
		w.kubelet(1, images(30, host)...)
		return w.kubelet(1, images(30, host)...)
	}, logins: 30, quiet: true, same: 1},
	{name: "API v1beta1", do: version("v1beta1"), logins: 1, ecr: 1, quiet: true},
	{name: "API v1alpha1", do: version("v1alpha1"), logins: 1, ecr: 1, quiet: true},
	{name: "a host of every partition", do: hosts(partitionHosts), logins: len(partitionHosts), ecr: len(partitionHosts), quiet: true, same: len(partitionHosts)},
	{name: "FIPS hosts (their endpoints are FIPS ones)", do: hosts(fipsHosts), logins: len(fipsHosts), ecr: len(fipsHosts), quiet: true, same: len(fipsHosts), endpoint: "-fips."},
	{name: "dual-stack hosts (their endpoints are dual-stack ones)", do: hosts(dualStackHosts), logins: len(dualStackHosts), ecr: len(dualStackHosts), quiet: true, same: len(dualStackHosts), endpoint: ".api.aws"},
	{name: "ECR Public", do: func(w *world) result {
		w.keys()
		return w.kubelet(1, images(2, "public.ecr.aws")...)
	}, logins: 2, public: 1, quiet: true, same: 1},
	{name: "ECR Public without the permission, two rounds", do: func(w *world) result {
		w.keys()
		w.aws.DenyECR(account)
		return w.kubelet(2, images(1, "public.ecr.aws")...)
	}, public: 1, quiet: true},
	{name: "look-alike hosts that the configuration matches", do: func(w *world) result {
		w.keys()
		var pulls []pull
		var patterns strings.Builder
		patterns.WriteString("matchImages:\n")
		for _, host := range lookAlikes {
			fmt.Fprintf(&patterns, "      - %q\n", host)
			pulls = append(pulls, images(1, host)...)
		}
		w.edit("matchImages:\n", patterns.String())
		return w.offline(w.kubelet(1, pulls...))
	}, quiet: true},
	{name: "aliases of a registry and of ECR Public", do: func(w *world) result {
		w.keys()
		w.aliases()
		return w.kubelet(1, append(images(2, "ecr.example.com"), images(2, "mirror.example.com")...)...)
	}, logins: 4, ecr: 1, public: 1, quiet: true, same: 2},
	{name: "the same without the permissions: only the alias of ECR Public does not fail", do: func(w *world) result {
		w.keys()
		w.aliases()
		w.aws.DenyECR(account)
		r := w.kubelet(1, append(images(1, "ecr.example.com"), images(1, "mirror.example.com")...)...)
		if r.failures() != 1 {
			w.wrong("%d failures in the log: %s", r.failures(), r.log)
		}
		return w.expect(r, "is not allowed to call ecr:GetAuthorizationToken")
	}, ecr: 1, public: 1},
	{name: "30 pods of 3 service accounts with a role each, cacheType ServiceAccount", do: func(w *world) result {
		w.configure("--service-accounts")
		return w.kubelet(1, w.pods(30)...)
	}, logins: 30, sts: 3, ecr: 3, quiet: true, same: 3},
	{name: "the same, cacheType Token", do: func(w *world) result {
		w.configure("--service-accounts")
		w.edit("cacheType: ServiceAccount", "cacheType: Token")
		return w.kubelet(2, w.pods(30)...)
	}, logins: 60, sts: 3, ecr: 3, quiet: true, same: 3},
	{name: "a static pod without a service account: the node's login", do: func(w *world) result {
		w.configure("--service-accounts")
		w.keys()
		return w.kubelet(1, images(1, host)...)
	}, logins: 1, ecr: 1, quiet: true},
	{name: "a service account that its role does not trust", do: func(w *world) result {
		w.configure("--service-accounts")
		w.keys()
		pods := w.pods(1)
		pods[0].Role = "arn:aws:iam::" + account + ":role/pull-2"
		return w.expect(w.kubelet(1, pods...), `service account "team:app-1" is not allowed to assume arn:aws:iam::123456789012:role/pull-2`)
	}, sts: 1},
	{name: "the SSO session has expired", do: func(w *world) result {
		w.profile()
		return w.offline(w.expect(w.kubelet(1, images(3, host)...), `not signed in to SSO session "corp"`))
	}},
	{name: "no network", do: func(w *world) result {
		w.keys()
		w.aws.Fail(awstest.Any, awstest.Fault{Kind: awstest.Down})
		return w.expect(w.kubelet(1, images(1, host)...), "api.ecr.us-east-1.amazonaws.com")
	}},
	{name: "ECR throttles twice", do: func(w *world) result {
		w.keys()
		w.aws.Fail(awstest.GetAuthorizationToken, awstest.Fault{Kind: awstest.Throttle, Times: 2})
		return w.kubelet(1, images(30, host)...)
	}, logins: 30, ecr: 3, quiet: true, same: 1},
	{name: "ECR never answers: the program ends before the kubelet kills it", do: func(w *world) result {
		w.keys()
		w.aws.Fail(awstest.GetAuthorizationToken, awstest.Fault{Kind: awstest.Hang})
		r := w.expect(w.kubelet(1, images(1, host)...), "exit status 1: ")
		if r.took > 55*time.Second {
			w.wrong("took %v", r.took)
		}
		return r
	}, ecr: 3},
}

// partitionHosts lists a registry in every partition.
var partitionHosts = []string{
	account + ".dkr.ecr.eu-west-1.amazonaws.com", account + ".dkr.ecr.cn-north-1.amazonaws.com.cn",
	account + ".dkr.ecr.us-gov-west-1.amazonaws.com", account + ".dkr.ecr.us-iso-east-1.c2s.ic.gov",
	account + ".dkr.ecr.us-isob-east-1.sc2s.sgov.gov", account + ".dkr.ecr.eusc-de-east-1.amazonaws.eu",
}

var (
	fipsHosts = []string{
		account + ".dkr.ecr-fips.us-east-1.amazonaws.com", account + ".dkr.ecr-fips.us-gov-east-1.amazonaws.com",
		account + ".dkr-ecr-fips.us-west-2.on.aws",
	}
	dualStackHosts = []string{account + ".dkr-ecr.us-east-2.on.aws", account + ".dkr-ecr-fips.us-west-2.on.aws"}
)

// hosts pulls an image from each host.
func hosts(hosts []string) func(*world) result {
	return func(w *world) result {
		w.keys()
		var pulls []pull
		for _, host := range hosts {
			pulls = append(pulls, images(1, host)...)
		}
		return w.kubelet(1, pulls...)
	}
}

var lookAlikes = []string{
	host + ".example.com", "x" + host, "12345678901.dkr.ecr.us-east-1.amazonaws.com", account + ".dkr.ecr.us-east-1.amazonaws.co",
	account + ".dkr.ecr.us-east-1.evil.com", account + "-dkr.ecr.us-east-1.amazonaws.com", "public.ecr.aws.example.com", "docker.io",
}

func version(v string) func(*world) result {
	return func(w *world) result {
		w.keys()
		w.edit("credentialprovider.kubelet.k8s.io/v1", "credentialprovider.kubelet.k8s.io/"+v)
		return w.kubelet(1, images(1, host)...)
	}
}

// expect checks that the kubelet's log contains text.
func (w *world) expect(r result, text string) result {
	w.Helper()
	if !strings.Contains(strings.ReplaceAll(r.log, `\"`, `"`), text) {
		w.wrong("the kubelet's log has no %q:\n%s", text, r.log)
	}
	return r
}

// offline checks that the program made no connections.
func (w *world) offline(r result) result {
	w.Helper()
	if r.connect != 0 {
		w.wrong("%d connections", r.connect)
	}
	return r
}

func TestConformance(t *testing.T) {
	other, name := referenceProvider(t)
	header := []string{"case", "logins", "portal", "STS", "ECR", "ECR Public", "errors in the log"}
	if other != "" {
		header = append(header, name)
	}
	table := [][]string{header}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			r := row.check(newWorld(t, ""))
			line := append([]string{row.name}, r.cells()...)
			if other != "" {
				theirs := row.do(newWorld(t, other))
				line = append(line, theirs.text(row.endpoint))
				if worse(r, theirs) {
					t.Errorf("the reference needs fewer calls: %s", theirs.text(row.endpoint))
				}
			}
			table = append(table, line)
		})
	}
	if *write == "" || t.Failed() {
		return
	}
	if other == "" {
		t.Fatal("the page has a column of the reference: .ci/clients/build kubelet")
	}
	text := "Called by the code of Kubernetes " + kubernetes() + ".\n\n" + lab.Table(table)
	if err := lab.WritePart(filepath.Clean(*write), "kubelet:matrix", text); err != nil {
		t.Error(err)
	}
}

// check runs the case with our program.
func (row row) check(w *world) result {
	w.Helper()
	r := row.do(w)
	for _, text := range w.flaws {
		w.Error(text)
	}
	if r.count != row.logins || row.same != 0 && r.different != row.same {
		w.Errorf("%d logins, %d different", r.count, r.different)
	}
	if r.portal != row.portal || r.sts != row.sts || r.ecr != row.ecr || r.public != row.public {
		w.Errorf("calls: portal %d, STS %d, ECR %d, ECR Public %d", r.portal, r.sts, r.ecr, r.public)
	}
	if n := r.at(row.endpoint); n != len(r.hosts) {
		w.Errorf("%d of %q are endpoints with %q", n, r.hosts, row.endpoint)
	}
	if row.quiet && r.failures() > 0 {
		w.Errorf("errors in the log: %s", r.log)
	}
	return r
}

// kubernetes returns the linked version of Kubernetes. The test binary has no record of
// it.
func kubernetes() string {
	version, err := exec.Command("go", "list", "-m", "-f", "{{.Version}}", "k8s.io/kubernetes").Output()
	if err != nil {
		return "of unknown version"
	}
	return strings.TrimSpace(string(version))
}
