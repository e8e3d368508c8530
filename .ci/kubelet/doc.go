// Package kubelet tests the built program with the kubelet's own code, which requests logins
// from it. It has tests only: `make kubelet`.
package kubelet
