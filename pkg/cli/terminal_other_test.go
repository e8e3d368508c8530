//go:build !unix

package cli

// leaveTerminal does nothing: the console of Windows belongs to every program in it.
func leaveTerminal() {}
