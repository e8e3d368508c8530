// Package dockerconfig owns Docker's config.json (and podman's auth.json, which
// has the same form): where it is, what it says about credential helpers, and
// the edit of its credHelpers entries.
//
// It changes only credHelpers; every other byte of the file stays, and a file
// that cannot be understood is refused and left alone. It never reads a secret
// into its answers: of an auths entry it tells only that one is there. It may
// import floors 0 and 1 (floor 2). The setup, status and doctor use-cases call
// it.
package dockerconfig
