package kubelet

import (
	"fmt"
	"strings"
	"time"
)

// result is the logins of a kubelet, and the calls for them.
type result struct {
	logins                            [][]found
	pulls, count, different           int // pulls, logins, different passwords, of all rounds
	log                               string
	hosts                             []string // of the calls of ECR
	portal, sts, ecr, public, connect int
	took                              time.Duration
}

// failures returns how many failures of the provider the kubelet logged, in the words of
// Kubernetes 1.37 or 1.34.
func (r result) failures() int {
	return strings.Count(r.log, "Failed to provide credentials for image") +
		strings.Count(r.log, "Failed getting credential from external registry credential provider")
}

// at returns how many calls of ECR were made at hosts with this part in their names.
func (r result) at(endpoint string) (n int) {
	for _, host := range r.hosts {
		if strings.Contains(host, endpoint) {
			n++
		}
	}
	return n
}

// cells returns the cells of our program.
func (r result) cells() []string {
	cells := []string{fmt.Sprintf("%d of %d", r.count, r.pulls)}
	for _, n := range []int{r.portal, r.sts, r.ecr, r.public, r.failures()} {
		cells = append(cells, fmt.Sprint(n))
	}
	return cells
}

// text returns the cell of the reference. Of the calls of ECR, it says how many were made at
// the endpoints of the row.
func (r result) text(endpoint string) string {
	words, errors := []string{fmt.Sprintf("%d of %d", r.count, r.pulls)}, "errors"
	if r.failures() == 1 {
		errors = "error"
	}
	for _, part := range []struct {
		n    int
		name string
	}{{r.portal, "portal"}, {r.sts, "STS"}, {r.ecr, "ECR"}, {r.public, "ECR Public"}, {r.failures(), errors}} {
		if part.n > 0 {
			words = append(words, fmt.Sprintf("%d %s", part.n, part.name))
		}
	}
	if endpoint != "" {
		words = append(words, fmt.Sprintf("%d at such endpoints", r.at(endpoint)))
	}
	return strings.Join(words, "; ")
}

// worse reports whether the reference got as many logins with fewer calls.
func worse(ours, theirs result) bool {
	calls := func(r result) int { return r.portal + r.sts + r.ecr + r.public }
	return theirs.count > 0 && theirs.count == ours.count && calls(theirs) < calls(ours)
}
