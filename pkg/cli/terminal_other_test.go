//go:build !unix

package cli

// leaveTerminal does nothing: a program that Windows starts without a console gets one. The
// scripts have ECR_SSO_LOGIN=never there (newStage).
func leaveTerminal() {}
