// Command awstest runs the fake AWS for shell scripts and for trying things by hand. It prints export lines for
// eval, then serves until SIGINT, SIGTERM or the end of its standard input. It uses only its own ports and the
// -home directory.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
	own "github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
)

const usage = `awstest runs a fake AWS: IAM Identity Center, STS, ECR and the registries, behind a CONNECT proxy on loopback.

  go run ./pkg/awstest/cmd/awstest -home /tmp/h -ignore-stdin >env.sh &
  until grep -q '^# ready' env.sh; do sleep 0.1; done; . ./env.sh
  curl -X POST "$AWSTEST_CONTROL/fault?op=CreateToken&kind=hang&times=1"

It ends with SIGINT, SIGTERM, or, without -ignore-stdin, when its standard input closes. $BROWSER is a browser that approves every sign-in.

Control, plain HTTP at $AWSTEST_CONTROL:
` + awstest.ControlHelp + `
Faults: %s

Flags:
`

type options struct {
	home, browse, startURL, region, account, role, session, profile string
	rtt, service                                                    time.Duration
	refresh, endpoints, signedOut, autoApprove, noStdin             bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "awstest:", err)
		os.Exit(1)
	}
}

func parse(args []string, stderr io.Writer) (o options, err error) {
	f := flag.NewFlagSet("awstest", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.Usage = func() {
		fmt.Fprintf(stderr, usage, strings.Trim(fmt.Sprint(awstest.Kinds()), "[]"))
		f.PrintDefaults()
	}
	f.StringVar(&o.home, "home", "", "create (or reuse) a home `directory` with a signed-in SSO profile; empty: a temporary one")
	f.StringVar(&o.startURL, "start-url", "https://my-portal.awsapps.com/start", "start `URL` of the instance")
	f.StringVar(&o.region, "region", "us-east-1", "`region` of the instance and the profile")
	f.StringVar(&o.account, "account", "123456789012", "account `id`")
	f.StringVar(&o.role, "role", "Push", "role `name`")
	f.StringVar(&o.session, "session", "corp", "`name` of the sso-session; empty: a legacy profile")
	f.StringVar(&o.profile, "profile", "dev", "`name` of the profile")
	f.DurationVar(&o.rtt, "rtt", 0, "round-trip `time` of connections")
	f.DurationVar(&o.service, "service-time", 0, "processing `time` of each portal, OIDC and ECR operation")
	f.BoolVar(&o.refresh, "refresh", true, "issue a refresh token")
	f.BoolVar(&o.signedOut, "signed-out", false, "write the profile without a token")
	f.BoolVar(&o.autoApprove, "auto-approve", false, "approve device codes immediately")
	f.BoolVar(&o.endpoints, "endpoints", false, "also print AWS_ENDPOINT_URL_* for plain-HTTP loopback endpoints")
	f.BoolVar(&o.noStdin, "ignore-stdin", false, "do not exit at the end of standard input (a shell closes it for background jobs)")
	f.StringVar(&o.browse, "browse", "", "open this `URL` like a browser (with the proxy and CA from the environment), then exit")
	return o, f.Parse(args)
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	if o.browse != "" {
		client, err := awstest.ClientFromEnvironment()
		if err != nil {
			return err
		}
		return awstest.Browse(ctx, client, o.browse)
	}
	if o.home == "" {
		if o.home, err = os.MkdirTemp("", "awstest-home-"); err != nil {
			return err
		}
		defer os.RemoveAll(o.home)
	}
	if o.home, err = filepath.Abs(o.home); err != nil {
		return err
	}
	if err := os.MkdirAll(o.home, 0o700); err != nil {
		return err
	}
	times := map[awstest.Op]time.Duration{awstest.Portal: o.service, awstest.OIDC: o.service, awstest.ECR: o.service, awstest.ECRPublic: o.service}
	a, err := awstest.New(awstest.Options{RTT: o.rtt, ServiceTime: times, AutoApprove: o.autoApprove, Dir: o.home})
	if err != nil {
		return err
	}
	defer a.Close()
	if err := prepare(a, o, stdout); err != nil {
		return err
	}
	ended := make(chan struct{})
	if !o.noStdin {
		go func() { io.Copy(io.Discard, stdin); close(ended) }()
	}
	select {
	case <-ctx.Done():
	case <-ended:
	}
	return nil
}

// prepare fills the fake and the home directory, and prints the shell commands.
func prepare(a *awstest.AWS, o options, stdout io.Writer) error {
	a.AddInstance(o.startURL, o.region)
	a.AddAccount(o.account, "dev", "dev@example.com", o.role, "Admin")
	h := a.Home(o.home)
	key := o.session
	if o.session == "" {
		key = o.startURL
		h.LegacyProfile(o.profile, o.startURL, o.region, o.account, o.role)
	} else {
		h.SSOProfile(o.profile, o.session, o.startURL, o.region, o.account, o.role)
	}
	keep := func(k string, t awstest.SSOToken) {
		if k == "" {
			k = key
		}
		h.WriteToken(k, t)
	}
	if !o.signedOut {
		keep("", a.SignIn(o.startURL, o.region, o.refresh && o.session != ""))
	}
	control, err := a.Control(keep)
	if err != nil {
		return err
	}
	env := append(h.Env(), "AWSTEST_CONTROL="+control, "AWSTEST_REGISTRY="+awstest.RegistryHost(o.account, o.region))
	if o.endpoints {
		env = append(env, a.EndpointEnv()...)
	}
	browser, err := writeBrowser(o.home)
	if err != nil {
		return err
	}
	env = append(env, "BROWSER="+browser)
	fmt.Fprintln(stdout, "unset "+strings.Join(conflictingVars(env), " "))
	for _, e := range env {
		name, value, _ := strings.Cut(e, "=")
		if name == "PATH" {
			continue // may change in the shell
		}
		fmt.Fprintf(stdout, "export %s='%s'\n", name, strings.ReplaceAll(value, "'", `'\''`))
	}
	_, err = fmt.Fprintln(stdout, "# ready")
	return err
}

// conflictingVars returns the names of the user's variables that would make the shell
// bypass the fake, such as a CA bundle, a profile, keys or a proxy.
func conflictingVars(exported []string) (names []string) {
	set := map[string]bool{}
	for _, e := range exported {
		name, _, _ := strings.Cut(e, "=")
		set[name] = true
	}
	for _, row := range own.Table() {
		away := row.Owner != own.System || strings.HasSuffix(strings.ToUpper(row.Name), "_PROXY") || row.Name == own.SSLCertDir.Name()
		if away && !set[row.Name] {
			names = append(names, row.Name)
		}
	}
	return names
}

// writeBrowser creates a program that opens its first argument with Browse.
func writeBrowser(home string) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	path := filepath.Join(home, "browser")
	return path, os.WriteFile(path, []byte("#!/bin/sh\nexec '"+strings.ReplaceAll(self, "'", `'\''`)+"' -browse \"$1\"\n"), 0o755)
}
