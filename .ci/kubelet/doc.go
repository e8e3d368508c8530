// Package kubelet lets the kubelet's own code ask the built program for logins. It has
// tests only: `make kubelet`.
package kubelet
