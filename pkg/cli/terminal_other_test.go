//go:build !unix

package cli

// leaveTerminal does nothing: Windows gives a console to programs that start without one.
// Scripts run with ECR_SSO_LOGIN=never there (newStage).
func leaveTerminal() {}

// unignoreSignals does nothing: Windows has no signals that children inherit.
func unignoreSignals() {}
