package cli

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

type scriptCmd = func(ts *testscript.TestScript, neg bool, args []string)

// commands are the custom script commands.
func commands() map[string]scriptCmd {
	return map[string]scriptCmd{
		"helper":           cmdHelper,
		"helper-warns":     cmdHelperWarns,
		"contains-secret":  cmdContainsSecret,
		"profile":          cmdProfile,
		"legacy-profile":   cmdLegacyProfile,
		"signin":           cmdSignIn,
		"user":             cmdUser,
		"login-user":       cmdLoginUser,
		"fault":            cmdFault,
		"clear-faults":     func(ts *testscript.TestScript, _ bool, _ []string) { stageOf(ts).aws.ClearFaults() },
		"session":          cmdSession,
		"deny":             cmdDeny,
		"calls":            cmdCalls,
		"connections":      cmdConnections,
		"age":              cmdAge,
		"age-inputs":       cmdAgeInputs,
		"helper-early":     cmdHelperEarly,
		"parallel-gets":    cmdParallelGets,
		"kubelet-request":  cmdKubeletRequest,
		"kubelet-requests": cmdKubeletRequests,
		"advance":          cmdAdvance,
		"keys":             cmdKeys,
		"run-on":           cmdRunOn,
		"role":             cmdRole,
		"organization":     cmdOrganization,
		"aws-login":        cmdAWSLogin,
		"rate-limit":       cmdRateLimit,
		"approve":          cmdApprove,
		"vanity-host":      cmdVanityHost,
		"ca-bundle":        cmdCABundle,
		"settings":         cmdSettings,
		"on-terminal":      cmdOnTerminal,
		"unwrapped":        cmdUnwrapped,
		"open-exclusive":   cmdOpenExclusive,
		"close-exclusive":  func(ts *testscript.TestScript, _ bool, _ []string) { stageOf(ts).release() },
	}
}

// want checks the number of arguments.
func want(ts *testscript.TestScript, args []string, min, max int, usage string) {
	if len(args) < min || len(args) > max {
		ts.Fatalf("usage: %s", usage)
	}
}

// on-terminal KEYS COMMAND [ARG...] runs a command on a terminal and types the content of
// the file KEYS. The file "terminal" gets the terminal's output. The other streams are
// those of exec. (testscript's ttyin is not used: it waits for the end of the terminal
// without a limit, and once hung.)
func cmdOnTerminal(ts *testscript.TestScript, neg bool, args []string) {
	err := ts.Exec("on-terminal", args...)
	shown := ts.ReadFile("terminal")
	ts.Logf("[terminal]\n%s", shown)
	switch {
	case stageOf(ts).leaks(shown):
		ts.Fatalf("%v: secret on the terminal", args)
	case err != nil && !neg:
		ts.Fatalf("unexpected failure: %v", err)
	case err == nil && neg:
		ts.Fatalf("unexpected success")
	}
}

// contains-secret DIR succeeds if a file in DIR contains a secret.
func cmdContainsSecret(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, args, 1, 1, "contains-secret DIR")
	held := ""
	ts.Check(filepath.WalkDir(ts.MkAbs(args[0]), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && stageOf(ts).leaks(ts.ReadFile(path)) {
			held = path
		}
		return err
	}))
	if (held != "") == neg {
		ts.Fatalf("secret in %s: %q", args[0], held)
	}
}

const notFound = "credentials not found in native keychain\n"

// profile NAME SESSION ACCOUNT ROLE [REGION] adds an SSO profile.
func cmdProfile(ts *testscript.TestScript, _ bool, args []string) {
	want(ts, args, 4, 4, "profile NAME SESSION ACCOUNT ROLE")
	stageOf(ts).home.SSOProfile(args[0], args[1], startURL, region, args[2], args[3])
}

// legacy-profile NAME ACCOUNT ROLE adds a profile without an sso-session.
func cmdLegacyProfile(ts *testscript.TestScript, _ bool, args []string) {
	want(ts, args, 3, 3, "legacy-profile NAME ACCOUNT ROLE")
	stageOf(ts).home.LegacyProfile(args[0], startURL, region, args[1], args[2])
}

// signin SESSION [norefresh|REGION] saves a token like `aws sso login`. The session name
// "legacy" means the start URL of a legacy profile.
func cmdSignIn(ts *testscript.TestScript, _ bool, args []string) {
	want(ts, args, 1, 2, "signin SESSION|legacy [norefresh|REGION]")
	s, where, refreshable := stageOf(ts), region, true
	if len(args) == 2 {
		if refreshable = args[1] != "norefresh"; refreshable {
			where = args[1]
		}
	}
	s.home.WriteToken(tokenKey(args[0]), s.aws.SignIn(startURL, where, refreshable))
}

// user NAME sets the user for all later sign-ins.
func cmdUser(ts *testscript.TestScript, _ bool, args []string) {
	want(ts, args, 1, 1, "user NAME")
	stageOf(ts).aws.SetUser(args[0])
}

// login-user NAME checks that stdout contains a login for user NAME.
func cmdLoginUser(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, args, 1, 1, "login-user NAME")
	answer, err := answerOf(ts.ReadFile("stdout"))
	ts.Check(err)
	if got := stageOf(ts).aws.PasswordUser(answer["Secret"]); (got == args[0]) == neg {
		ts.Fatalf("login for %q", got)
	}
}

func tokenKey(session string) string {
	if session == "legacy" {
		return startURL
	}
	return session
}

// fault OPERATION KIND [KEY=VALUE...]: times, status, code, message, skew, retry-after.
func cmdFault(ts *testscript.TestScript, _ bool, args []string) {
	want(ts, args, 2, 9, "fault OPERATION KIND [KEY=VALUE...]")
	f := awstest.Fault{Kind: awstest.Kind(args[1])}
	for _, kv := range args[2:] {
		k, v, _ := strings.Cut(kv, "=")
		switch k {
		case "times":
			f.Times = number(ts, v)
		case "status":
			f.Status = number(ts, v)
		case "code":
			f.Code = v
		case "message":
			f.Message = v
		case "retry-after":
			f.RetryAfter = v
		case "skew":
			f.Skew = duration(ts, v)
		case "host":
			f.Host = v
		case "header-date":
			f.Header = map[string][]string{"Date": {time.Now().Add(duration(ts, v)).UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT")}}
		default:
			ts.Fatalf("fault: unknown %q", k)
		}
	}
	stageOf(ts).aws.Fail(awstest.Op(args[0]), f)
}

func number(ts *testscript.TestScript, s string) int {
	n, err := strconv.Atoi(s)
	ts.Check(err)
	return n
}

func duration(ts *testscript.TestScript, s string) time.Duration {
	d, err := time.ParseDuration(s)
	ts.Check(err)
	return d
}

// session expire|revoke expires all sessions or invalidates unexpired tokens.
func cmdSession(ts *testscript.TestScript, _ bool, args []string) {
	want(ts, args, 1, 1, "session expire|revoke|console")
	switch args[0] {
	case "expire":
		stageOf(ts).aws.ExpireSession()
	case "revoke":
		stageOf(ts).aws.RevokeSession()
	case "console":
		stageOf(ts).aws.ExpireConsoleLogins()
	default:
		ts.Fatalf("session: unknown %q", args[0])
	}
}

// deny role ACCOUNT ROLE | deny ecr ACCOUNT.
func cmdDeny(ts *testscript.TestScript, _ bool, args []string) {
	want(ts, args, 2, 3, "deny role ACCOUNT ROLE | deny ecr ACCOUNT")
	switch args[0] {
	case "role":
		stageOf(ts).aws.DenyRole(args[1], args[2])
	case "ecr":
		stageOf(ts).aws.DenyECR(args[1])
	default:
		ts.Fatalf("deny: unknown %q", args[0])
	}
}

// calls OPERATION N checks the number of requests received by the service.
func cmdCalls(ts *testscript.TestScript, _ bool, args []string) {
	want(ts, args, 2, 2, "calls OPERATION N")
	if got := stageOf(ts).aws.Calls(awstest.Op(args[0])); got != number(ts, args[1]) {
		ts.Fatalf("%s: %d calls, want %s: %+v", args[0], got, args[1], stageOf(ts).aws.Log())
	}
}

// connections N checks the number of connection attempts since the start.
func cmdConnections(ts *testscript.TestScript, _ bool, args []string) {
	want(ts, args, 1, 1, "connections N")
	if got := len(stageOf(ts).aws.Connections()); got != number(ts, args[0]) {
		ts.Fatalf("%d connections, want %s", got, args[0])
	}
}

// advance DURATION moves the service clock forward.
func cmdAdvance(ts *testscript.TestScript, _ bool, args []string) {
	want(ts, args, 1, 1, "advance DURATION")
	stageOf(ts).aws.Advance(duration(ts, args[0]))
}

// keys env ACCOUNT sets an IAM user's keys in the environment. keys PROFILE ACCOUNT writes
// them to ~/.aws/credentials. keys process ACCOUNT writes process.json, the output of a
// credential_process with these keys.
func cmdKeys(ts *testscript.TestScript, _ bool, args []string) {
	want(ts, args, 2, 2, "keys env|process|PROFILE ACCOUNT")
	s := stageOf(ts)
	k := s.aws.AddKeys(args[1])
	switch args[0] {
	case "env":
		ts.Setenv("AWS_ACCESS_KEY_ID", k.AccessKeyID)
		ts.Setenv("AWS_SECRET_ACCESS_KEY", k.SecretAccessKey)
	case "process":
		out, err := json.Marshal(map[string]any{"Version": 1, "AccessKeyId": k.AccessKeyID, "SecretAccessKey": k.SecretAccessKey})
		ts.Check(err)
		ts.Check(os.WriteFile(ts.MkAbs("process.json"), out, 0o600))
	default:
		s.home.WriteCredentials("[" + args[0] + "]\naws_access_key_id = " + k.AccessKeyID + "\naws_secret_access_key = " + k.SecretAccessKey + "\n")
	}
}

// approve waits for a pending device code and approves it. ! approve denies it.
func cmdApprove(ts *testscript.TestScript, neg bool, _ []string) {
	decide := stageOf(ts).aws.ApproveDevice
	if neg {
		decide = stageOf(ts).aws.DenyDevice
	}
	for end := time.Now().Add(eventTimeout); !decide(""); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			ts.Fatalf("no device code is pending")
		}
	}
}

// role ACCOUNT ROLE adds a role to an account.
func cmdRole(ts *testscript.TestScript, _ bool, args []string) {
	want(ts, args, 2, 2, "role ACCOUNT ROLE")
	stageOf(ts).aws.AddAccount(args[0], "Account", "account@example.com", args[1])
}

// aws-login PROFILE ACCOUNT LEFT signs in like `aws login`, with keys that expire after
// LEFT. It sets LOGIN_FILE.
func cmdAWSLogin(ts *testscript.TestScript, _ bool, args []string) {
	want(ts, args, 3, 3, "aws-login PROFILE ACCOUNT LEFT")
	s := stageOf(ts)
	ts.Setenv("LOGIN_FILE", s.home.ConsoleLogin(s.aws, args[0], args[1], "us-east-1", duration(ts, args[2])))
}

// organization N ROLE... adds accounts 100000000000 and up, each with these roles.
func cmdOrganization(ts *testscript.TestScript, _ bool, args []string) {
	want(ts, args, 2, 9, "organization N ROLE...")
	stageOf(ts).aws.AddOrganization(number(ts, args[0]), args[1:]...)
}

// rate-limit RATE BURST [RETRY-AFTER] limits the number of portal calls per second.
func cmdRateLimit(ts *testscript.TestScript, _ bool, args []string) {
	want(ts, args, 2, 3, "rate-limit RATE BURST [RETRY-AFTER]")
	stageOf(ts).aws.Limit(awstest.Portal, float64(number(ts, args[0])), number(ts, args[1]), append(args, "")[2])
}

// run-on container|instance|web-identity ACCOUNT sets up such an environment.
func cmdRunOn(ts *testscript.TestScript, _ bool, args []string) {
	want(ts, args, 2, 2, "run-on container|instance|web-identity ACCOUNT")
	s := stageOf(ts)
	cmdRole(ts, false, []string{args[1], "machine"})
	switch args[0] {
	case "container":
		uri, token := s.aws.AddContainer(args[1], "machine")
		ts.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri)
		ts.Setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", token)
	case "instance":
		ts.Setenv("AWS_EC2_METADATA_DISABLED", "false")
		ts.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", s.aws.AddMetadata(args[1], "machine", region))
	case "web-identity":
		path := filepath.Join(filepath.Dir(s.home.Dir), "oidc-token") // created by the platform, outside the home directory
		ts.Check(os.WriteFile(path, []byte(s.aws.AddWebIdentity()), 0o600))
		ts.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", path)
		ts.Setenv("AWS_ROLE_ARN", "arn:aws:iam::"+args[1]+":role/machine")
	}
}

// vanity-host HOST makes a company host redirect to the access portal.
func cmdVanityHost(ts *testscript.TestScript, _ bool, args []string) {
	want(ts, args, 1, 1, "vanity-host HOST")
	stageOf(ts).aws.AddVanityHost(args[0], startURL)
}

// ca-bundle FILE writes a CA file as large as a real system's, which includes the fake
// AWS's CA, and makes it the system's CA file.
func cmdCABundle(ts *testscript.TestScript, _ bool, args []string) {
	want(ts, args, 1, 1, "ca-bundle FILE")
	pem, err := stageOf(ts).aws.SystemBundle()
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), pem, 0o600))
	ts.Setenv("SSL_CERT_FILE", ts.MkAbs(args[0]))
	if ts.Getenv("AWS_CA_BUNDLE") != "" { // on platforms where Go uses the system's verifier
		ts.Setenv("AWS_CA_BUNDLE", ts.MkAbs(args[0]))
	}
}

// answerOf parses the output of a get.
func answerOf(out string) (map[string]string, error) {
	var answer map[string]string
	err := json.Unmarshal([]byte(out), &answer)
	return answer, err
}
