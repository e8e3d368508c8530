package cli

import (
	"bytes"
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/docker/docker-credential-helpers/credentials"
	"github.com/spf13/cobra"
)

const modulePath = "github.com/ecr-sso/docker-credential-ecr-sso"

// Set by the linker for releases (.goreleaser.yaml): -ldflags "-X
// github.com/ecr-sso/docker-credential-ecr-sso/pkg/cli.release=0.1.0 ...".
var release, commit, date string

// build describes the build of this program. Unknown fields are empty; Version always has a
// value.
type build struct {
	Version  string `json:"version"`          // 0.1.0, or a pseudo-version, or devel
	Commit   string `json:"commit,omitempty"` // full hash, with +dirty after local changes
	Date     string `json:"date,omitempty"`   // commit date, RFC 3339
	Go       string `json:"go"`
	Platform string `json:"platform"` // GOOS/GOARCH
}

// thisBuild describes the running program.
func thisBuild() build {
	info, _ := debug.ReadBuildInfo()
	b := buildFrom(info)
	b.Go, b.Platform = runtime.Version(), runtime.GOOS+"/"+runtime.GOARCH
	return b
}

// buildFrom uses the values set by the linker. Without them, it uses the information
// recorded by the Go toolchain: the module version for `go install ...@v0.1.0`, or the
// commit for a build in a git checkout. info may be nil.
func buildFrom(info *debug.BuildInfo) build {
	b := build{Version: release, Commit: commit, Date: date}
	if info == nil {
		info = &debug.BuildInfo{}
	}
	if v := info.Main.Version; v != "(devel)" {
		b.Version = cmp.Or(b.Version, strings.TrimPrefix(v, "v"))
	}
	b.Version = cmp.Or(b.Version, "devel")
	if b.Commit != "" {
		return b
	}
	vcs := map[string]string{}
	for _, s := range info.Settings {
		vcs[s.Key] = s.Value
	}
	b.Commit, b.Date = vcs["vcs.revision"], cmp.Or(b.Date, vcs["vcs.time"])
	if vcs["vcs.modified"] == "true" {
		b.Commit += "+dirty"
	}
	return b
}

func version() string { return thisBuild().Version }

// versionLine returns "NAME (PACKAGE) VERSION", the format of docker-credential-helpers.
func versionLine() string {
	credentials.Name, credentials.Package, credentials.Version = name, modulePath, version()
	return fmt.Sprintf("%s (%s) %s\n", name, modulePath, version())
}

func userAgent() string { return name + "/" + version() }

// newVersion returns the command `version`. Without a flag, it is a protocol verb that
// prints one line. With a flag, it is one of our commands.
func newVersion(a app) *cobra.Command {
	var long, asJSON bool
	cmd := &cobra.Command{
		Use:   credentials.ActionVersion,
		Short: "Print the version",
		Long: `Prints the version on one line, like all credential helpers. With --long or
--json, it also prints the commit, the commit date and the Go version.`,
		Example: "  " + name + " version\n  " + name + " version --long",
		Args:    exactArgs(),
		RunE: func(*cobra.Command, []string) error {
			text := []byte(versionLine())
			switch {
			case asJSON:
				var err error
				if text, err = indented(thisBuild()); err != nil {
					return err
				}
			case long:
				text = thisBuild().text()
			}
			return a.answer(text)
		},
	}
	cmd.Flags().BoolVar(&long, "long", false, "also print the commit, date, Go version and platform")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print all details as JSON")
	return cmd
}

// text formats the build for a bug report.
func (b build) text() []byte {
	var out bytes.Buffer
	for _, row := range [...][2]string{
		{"version", b.Version}, {"commit", b.Commit}, {"date", b.Date}, {"go", b.Go}, {"platform", b.Platform},
	} {
		fmt.Fprintf(&out, "%-9s %s\n", row[0], cmp.Or(row[1], "unknown"))
	}
	return out.Bytes()
}
