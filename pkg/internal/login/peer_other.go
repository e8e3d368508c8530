//go:build !linux

package login

import "net/http"

// fromAnotherUser is not known on this system; the link still works only once.
func fromAnotherUser(*http.Request) bool { return false }
