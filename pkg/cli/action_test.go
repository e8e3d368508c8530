package cli

import (
	"strings"
	"testing"
)

// The script and action.yml must use the same variables. A variable that action.yml does
// not set would be empty on a runner.
func TestActionPassesItsInputs(t *testing.T) {
	t.Parallel()
	action := readSource(t, "action.yml")
	for variable, source := range map[string]string{
		"ACTION_PATH": "github.action_path", "ACTION_REF": "github.action_ref", "BASE_URL": "inputs.base-url",
		"VERSION": "inputs.version", "REGISTRIES": "inputs.registries",
	} {
		if !strings.Contains(action, variable+": ${{ "+source+" }}\n") {
			t.Errorf("action.yml does not set %s from %s", variable, source)
		}
	}
	if _, run, _ := strings.Cut(action, "run: "); strings.Contains(strings.SplitN(run, "\n", 2)[0], "${{") {
		t.Error("an input is interpolated into the script")
	}
}
