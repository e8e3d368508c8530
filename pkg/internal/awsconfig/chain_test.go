package awsconfig

import "testing"

const chains = corp + `
[profile base]
sso_session = corp
sso_account_id = 111111111111
sso_role_name = Admin
[profile one]
role_arn = arn:aws:iam::2:role/one
source_profile = base
[profile two]
role_arn = arn:aws:iam::3:role/two
source_profile = one
[profile self]
role_arn = arn:aws:iam::3:role/self
sso_session = corp
sso_account_id = 111111111111
sso_role_name = Admin
[profile loop-a]
role_arn = arn
source_profile = loop-b
[profile loop-b]
role_arn = arn
source_profile = loop-a
sso_session = corp
sso_account_id = 111111111111
sso_role_name = Admin
[profile astray]
role_arn = arn
source_profile = gone
[profile over-keys]
role_arn = arn
source_profile = keys
[profile keys]
sso_session = corp
sso_account_id = 111111111111
sso_role_name = Admin
[profile own-keys]
role_arn = arn
source_profile = own-keys
aws_access_key_id = AKIA
aws_secret_access_key = s
[profile instance]
role_arn = arn
credential_source = Ec2InstanceMetadata
sso_session = corp
sso_account_id = 111111111111
sso_role_name = Admin
[profile over-broken]
role_arn = arn
source_profile = broken
[profile broken]
sso_session = gone
sso_account_id = 111111111111
sso_role_name = Admin
[profile plain]
region = r
`

const chainKeys = "[keys]\naws_access_key_id = AKIA\naws_secret_access_key = s\n"

func TestFingerprintChangesWithIdentity(t *testing.T) {
	before := load(t, chains, chainKeys)
	for name, c := range map[string]struct {
		config, credentials string
		changed, same       []string
	}{
		"nothing changed": {chains, chainKeys, nil, []string{"base", "two", "keys", "loop-a", "nobody"}},
		"comments and order do not count": {"# hello\n[profile plain]\nregion = r # here\n" + chains, chainKeys,
			nil, []string{"base", "two", "plain"}},
		"key of the last profile of the chain": {chains + "[profile base]\nsso_role_name = ReadOnly\n", chainKeys,
			[]string{"base", "one", "two"}, []string{"self", "keys", "plain"}},
		"session": {chains + "[sso-session corp]\nsso_region = eu-west-1\n", chainKeys,
			[]string{"base", "one", "two", "self"}, []string{"plain", "broken"}},
		"key in the credentials file": {chains, "[keys]\naws_access_key_id = AKIB\naws_secret_access_key = s\n",
			[]string{"keys", "over-keys"}, []string{"base", "plain"}},
		"nested block": {chains + "[profile plain]\ns3 =\n  a = b\n", chainKeys,
			[]string{"plain"}, []string{"base"}},
		"profile that appears": {chains + "[profile nobody]\n", chainKeys, []string{"nobody"}, []string{"plain"}},
	} {
		t.Run(name, func(t *testing.T) {
			after := load(t, c.config, c.credentials)
			for _, p := range c.changed {
				if before.Fingerprint(p) == after.Fingerprint(p) {
					t.Errorf("%s: the fingerprint must change", p)
				}
			}
			for _, p := range c.same {
				if before.Fingerprint(p) != after.Fingerprint(p) {
					t.Errorf("%s: the fingerprint must not change", p)
				}
			}
		})
	}
	if before.Fingerprint("nobody") == before.Fingerprint("somebody") {
		t.Error("two missing profiles are not the same identity")
	}
}
