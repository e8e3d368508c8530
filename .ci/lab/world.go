package lab

import (
	"os"
	"path/filepath"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/awstest"
)

// The constants of a new world: one SSO session with a profile in each of two accounts.
const (
	Session  = "corp"
	StartURL = "https://corp.awsapps.com/start"
	Region   = "us-east-1"

	Profile = "prod"
	Account = "123456789012"
	Role    = "Push"
	Host    = Account + ".dkr.ecr." + Region + ".amazonaws.com"

	OtherProfile = "dev"
	OtherAccount = "210987654321"
	OtherHost    = OtherAccount + ".dkr.ecr.eu-west-1.amazonaws.com"
)

// World is a home with a fake AWS. Worlds may share a fake.
type World struct {
	AWS  *awstest.AWS
	Home *awstest.Home
	Env  []string // the environment of a process in this home; append to it
}

// NewAWS starts a fake AWS with the start URL, accounts and roles of the constants. The
// caller closes it.
func NewAWS(o awstest.Options) (*awstest.AWS, error) {
	fake, err := awstest.New(o)
	if err != nil {
		return nil, err
	}
	fake.AddInstance(StartURL, Region)
	fake.AddAccount(Account, "Production", "prod@example.com", Role, "ReadOnly")
	fake.AddAccount(OtherAccount, "Development", "dev@example.com", Role)
	return fake, nil
}

// NewWorld creates dir and a home in it, with both profiles and no session. It clears the
// fake's faults and log.
func NewWorld(fake *awstest.AWS, dir string) (*World, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	fake.ClearFaults()
	fake.ResetLog()
	w := &World{AWS: fake, Home: fake.Home(dir)}
	w.Env = w.Home.Env()
	w.Home.SSOProfile(Profile, Session, StartURL, Region, Account, Role)
	w.Home.SSOProfile(OtherProfile, Session, StartURL, Region, OtherAccount, Role)
	return w, nil
}

// SignIn saves a new session, as `aws sso login` does.
func (w *World) SignIn() awstest.SSOToken {
	token := w.AWS.SignIn(StartURL, Region, true)
	w.Home.WriteToken(Session, token)
	return token
}

// SignInExpired saves a session whose access token expired an hour ago, with or without a
// valid refresh token.
func (w *World) SignInExpired(refreshable bool) awstest.SSOToken {
	token := w.AWS.SignIn(StartURL, Region, refreshable)
	token.ExpiresAt = time.Now().Add(-time.Hour).Truncate(time.Second)
	w.Home.WriteToken(Session, token)
	return token
}

// AgeFiles makes the user's files and the SSO tokens an hour old, because a helper must
// not cache an answer that depends on a recently written file.
func (w *World) AgeFiles() error {
	past := time.Now().Add(-time.Hour)
	files, err := filepath.Glob(w.Path(".aws", "sso", "cache", "*.json"))
	if err != nil {
		return err
	}
	for _, path := range append(files, w.Home.ConfigPath(), w.Path(".aws", "credentials"), w.Path(".config", Helper, "config.toml")) {
		if err := os.Chtimes(path, past, past); err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	return nil
}

// Path returns a path below the home.
func (w *World) Path(elem ...string) string {
	return filepath.Join(append([]string{w.Home.Dir}, elem...)...)
}

// CacheDir returns the directory of our helper's cached logins.
func (w *World) CacheDir() string { return w.Path(".cache", Helper) }
