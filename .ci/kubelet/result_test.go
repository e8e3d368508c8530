package kubelet

import (
	"fmt"
	"strings"
	"time"
)

// result contains a kubelet's logins and counts the calls for them.
type result struct {
	logins                            [][]found
	pulls, count, different           int // total pulls, logins and different passwords in all rounds
	log                               string
	hosts                             []string // hosts of the ECR calls
	portal, sts, ecr, public, connect int
	took                              time.Duration
}

// failures returns the number of provider failures in the kubelet's log. It matches the
// messages of Kubernetes 1.37 and 1.34.
func (r result) failures() int {
	return strings.Count(r.log, "Failed to provide credentials for image") +
		strings.Count(r.log, "Failed getting credential from external registry credential provider")
}

// at returns the number of ECR calls to hosts whose names contain endpoint.
func (r result) at(endpoint string) (n int) {
	for _, host := range r.hosts {
		if strings.Contains(host, endpoint) {
			n++
		}
	}
	return n
}

// cells returns our program's table cells.
func (r result) cells() []string {
	cells := []string{fmt.Sprintf("%d of %d", r.count, r.pulls)}
	for _, n := range []int{r.portal, r.sts, r.ecr, r.public, r.failures()} {
		cells = append(cells, fmt.Sprint(n))
	}
	return cells
}

// text returns the table cell for the reference provider. It includes the number of ECR
// calls to the row's endpoints.
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

// worse reports whether the reference provider got the same number of logins with fewer
// calls.
func worse(ours, theirs result) bool {
	calls := func(r result) int { return r.portal + r.sts + r.ecr + r.public }
	return theirs.count > 0 && theirs.count == ours.count && calls(theirs) < calls(ours)
}
