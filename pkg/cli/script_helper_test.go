package cli

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// These script commands run the program like a client.

// helper VERB [ARG...] runs the program like a client (see feed for the arguments). It
// always checks that outputs contain no secrets, that a success prints nothing on stderr,
// and that a failure prints the same line on both streams ("not found" only on stdout). The
// variable CLIENT is the name of the client.
func cmdHelper(ts *testscript.TestScript, neg bool, args []string) {
	out, errOut, err := callProgram(ts, args)
	switch {
	case err != nil && !neg:
		ts.Fatalf("unexpected failure: %v", err)
	case err == nil && neg:
		ts.Fatalf("unexpected success")
	}
	ts.Check(hintParses(errOut))
	switch {
	case err == nil && strings.Contains(errOut, " did not respond within ") && machineIsBusy():
		stageOf(ts).skip("the machine is too busy for the time limit: " + errOut)
	case err == nil && errOut != "":
		ts.Fatalf("success with output on stderr")
	case err != nil && (strings.Count(out, "\n") != 1 || !strings.HasSuffix(out, "\n")):
		ts.Fatalf("want one error line on stdout, got %q", out)
	case err != nil && out != notFound && errOut != out:
		ts.Fatalf("stderr: %q, stdout: %q", errOut, out)
	case err != nil && out == notFound && errOut != "" && !strings.HasPrefix(errOut, "continuing without a login: "):
		ts.Fatalf("not-found with output on stderr: %q", errOut)
	}
}

// helper-warns VERB [ARG...] is like helper, for a success with the single warning.
func cmdHelperWarns(ts *testscript.TestScript, _ bool, args []string) {
	_, text, err := callProgram(ts, args)
	ts.Check(err)
	ts.Check(hintParses(text))
	if !strings.HasPrefix(text, "warning: logins are not cached: ") && !strings.Contains(text, " are ignored: ") || strings.Count(text, "\n") != 1 {
		ts.Fatalf("want a single warning on stderr, got %q", text)
	}
}

// helper-early get HOST is like helper get HOST, but the answer must come before package os
// is initialized. ! helper-early: the answer must come later.
func cmdHelperEarly(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, args, 2, 2, "helper-early get HOST")
	ts.Setenv("GODEBUG", "inittrace=1")
	_, trace, err := callProgram(ts, args)
	ts.Setenv("GODEBUG", "")
	ts.Check(err)
	if late := strings.Contains(trace, "\ninit os @"); late != neg {
		ts.Fatalf("answered early: %v", !late)
	}
}

// callProgram runs the program like a client, and checks that its output contains no
// secret. The process that starts it is that of the test, which saves a process for each
// call, unless the script needs the name of a client (CLIENT) or passes its own stdin.
func callProgram(ts *testscript.TestScript, args []string) (stdout, stderr string, err error) {
	client := ts.Getenv("CLIENT")
	if len(args) == 2 && args[1] == "-" {
		client = clientNames[0]
	}
	if client != "" {
		err = ts.Exec(client, args...)
		stdout, stderr = ts.ReadFile("stdout"), ts.ReadFile("stderr")
	} else {
		stdout, stderr, err = start(ts, args)
		_, _ = io.WriteString(ts.Stdout(), stdout)
		_, _ = io.WriteString(ts.Stderr(), stderr)
	}
	answered := err == nil && len(args) == 2 && args[0] == "get"
	switch s := stageOf(ts); {
	case s.leaks(stderr):
		ts.Fatalf("%v: secret on stderr", args)
	case !answered && s.leaks(stdout):
		ts.Fatalf("%v: secret on stdout", args)
	}
	return stdout, stderr, err
}

// start does the same as feed.
func start(ts *testscript.TestScript, args []string) (stdout, stderr string, err error) {
	cmd := exec.Command(filepath.Join(binDir, name+exeSuffix()), args...)
	cmd.Dir, cmd.Env = ts.MkAbs("."), environmentOf(ts)
	switch args[0] {
	case "get", "store", "erase", "list", "version":
		if ts.Getenv("ECR_SSO_LOG") == "" {
			cmd.Env = append(cmd.Env, "ECR_SSO_LOG="+ts.Getenv("CALLS_LOG"))
		}
	}
	input := ""
	switch {
	case len(args) == 2 && (args[0] == "get" || args[0] == "erase"):
		cmd.Args, input = []string{name, args[0]}, args[1]
	case len(args) == 4 && args[0] == "store":
		login, err := json.Marshal(map[string]string{"ServerURL": args[1], "Username": args[2], "Secret": args[3]})
		ts.Check(err)
		cmd.Args, input = []string{name, args[0]}, string(login)+"\n"
	case len(args) == 1 && args[0] == "list":
		input = "unused"
	}
	// The whole request is in the pipe before the start. On a busy machine, it could otherwise
	// be too late for an early answer.
	stdin, w, err := os.Pipe()
	ts.Check(err)
	defer stdin.Close()
	_, err = w.WriteString(input)
	ts.Check(errors.Join(err, w.Close()))
	var out, errs strings.Builder
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &out, &errs
	err = cmd.Run()
	return out.String(), errs.String(), err
}

// environmentOf returns the environment of the script. Testscript has no function for that.
func environmentOf(ts *testscript.TestScript) []string {
	list := reflect.ValueOf(ts).Elem().FieldByName("env")
	environment := make([]string, list.Len())
	for i := range environment {
		environment[i] = list.Index(i).String()
	}
	return environment
}
