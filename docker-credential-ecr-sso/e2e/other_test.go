//go:build e2e && !linux

package e2e

import "testing"

func TestRealClients(t *testing.T) { t.Skip("the docker engine is started on Linux, as root") }
