package awstest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// state is the state of the services, guarded by AWS.mu.
type state struct {
	instances    map[string]instance // by start URL, without trailing / and #
	accounts     map[string]*account
	clients      map[string]*client
	devices      map[string]*device
	codes        map[string]*code
	access       map[string]*accessToken
	refresh      map[string]*refreshToken
	keys         map[string]*principal // by access key ID
	ambient      map[string]*principal // container and instance keys, by name
	passwords    map[string]*password
	crossAccount map[[2]string]bool       // principal's account, registry's account
	identities   map[string]bool          // web identity tokens
	logins       map[string]*consoleLogin // by refresh token

	serviceTokens map[string]serviceToken // by the token

	container   map[string]roleRef // container credential tokens
	metadata    *metadata
	vanity      map[string]string // company host name -> start URL
	stores      map[string]*store // registries
	deniedRoles map[string]bool   // "account/role"
	deniedECR   map[string]bool   // account; "": all
	user        string            // the user at the browser
}

type account struct {
	id, name, email string
	roles           []string
}

type instance struct{ startURL, region string }

type roleRef struct{ account, role string }

type session struct {
	user   string // the signed-in user
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
		passwords: map[string]*password{}, crossAccount: map[[2]string]bool{}, identities: map[string]bool{}, logins: map[string]*consoleLogin{}, serviceTokens: map[string]serviceToken{}, container: map[string]roleRef{}, vanity: map[string]string{},
		stores: map[string]*store{}, deniedRoles: map[string]bool{}, deniedECR: map[string]bool{},
		user: "person@example.com",
	}
}

// SetUser sets the user name for all following sign-ins. The default is person@example.com.
// The name is also the session name of the user's roles.
func (a *AWS) SetUser(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.state.user = name
}

// newSession creates the session of a sign-in. Call with mu held.
func (a *AWS) newSession(user, region string) *session {
	return &session{user: user, region: region, ends: a.Now().Add(a.opt.SessionTTL)}
}

// AddInstance adds an IAM Identity Center instance with its start URL and region.
func (a *AWS) AddInstance(startURL, region string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.state.instances[trimURL(startURL)] = instance{startURL, region}
}

// trimURL removes trailing characters that users paste with a start URL.
func trimURL(u string) string { return strings.TrimRight(u, "/#") }

// AddAccount adds an account and the roles that every signed-in user has in it. Call it
// again to add roles.
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

// AllowCrossAccount allows principals of one account to use another account's registry,
// like a repository policy.
func (a *AWS) AllowCrossAccount(principalAccount, registryAccount string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.state.crossAccount[[2]string{principalAccount, registryAccount}] = true
}

// Keys are access keys for environment variables or a credentials file.
type Keys struct{ AccessKeyID, SecretAccessKey, SessionToken string }

// AddKeys creates the access key of an IAM user. It does not expire and has no session token.
func (a *AWS) AddKeys(account string) Keys {
	a.mu.Lock()
	defer a.mu.Unlock()
	p := &principal{id: "AKIA" + random32(16), secret: a.secret("", 40), account: account, arn: "arn:aws:iam::" + account + ":user/builder"}
	a.state.keys[p.id] = p
	return Keys{AccessKeyID: p.id, SecretAccessKey: p.secret}
}

// AddWebIdentity creates an OIDC token that AssumeRoleWithWebIdentity accepts.
func (a *AWS) AddWebIdentity() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	t := a.secret("eyJhbGciOiJSUzI1NiJ9.", 600)
	a.state.identities[t] = true
	return t
}

// newRoleKeys issues temporary credentials with a new access key ID. Call with mu held.
func (a *AWS) newRoleKeys(account, role, name, partition string, life time.Duration) *principal {
	p := &principal{
		id: "ASIA" + random32(16), secret: a.secret("", 40), token: a.secret("IQoJb3JpZ2luX2Vj", 900),
		account: account, partition: partition, expires: a.Now().Add(life).Truncate(time.Second),
		arn: fmt.Sprintf("arn:%s:sts::%s:assumed-role/%s/%s", partition, account, role, name),
	}
	a.state.keys[p.id] = p
	return p
}

// ambientKeys returns the credentials of a container or an instance. They do not change
// until shortly before they expire. Call with mu held.
func (a *AWS) ambientKeys(place, account, role, partition string) *principal {
	place += "/" + account + "/" + role
	if p := a.state.ambient[place]; p != nil && a.Now().Add(5*time.Minute).Before(p.expires) {
		return p
	}
	p := a.newRoleKeys(account, role, place, partition, a.opt.RoleTTL)
	a.state.ambient[place] = p
	return p
}

// DenyRole denies a role to all users: GetRoleCredentials returns 403. If role is "", it
// denies all roles of the account. ClearFaults undoes it.
func (a *AWS) DenyRole(account, role string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.state.deniedRoles[account+"/"+role] = true
}

// DenyECR makes GetAuthorizationToken return AccessDeniedException for all principals of an
// account ("": of all accounts). ClearFaults undoes it.
func (a *AWS) DenyECR(account string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.state.deniedECR[account] = true
}

// ExpireSession ends all sign-ins: access tokens get 401 and refresh tokens get
// invalid_grant. As with AWS, role credentials and ECR passwords remain valid.
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

// RevokeSession makes all access tokens fail with 401 before they expire. Refresh tokens
// still work.
func (a *AWS) RevokeSession() {
	a.mu.Lock()
	defer a.mu.Unlock()
	clear(a.state.access)
}

// ExpireClients ends all client registrations: clients then get invalid_client.
func (a *AWS) ExpireClients() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for c := range maps.Values(a.state.clients) {
		c.expires = a.Now()
	}
}

// ExpireKeys ends all temporary credentials issued so far: calls with them get
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

// ExpirePasswords ends all ECR passwords issued so far: registries return 401.
func (a *AWS) ExpirePasswords() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for p := range maps.Values(a.state.passwords) {
		p.expires = a.Now()
	}
}
