// Command feed runs docker-credential-ecr-sso as a Docker client does. The scripts use it
// where the name of the client matters.
//
//	feed get|erase HOST           HOST is on stdin, without a line end
//	feed get -                    stdin is passed on
//	feed store HOST USER SECRET   the JSON of a login is on stdin
//
// Under the name docker-credential-stand-in it is a credential store (see store).
//
// Other arguments are passed on unchanged. Every protocol call writes to the log file
// named by CALLS_LOG, so that the tests can search it for secrets.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

func main() {
	if name := filepath.Base(os.Args[0]); strings.HasPrefix(name, "docker-credential-") {
		store(os.Args[1])
		return
	}
	args, stdin := question(os.Args[1:])
	cmd := exec.Command("docker-credential-ecr-sso", args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, os.Stdout, os.Stderr
	switch args[0] {
	case "get", "store", "erase", "list", "version":
		if os.Getenv("ECR_SSO_LOG") == "" {
			cmd.Env = append(os.Environ(), "ECR_SSO_LOG="+os.Getenv("CALLS_LOG"))
		}
	}
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		os.Exit(exit.ExitCode())
	}
	check(err)
}

// request returns the arguments and the stdin for the program.
func question(args []string) ([]string, io.Reader) {
	switch {
	case len(args) == 0:
		check(errors.New("usage: feed VERB [ARG...]"))
	case len(args) == 2 && args[1] == "-":
		all, err := io.ReadAll(os.Stdin)
		check(err)
		return args[:1], strings.NewReader(string(all))
	case len(args) == 2 && (args[0] == "get" || args[0] == "erase"):
		return args[:1], strings.NewReader(args[1])
	case len(args) == 4 && args[0] == "store":
		login, err := json.Marshal(map[string]string{"ServerURL": args[1], "Username": args[2], "Secret": args[3]})
		check(err)
		return args[:1], strings.NewReader(string(login) + "\n")
	case len(args) == 1 && args[0] == "list":
		return args, strings.NewReader("unused")
	}
	return args, strings.NewReader("")
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(125)
	}
}
