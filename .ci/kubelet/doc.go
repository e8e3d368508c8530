// Package kubelet tests the built program with the kubelet's own code, which requests
// logins from it. The package contains only tests. `make kubelet` runs them.
package kubelet
