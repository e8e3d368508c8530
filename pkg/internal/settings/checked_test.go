package settings

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSettingsOfAProgramGoByTheRulesOfTheFile(t *testing.T) {
	got, err := Settings{Registries: map[string]string{"*.DKR.ecr.*.amazonaws.com": "dev"}}.Checked()
	want := Settings{Registries: map[string]string{"*.dkr.ecr.*.amazonaws.com": "dev"}, Login: LoginAuto, Cache: CacheFile, OnError: OnErrorAuto}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	if got, err := (Settings{Cache: CacheKeychain, Keychain: "pass"}).Checked(); err != nil || got.Keychain != "pass" || got.Cache != CacheKeychain {
		t.Errorf("a keychain: %+v, %v", got, err)
	}
	for name, s := range map[string]Settings{
		"a pattern with a scheme":       {Registries: map[string]string{"https://public.ecr.aws": "dev"}},
		"a profile without a name":      {Registries: map[string]string{"public.ecr.aws": ""}},
		"a pattern twice, but for case": {Registries: map[string]string{"public.ecr.aws": "a", "PUBLIC.ecr.aws": "b"}},
		"a login that makes no sense":   {Login: "sometimes"},
		"a cache that there is not":     {Cache: "cloud"},
		"an answer that there is not":   {OnError: "never"},
		"a keychain that is a path":     {Keychain: "../x"},
		"a profile with a line break":   {Registries: map[string]string{"public.ecr.aws": "a\nb"}},
	} {
		if _, err := s.Checked(); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
