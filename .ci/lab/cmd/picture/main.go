//go:build linux

// Command picture draws the terminal picture in the README. It runs the built program on
// a pseudo-terminal with the fake AWS and answers its questions. It then draws the
// terminal's content as SVG for light and dark pages.
//
//	go -C .ci/lab run ./cmd/picture -write ../../docs/picture
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/ecr-sso/docker-credential-ecr-sso/lab"
)

func main() {
	program := flag.String("program", "", "run this `helper` instead of building ours")
	dir := flag.String("write", "", "write the pictures into this `directory`")
	flag.Parse()
	if err := run(*program, *dir); err != nil {
		fmt.Fprintln(os.Stderr, "picture:", err)
		os.Exit(1)
	}
}

func run(program, dir string) error {
	if dir == "" {
		return fmt.Errorf("-write DIRECTORY is missing")
	}
	pictures, err := draw(program)
	if err != nil {
		return err
	}
	for name, svg := range pictures {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(svg), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// draw returns the pictures by their file names.
func draw(program string) (map[string]string, error) {
	dir, err := os.MkdirTemp("", "picture-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if program == "" {
		if program, err = lab.Build(dir); err != nil {
			return nil, err
		}
	}
	browser, err := lab.BuildCommand(dir, "pkg/awstest/cmd/awstest")
	if err != nil {
		return nil, err
	}
	output, err := play(program, browser, dir)
	if err != nil {
		return nil, err
	}
	lines := show(output)
	return map[string]string{"terminal-light.svg": svg(lines, light), "terminal-dark.svg": svg(lines, dark)}, nil
}
