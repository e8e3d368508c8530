package profile

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/settings"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

// BenchmarkChoose measures the work of a cold get with the AWS configuration: loading the
// file and choosing the credentials. The file contains the profiles of `configure --all`.
func BenchmarkChoose(b *testing.B) {
	for _, profiles := range []int{3, 3000} {
		b.Run(fmt.Sprintf("%d_profiles", profiles), func(b *testing.B) {
			var text strings.Builder
			text.WriteString(session)
			for i := range profiles {
				account := fmt.Sprintf("1%011d", i/3)
				role := [...]string{"Push", "ReadOnly", "Admin"}[i%3]
				text.WriteString(sso(role+"-"+account, account, role, "region = eu-west-1\necr_sso_generated = corp"))
			}
			path := filepath.Join(b.TempDir(), "config")
			if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
				b.Fatal(err)
			}
			reg, err := registry.ForAccount(fmt.Sprintf("1%011d", (profiles-1)/3), "eu-west-1")
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				c, err := awsconfig.Load(awsconfig.Paths{Config: path})
				if err != nil {
					b.Fatal(err)
				}
				choice, err := Choose(reg, env.FromMap(nil), settings.Settings{Roles: []string{"Push"}}, c)
				if err != nil || choice.SSO.Role != "Push" {
					b.Fatal(choice, err)
				}
			}
		})
	}
}
