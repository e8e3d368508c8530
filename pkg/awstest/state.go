package awstest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// state is the data of the services. Guarded by AWS.mu.
type state struct {
	instances  map[string]instance // by start URL without trailing / and #
	accounts   map[string]*account
	clients    map[string]*client
	devices    map[string]*device
	codes      map[string]*code
	access     map[string]*accessToken
	refresh    map[string]*refreshToken
	keys       map[string]*principal // by access key id
	ambient    map[string]*principal // keys of a container or an instance, by its name
	passwords  map[string]*password
	cross      map[[2]string]bool       // principal's account, registry's account
	identities map[string]bool          // web identity tokens
	logins     map[string]*consoleLogin // by refresh token

	serviceTokens map[string]serviceToken // by the token

	container   map[string]roleRef // container credential tokens
	metadata    *metadata
	vanity      map[string]string // host name of a company -> start URL of its portal
	stores      map[string]*store // registries
	deniedRoles map[string]bool   // "account/role"
	deniedECR   map[string]bool   // account; "": all
	person      string            // the user at the browser
}

type account struct {
	id, name, email string
	roles           []string
}

type instance struct{ startURL, region string }

type roleRef struct{ account, role string }

type session struct {
	person string // the user who signed in
	region string
	ends   time.Time
}

type accessToken struct {
	*session
	expires time.Time
}

type refreshToken struct {
	*session
	client string
	used   bool
}

// principal is the owner of an access key.
type principal struct {
	id, secret, token string
	account, arn      string
	partition         string // "": every partition (static keys)
	expires           time.Time
}

func newState() state {
	return state{
		instances: map[string]instance{}, accounts: map[string]*account{}, clients: map[string]*client{}, devices: map[string]*device{},
		codes: map[string]*code{}, access: map[string]*accessToken{}, refresh: map[string]*refreshToken{}, keys: map[string]*principal{}, ambient: map[string]*principal{},
		passwords: map[string]*password{}, cross: map[[2]string]bool{}, identities: map[string]bool{}, logins: map[string]*consoleLogin{}, serviceTokens: map[string]serviceToken{}, container: map[string]roleRef{}, vanity: map[string]string{},
		stores: map[string]*store{}, deniedRoles: map[string]bool{}, deniedECR: map[string]bool{},
		person: "person@example.com",
	}
}

// Person sets the name of the user for all following sign-ins. The default is
// person@example.com. The name is also the session name of the user's roles.
func (a *AWS) Person(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.state.person = name
}

// newSession makes the session of a sign-in. Call with mu held.
func (a *AWS) newSession(person, region string) *session {
	return &session{person: person, region: region, ends: a.Now().Add(a.opt.SessionLife)}
}

// AddInstance adds an IAM Identity Center instance, with its start URL and its region.
func (a *AWS) AddInstance(startURL, region string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.state.instances[trimURL(startURL)] = instance{startURL, region}
}

// trimURL removes the trailing characters with which users paste a start URL.
func trimURL(u string) string { return strings.TrimRight(u, "/#") }

// AddAccount adds an account with the roles that every signed-in user may use in it.
// Another call adds roles.
func (a *AWS) AddAccount(id, name, email string, roles ...string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	acct := a.state.accounts[id]
	if acct == nil {
		acct = &account{id: id}
		a.state.accounts[id] = acct
	}
	acct.name, acct.email = name, email
	for _, r := range roles {
		if !slices.Contains(acct.roles, r) {
			acct.roles = append(acct.roles, r)
		}
	}
}

// AllowCrossAccount lets principals of one account use the registry of another, as a
// repository policy does.
func (a *AWS) AllowCrossAccount(principalAccount, registryAccount string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.state.cross[[2]string{principalAccount, registryAccount}] = true
}

// Keys are access keys for the environment or a credentials file.
type Keys struct{ AccessKeyID, SecretAccessKey, SessionToken string }

// AddKeys makes the access key of an IAM user. It does not expire and has no session
// token.
func (a *AWS) AddKeys(account string) Keys {
	a.mu.Lock()
	defer a.mu.Unlock()
	p := &principal{id: "AKIA" + random32(16), secret: a.secret("", 40), account: account, arn: "arn:aws:iam::" + account + ":user/builder"}
	a.state.keys[p.id] = p
	return Keys{AccessKeyID: p.id, SecretAccessKey: p.secret}
}

// AddWebIdentity makes an OIDC token that AssumeRoleWithWebIdentity accepts.
func (a *AWS) AddWebIdentity() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	t := a.secret("eyJhbGciOiJSUzI1NiJ9.", 600)
	a.state.identities[t] = true
	return t
}

// newRoleKeys issues temporary credentials. Every call makes a new access key id. Call
// with mu held.
func (a *AWS) newRoleKeys(account, role, name, partition string, life time.Duration) *principal {
	p := &principal{
		id: "ASIA" + random32(16), secret: a.secret("", 40), token: a.secret("IQoJb3JpZ2luX2Vj", 900),
		account: account, partition: partition, expires: a.Now().Add(life).Truncate(time.Second),
		arn: fmt.Sprintf("arn:%s:sts::%s:assumed-role/%s/%s", partition, account, role, name),
	}
	a.state.keys[p.id] = p
	return p
}

// ambientKeys returns the credentials of a container or an instance: the same ones until
// they expire soon. Call with mu held.
func (a *AWS) ambientKeys(place, account, role, partition string) *principal {
	place += "/" + account + "/" + role
	if p := a.state.ambient[place]; p != nil && a.Now().Add(5*time.Minute).Before(p.expires) {
		return p
	}
	p := a.newRoleKeys(account, role, place, partition, a.opt.RoleLife)
	a.state.ambient[place] = p
	return p
}

// DenyRole denies a role to all users: GetRoleCredentials returns 403. Role "" means all
// roles of the account. Heal ends it.
func (a *AWS) DenyRole(account, role string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.state.deniedRoles[account+"/"+role] = true
}

// DenyECR makes GetAuthorizationToken return AccessDeniedException to the principals of
// an account ("": to all). Heal ends it.
func (a *AWS) DenyECR(account string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.state.deniedECR[account] = true
}

// ExpireSession ends every sign-in: access tokens get 401 and refresh tokens
// invalid_grant. Role credentials and ECR passwords stay valid, as at AWS.
func (a *AWS) ExpireSession() {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.Now()
	for t := range maps.Values(a.state.access) {
		t.ends, t.expires = now, now
	}
	for t := range maps.Values(a.state.refresh) {
		t.ends = now
	}
}

// RevokeSession makes every access token fail with 401, although it has not expired.
// Refresh tokens still work.
func (a *AWS) RevokeSession() {
	a.mu.Lock()
	defer a.mu.Unlock()
	clear(a.state.access)
}

// ExpireClients ends every client registration: clients get invalid_client from now on.
func (a *AWS) ExpireClients() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for c := range maps.Values(a.state.clients) {
		c.expires = a.Now()
	}
}

// ExpireKeys ends the temporary credentials issued so far: they get
// ExpiredTokenException.
func (a *AWS) ExpireKeys() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for p := range maps.Values(a.state.keys) {
		if p.token != "" {
			p.expires = a.Now()
		}
	}
}

// ExpirePasswords ends the ECR passwords issued so far: registries return 401.
func (a *AWS) ExpirePasswords() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for p := range maps.Values(a.state.passwords) {
		p.expires = a.Now()
	}
}
